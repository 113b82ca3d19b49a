//! Nobody disagrees with us about where a request ends: what reaches a backend is at most one sound request for each that a
//! client sent, judged by a reader of our own on the backend's side of the wire.

mod arena;
mod bodies;
mod spellings;
mod vectors;

use arena::{Arena, Attempt, Outcome};
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};
use spellings::Verdict::{Refused, Served, Sound};
use spellings::{CHUNK_SIZES, CODINGS, LENGTHS, STARTS, Verdict};
use vectors::Tier;

/// Tries everything; fails with all that went wrong.
#[track_caller]
fn each(cases: impl IntoIterator<Item = (String, Verdict, Attempt)>) {
    let arena = Arena::open();
    let mut count = 0;
    let mut wrong = Vec::new();
    for (name, verdict, attempt) in cases {
        count += 1;
        match arena.judge(&attempt) {
            Ok(outcome) if outcome.is(verdict) => {}
            Ok(outcome) => wrong.push(format!("{name}: not {verdict:?} but {outcome:?}")),
            Err(problem) => wrong.push(format!("{name}: {problem}")),
        }
    }
    // What came late would show now.
    arena.judge(&Attempt::get("")).unwrap();
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

impl Outcome {
    fn is(&self, verdict: Verdict) -> bool {
        match verdict {
            Served => self.is_served(),
            Refused => self.is_refused(),
            Sound => true,
        }
    }
}

impl Attempt {
    fn get(fields: &str) -> Self {
        Self { start: "GET / HTTP/1.1\r\n".into(), fields: fields.into(), body: Vec::new() }
    }

    fn post(fields: impl AsRef<[u8]>, body: Vec<u8>) -> Self {
        Self { start: "POST / HTTP/1.1\r\n".into(), fields: fields.as_ref().to_vec(), body }
    }
}

/// A length line that tells the truth about `body`.
fn right(line: &str, body: &[u8]) -> String {
    line.replace('N', &body.len().to_string())
}

#[test]
#[expect(clippy::print_stderr, reason = "says why nothing was tried")]
fn the_desync_vectors_become_at_most_one_request() {
    /// Sound by RFC 9112, and more than we take: transfer codings beside `chunked`, and no target at all.
    const BEYOND_US: [&str; 8] = [
        "Correct TE OK",
        "TE with custom parameters OK",
        "Transfer-Encoding: identity and chunked OK",
        "Multiple transfer encoding headers in a single request OK",
        "Different Transfer-Encoding headers",
        "Different Transfer-Encoding headers combined",
        "Transfer-Encoding with a param: chunked;custom_param",
        "Empty URI",
    ];
    let Some(vectors) = vectors::load() else {
        eprintln!("skipped: no vectors beside the repository, nor where EVENKEEL_VECTORS says");
        return;
    };
    each(vectors.iter().flat_map(|vector| {
        let verdict = match vector.expected.tier {
            Tier::Severe => Refused,
            Tier::Compliant if BEYOND_US.contains(&vector.name.as_str()) => Refused,
            Tier::Compliant => Served,
            Tier::Ambiguous | Tier::Acceptable => Sound,
        };
        let name = format!("{} ({:?}: {})", vector.name, vector.expected.tier, vector.expected.reason);
        vector.attempts().into_iter().map(move |attempt| (name.clone(), verdict, attempt))
    }));
}

#[test]
fn a_request_line_is_exact_or_refused() {
    each(STARTS.map(|(start, verdict)| {
        let attempt = Attempt { start: start.into(), ..Attempt::get("") };
        (start.to_owned(), verdict, attempt)
    }));
}

#[test]
fn a_length_is_exact_or_refused() {
    each(LENGTHS.map(|(line, verdict)| {
        let body = bodies::of_length(100);
        (line.to_owned(), verdict, Attempt::post(right(line, &body), body))
    }));
}

#[test]
fn a_transfer_coding_is_exactly_chunked_or_refused() {
    each(CODINGS.map(|(line, verdict)| (line.to_owned(), verdict, Attempt::post(line, bodies::chunked()))));
}

#[test]
fn chunks_are_exact_or_refused() {
    let hidden = bodies::chunked();
    let size = hidden.iter().position(|b| *b == b'\r').expect("a size line");
    let (size, rest) = hidden.split_at(size);
    let size = str::from_utf8(size).unwrap();
    let with = |line: String| Attempt::post("Transfer-Encoding: chunked\r\n", [line.as_bytes(), rest].concat());
    each(CHUNK_SIZES.map(|(line, verdict)| (line.to_owned(), verdict, with(line.replace('N', size)))));
}

#[test]
fn no_length_beside_a_transfer_coding_splits_a_request() {
    // What only looks like a length is none, and then nothing is hidden.
    let lengths = || LENGTHS.iter().filter(|(length, _)| !length.contains('_'));
    let pairs = CODINGS.iter().flat_map(|(coding, _)| lengths().map(move |(length, _)| (*coding, *length)));
    each(pairs.flat_map(|(coding, length)| {
        [bodies::of_length(100), bodies::chunked()].into_iter().map(move |body| {
            let fields = right(length, &body) + coding;
            (fields.clone(), Sound, Attempt::post(fields, body))
        })
    }));
}

#[test]
fn no_head_of_odds_and_ends_splits_a_request() {
    let arena = Arena::open();
    let lines = || LENGTHS.iter().chain(&CODINGS).map(|(line, _)| *line).collect::<Vec<_>>();
    let odd = prop_oneof![
        4 => prop::sample::select(lines()).prop_map(str::to_owned),
        1 => "[ -~]{0,12}(:[ \t]{0,2}[ -~\t]{0,12})?(\r\n|\n|\r)",
        1 => prop::sample::select(vec!["\r\n", "\n", "\r", "\t", " ", "\0", ":", "\u{85}", "Host: other\r\n", "Expect: 100-continue\r\n"])
            .prop_map(str::to_owned),
    ];
    let start = prop_oneof![
        4 => prop::sample::select(vec!["GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "HEAD / HTTP/1.1\r\n", "PUT / HTTP/1.0\r\n"]),
        1 => prop::sample::select(STARTS.map(|(start, _)| start).to_vec()),
    ];
    let heads = (start, prop::collection::vec(odd, 0..4), any::<bool>());
    let config = ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() };
    let ran = TestRunner::new(config).run(&heads, |(start, odds, in_chunks)| {
        let all = format!("\n{}", odds.concat());
        let body = if all.contains("\n\n") || all.contains("\n\r\n") {
            // The head ends early, and then anything is what the client says next.
            Vec::new()
        } else if !in_chunks && all.to_ascii_lowercase().contains("content-length") {
            // Only a length hides what comes after the last chunk.
            bodies::of_length(100)
        } else {
            bodies::chunked()
        };
        let fields = right(&all[1..], &body);
        let attempt = Attempt { start: start.into(), fields: fields.into(), body };
        arena.judge(&attempt).map(drop).map_err(TestCaseError::fail)
    });
    if let Err(TestError::Fail(problem, _)) = ran {
        panic!("{problem}");
    }
}
