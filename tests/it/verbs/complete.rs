//! Shells complete the names of the running instance.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use super::two;
use crate::support::keel::{BINARY, run};

/// What a shell is offered for the last of these words.
fn offered(words: &[&str]) -> Vec<String> {
    let mut command = Command::new(BINARY);
    command.arg("--").args(words).env("COMPLETE", "bash").env("_CLAP_IFS", "\n");
    command.env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string());
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn names_come_from_the_running_instance() {
    let ([a, b], keel) = two();
    let admin = keel.admin.to_string();
    let ids = [&a, &b].map(|backend| format!("web/{}", backend.name()));
    for verb in ["up", "drain", "down", "weight"] {
        let offered = offered(&["evenkeel", "--admin", &admin, verb, "web/"]);
        assert!(ids.iter().all(|id| offered.contains(id)), "{verb}: {offered:?}");
    }
    assert_eq!(offered(&["evenkeel", "--admin", &admin, "drain", &ids[0]]), [&*ids[0]]);
    assert_eq!(offered(&["evenkeel", "strategy", "--admin", &admin, "w"]), ["web"]);
    assert_eq!(offered(&["evenkeel", "strategy", "web", "peak"]), ["peak_ewma"]);
    assert_eq!(offered(&["evenkeel", "dra"]), ["drain"]);
}

#[test]
fn where_nobody_answers_nothing_is_said() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    assert_eq!(offered(&["evenkeel", "--admin", &nobody, "strategy", "w"]), Vec::<String>::new());
    assert_eq!(offered(&["evenkeel", "-c", "/nowhere/config.yaml", "strategy", "w"]), Vec::<String>::new());
}

#[test]
fn bash_completes_names_with_colons() {
    let ([a, b], keel) = two();
    let bin = std::path::Path::new(BINARY).parent().unwrap();
    // As bash would call it: the words are split at colons, the line is not.
    let line = format!("evenkeel --admin {} drain web/{}", keel.admin, &a.name()[..a.name().len() - 1]);
    let script = format!(
        "PATH={}:$PATH; source <(evenkeel completions bash); compopt() {{ :; }}; COMP_LINE='{line}' COMP_POINT={}; _evenkeel; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        bin.display(),
        line.len()
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let offered = String::from_utf8(output.stdout).unwrap();
    let port = |name: &str| name.rsplit_once(':').unwrap().1.to_owned();
    assert!(offered.lines().any(|word| word == port(&a.name())), "{offered:?} {:?}", String::from_utf8(output.stderr));
    assert!(offered.lines().all(|word| word == port(&a.name()) || word == port(&b.name())), "{offered:?}");
    let script = run(&["completions", "bash"]);
    assert!(script.stdout.contains("complete ") && script.stdout.contains("drain"), "{}", script.stdout);
}
