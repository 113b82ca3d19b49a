//! The command line: first contact, exit codes, and one clear line when something is wrong.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::eventually;
use crate::support::keel::{BINARY, Run, collect, config_dir, pool, run};
use crate::support::script::ok;
use crate::support::upstream::upstream;

/// One line on stderr that says all of this, nothing on stdout, and this exit code.
#[track_caller]
fn assert_refused(run: &Run, code: i32, says: &[&str]) {
    assert_eq!(run.code, Some(code), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    for words in says {
        assert!(run.stderr.contains(words), "{words:?} is not in {:?}", run.stderr);
    }
}

#[test]
fn a_missing_config_is_one_clear_line() {
    for command in ["serve", "run", "check"] {
        assert_refused(&run(&[command, "-c", "/nowhere/config.yaml"]), 2, &["/nowhere/config.yaml"]);
    }
}

#[test]
fn an_unreadable_config_is_one_clear_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    assert_refused(&run(&["serve", "-c", path]), 2, &[path]);
}

#[test]
fn a_used_port_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.yaml");
    let serve = |yaml: String| {
        fs::write(&path, yaml).unwrap();
        run(&["serve", "-c", path.to_str().unwrap()])
    };
    let pools = pool(&[&upstream(ok("ok"))]);
    assert_refused(&serve(format!("listen: {address}\n{pools}")), 1, &[&address, "in use"]);
    let admin = serve(format!("listen: 127.0.0.1:0\nadmin: {{listen: \"{address}\"}}\n{pools}"));
    assert_refused(&admin, 1, &[&address, "in use"]);
}

#[test]
fn check_is_content_with_a_good_config() {
    let (_dir, path) = config_dir("127.0.0.1:0", pool(&[&upstream(ok("ok"))]));
    let run = run(&["check", "-c", path.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn check_names_every_problem_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("broken.yaml");
    let yaml = "listen: 127.0.0.1:0\npools:\n  - name: web\n    strategy: round_robbin\n    backends:\n      \
                - {url: \"http://127.0.0.1:9001\", weight: 999}\n      - {url: \"ftp://127.0.0.1\"}\n    retyr: {attempts: 1}\n";
    fs::write(&path, yaml).unwrap();
    let name = path.to_str().unwrap();
    for command in ["check", "serve"] {
        let run = run(&[command, "-c", name]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        let said = format!("{}{}", run.stdout, run.stderr);
        for (line, words) in [(4, "round_robin"), (6, "weight"), (7, "http"), (8, "retry")] {
            let place = format!("{name}:{line}:");
            let named = said.lines().any(|text| text.contains(&place) && text.contains(words));
            assert!(named, "line {line} ({words}) is not named in\n{said}");
        }
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn check_answers_programs_in_json() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.yaml");
    fs::write(&path, "listen: 127.0.0.1:0\npools: [{name: web, weigth: 1, backends: ['http://127.0.0.1:1']}]\n").unwrap();
    let broken = run(&["check", "--json", "-c", path.to_str().unwrap()]);
    let answer: serde_json::Value = serde_json::from_str(&broken.stdout).unwrap();
    assert_eq!((broken.code, &answer["ok"], &answer["problems"][0]["line"]), (Some(2), &false.into(), &2.into()), "{answer}");
    let good = run(&["check", "--json", "-c", concat!(env!("CARGO_MANIFEST_DIR"), "/config.yaml")]);
    assert_eq!((good.code, good.stdout.trim()), (Some(0), r#"{"ok":true,"problems":[],"warnings":[]}"#));
}

#[test]
fn the_sample_config_is_good() {
    let run = run(&["check", "-c", concat!(env!("CARGO_MANIFEST_DIR"), "/config.yaml")]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn run_and_demo_print_event_lines_where_there_is_no_terminal() {
    let (_dir, path) = config_dir("127.0.0.1:0", pool(&[&upstream(ok("ok"))]));
    for args in [&["run", "-c", path.to_str().unwrap()][..], &["demo", "--no-traffic"]] {
        let mut command = Command::new(BINARY);
        let mut child = command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = collect(child.stdout.take().unwrap());
        let said = |words: &str| lines.lock().unwrap().iter().any(|line| line.contains(words));
        eventually("listening", || said("listening on 127.0.0.1:").then_some(()));
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}");
        eventually("the last line", || said("every request was finished").then_some(()));
        assert!(!lines.lock().unwrap().iter().any(|line| line.contains('\x1b')), "escape sequences in {lines:?}");
    }
}

#[test]
fn help_names_every_command() {
    let run_help = run(&["--help"]);
    assert_eq!(run_help.code, Some(0));
    for command in [
        "run",
        "demo",
        "serve",
        "check",
        "status",
        "up",
        "drain",
        "down",
        "weight",
        "strategy",
        "undo",
        "redo",
        "reload",
        "plan",
        "explain",
        "events",
        "completions",
        "man",
        "schema",
        "attach",
    ] {
        assert!(run_help.stdout.contains(command), "{command} is not in\n{}", run_help.stdout);
        let own = run(&[command, "--help"]);
        assert_eq!(own.code, Some(0), "{command} --help: {}", own.stderr);
    }
}

#[test]
fn the_version_is_the_packages() {
    let run = run(&["--version"]);
    assert_eq!((run.code, run.stdout.trim()), (Some(0), concat!("evenkeel ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn wrong_usage_is_2() {
    for args in [&["--nonsense"][..], &["nonsense"], &["completions", "nonsense"]] {
        let run = run(args);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn completions_and_the_manual_are_for_this_program() {
    for shell in ["bash", "zsh", "fish"] {
        let run = run(&["completions", shell]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.stdout.contains("evenkeel") && run.stdout.contains("demo"), "{shell}");
    }
    let man = run(&["man"]);
    assert_eq!(man.code, Some(0));
    assert!(man.stdout.contains(".TH evenkeel"), "{}", man.stdout);
}
