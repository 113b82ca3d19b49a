//! `tests/CONFORMANCE.md` is what the names and doc comments of the RFC modules say. With `BLESS` set in the environment, the
//! page is written; without, it is compared.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The module of each RFC, and its title.
const RFCS: [(&str, &str); 4] = [
    ("rfc9110", "RFC 9110, HTTP semantics"),
    ("rfc9112", "RFC 9112, HTTP/1.1"),
    ("rfc7239", "RFC 7239, Forwarded, and X-Forwarded-*"),
    ("rfc6455", "RFC 6455, WebSocket"),
];

/// Requirements that nothing tests, and why: module, section, requirement, reason.
const UNTESTED: [(&str, &[u32], &str, &str); 2] = [
    ("rfc9112", &[9, 8], "A TLS connection MUST be closed with an alert before its end.", "there is no TLS yet."),
    (
        "rfc6455",
        &[5, 1],
        "Frames of a client MUST be masked, those of a server MUST NOT.",
        "tunnels are opaque, and frames are for the two ends to judge.",
    ),
];

/// What must hold, and whether it does.
struct Requirement {
    section: Vec<u32>,
    text: String,
    met: Met,
}

enum Met {
    /// As this test shows.
    Yes(String),
    /// As this test shows, it does not, for a reason.
    No(String, String),
    /// It may be, but nothing shows it, for a reason.
    Untested(String),
}

impl Met {
    fn is_yes(&self) -> bool {
        matches!(self, Self::Yes(_))
    }

    fn is_no(&self) -> bool {
        matches!(self, Self::No(..))
    }

    fn is_untested(&self) -> bool {
        matches!(self, Self::Untested(_))
    }
}

fn count(all: &[Requirement], is: fn(&Met) -> bool) -> usize {
    all.iter().filter(|requirement| is(&requirement.met)).count()
}

#[test]
fn the_page_says_what_the_tests_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/CONFORMANCE.md");
    let page = page();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let stale = page.lines().zip(committed.lines()).find(|(now, then)| now != then);
    assert!(page == committed, "write the page anew: BLESS=1 cargo test --test it conformance\nfirst difference: {stale:#?}");
}

const INTRODUCTION: &str = "\
# HTTP conformance

What the RFCs ask of a gateway between HTTP/1.1 clients and backends, in our own words, each requirement with the test in
`tests/it` that holds evenkeel to it. Made from the names and comments of the tests by
`BLESS=1 cargo test --test it conformance`; without `BLESS` that fails if this page is stale.

";

fn page() -> String {
    let rfcs = RFCS.map(|(module, title)| (title, requirements(module)));
    let (met, all) = rfcs.iter().fold((0, 0), |(met, all), (_, of)| (met + count(of, Met::is_yes), all + of.len()));
    let mut page = format!("{INTRODUCTION}{met} of {all} requirements are met and tested.\n\n");
    page.push_str("| | requirements | met and tested | deviations | not tested |\n|---|---|---|---|---|\n");
    for (title, all) in &rfcs {
        let [met, not, untested] = [Met::is_yes, Met::is_no, Met::is_untested].map(|is| count(all, is));
        writeln!(page, "| {title} | {} | {met} | {not} | {untested} |", all.len()).unwrap();
    }
    page.push_str("\n## Deviations\n\n| | requirement | what evenkeel does, and why | test |\n|---|---|---|---|\n");
    for (title, all) in &rfcs {
        let rfc = title.split(',').next().unwrap_or_default();
        for Requirement { section, text, met } in all {
            if let Met::No(test, reason) = met {
                writeln!(page, "| {rfc} {} | {text} | {reason} | `{test}` |", dotted(section)).unwrap();
            }
        }
    }
    for (title, all) in &rfcs {
        writeln!(page, "\n## {title}\n\n| section | requirement | test |\n|---|---|---|").unwrap();
        for Requirement { section, text, met } in all {
            let shown = match met {
                Met::Yes(test) => format!("`{test}`"),
                Met::No(..) => "a deviation, see above".to_owned(),
                Met::Untested(reason) => format!("none: {reason}"),
            };
            writeln!(page, "| {} | {text} | {shown} |", dotted(section)).unwrap();
        }
    }
    page
}

/// Everything that an RFC's modules and the table above say, in the order of the sections.
fn requirements(module: &str) -> Vec<Requirement> {
    let mut all: Vec<_> =
        sources(module).iter().flat_map(|(path, file)| read(path, &fs::read_to_string(file).unwrap())).collect();
    for (_, section, text, reason) in UNTESTED.iter().filter(|(of, ..)| *of == module) {
        let met = Met::Untested((*reason).to_owned());
        all.push(Requirement { section: section.to_vec(), text: (*text).to_owned(), met });
    }
    assert!(all.len() > 3, "the tests of {module} have not been found");
    all.sort_by(|a, b| a.section.cmp(&b.section));
    all
}

/// The files of a module, each with its module path.
fn sources(module: &str) -> Vec<(String, PathBuf)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut files = vec![(module.to_owned(), dir.join(module).with_extension("rs"))];
    for entry in fs::read_dir(dir.join(module)).into_iter().flatten() {
        let file = entry.unwrap().path();
        files.push((format!("{module}::{}", file.file_stem().unwrap().to_str().unwrap()), file));
    }
    files.sort();
    files
}

/// The requirements that the tests of one file state.
fn read(module: &str, source: &str) -> Vec<Requirement> {
    let mut lines = source.lines();
    let (mut comment, mut found) = (String::new(), Vec::new());
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix("///") {
            comment.push_str(text);
            comment.push('\n');
        } else if line == "#[test]" {
            let name = lines.next().and_then(|line| line.strip_prefix("fn ")?.strip_suffix("() {")).expect("a test has a name");
            found.push(requirement(&format!("{module}::{name}"), name, &std::mem::take(&mut comment)));
        } else {
            comment.clear();
        }
    }
    found
}

/// What the name `s1_2_claim` and the comment of a test say. A paragraph that begins with `Deviation:` says that it is none.
fn requirement(path: &str, name: &str, comment: &str) -> Requirement {
    let numbers = name.strip_prefix('s').into_iter().flat_map(|rest| rest.split('_'));
    let section: Vec<u32> = numbers.map_while(|part| part.parse().ok()).collect();
    assert!(!section.is_empty() && section.len() < name.split('_').count(), "{path} is not named by section and claim");
    let mut paragraphs = comment.split("\n\n").map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let text = paragraphs.next().filter(|text| text.ends_with('.')).unwrap_or_else(|| panic!("{path} states no requirement"));
    let met = match paragraphs.next().as_deref().map(|second| second.strip_prefix("Deviation: ")) {
        None => Met::Yes(path.to_owned()),
        Some(Some(reason)) => Met::No(path.to_owned(), reason.to_owned()),
        Some(None) => panic!("the second paragraph of {path} is no deviation"),
    };
    Requirement { section, text: text.replace('|', "\\|"), met }
}

fn dotted(section: &[u32]) -> String {
    section.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

#[test]
fn a_comment_and_a_name_make_a_requirement() {
    let source = "/// It MUST\n/// hold.\n///\n/// Deviation: it\n/// does not.\n#[test]\nfn s1_12_it_holds() {\n}\n\
                  /// Nothing of it.\nfn helper() {\n}\n/// B.\n#[test]\nfn s2_b() {\n";
    let [first, second] = read("m", source).try_into().unwrap_or_else(|_| panic!("two"));
    assert_eq!((first.section, first.text.as_str()), (vec![1, 12], "It MUST hold."));
    assert!(matches!(first.met, Met::No(test, reason) if test == "m::s1_12_it_holds" && reason == "it does not."));
    assert_eq!((second.section, second.text.as_str()), (vec![2], "B."));
    assert!(matches!(second.met, Met::Yes(test) if test == "m::s2_b"));
}
