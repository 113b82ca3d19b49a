//! The verbs around the config: what a reload would do, that it is done or not, and where a request would go.

use std::fs;

use super::{assert_done, assert_refused, two, verb};
use crate::support::keel::pool;
use crate::support::script::ok;
use crate::support::upstream::upstream;

#[test]
fn a_plan_tells_and_a_reload_does() {
    let ([a, b], keel) = two();
    let idle = "nothing would change";
    assert_done(&verb(&keel, &["plan"]), idle);
    let c = upstream(ok("c"));
    keel.rewrite(pool(&[&a, &c]));
    let plan = verb(&keel, &["plan", "--read-only"]);
    assert_eq!(plan.code, Some(0), "{}", plan.stderr);
    let lines: Vec<_> = plan.stdout.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines, [format!("+ web/{}", c.name()), format!("- web/{}", b.name())], "{}", plan.stdout);
    let json = verb(&keel, &["plan", "--json"]).stdout;
    assert!(serde_json::from_str::<evenkeel::plan::Plan>(&json).is_ok_and(|plan| !plan.is_idle()), "{json}");
    let reload = verb(&keel, &["reload"]);
    assert_eq!(reload.code, Some(0), "{}", reload.stderr);
    assert_done(&verb(&keel, &["plan"]), idle);
    assert!(verb(&keel, &["status", "--plain"]).stdout.contains(&c.url()));
}

#[test]
fn a_plan_of_another_file_is_of_that_file() {
    let ([a, b], keel) = two();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new.yaml");
    let file = path.to_str().unwrap();
    let weighted = pool(&[&a, &b]).weights(&[7, 1]);
    fs::write(&path, format!("listen: 127.0.0.1:0\nworkers: 2\nadmin: {{listen: \"127.0.0.1:0\"}}\n{weighted}")).unwrap();
    let plan = verb(&keel, &["plan", "-c", file]);
    assert_eq!((plan.code, plan.stdout), (Some(0), format!("~ web/{}: weight 1 -> 7\n", a.name())), "{}", plan.stderr);
    fs::write(&path, "pools: nonsense\nlisten: nowhere\n").unwrap();
    let broken = verb(&keel, &["plan", "-c", file]);
    assert_eq!((broken.code, broken.stdout.as_str(), broken.stderr.lines().count()), (Some(2), "", 2), "{}", broken.stderr);
    assert!(broken.stderr.lines().all(|line| line.starts_with(&format!("{file}:"))), "{}", broken.stderr);
    fs::write(&path, "\n").unwrap();
    assert_refused(&verb(&keel, &["plan", "-c", file]), 2, &[file, "the file is empty"]);
    assert_refused(&verb(&keel, &["plan", "-c", "/nowhere/new.yaml"]), 2, &["/nowhere/new.yaml"]);
}

#[test]
fn a_broken_file_is_not_reloaded() {
    let (_backends, keel) = two();
    keel.rewrite("pools: nonsense\n");
    assert_refused(&verb(&keel, &["reload"]), 1, &["nothing has been reloaded", "pools"]);
    let plan = verb(&keel, &["plan"]);
    assert_eq!(plan.code, Some(2), "{}", plan.stderr);
    assert!(plan.stderr.contains("pools"), "{}", plan.stderr);
    assert_eq!(verb(&keel, &["status"]).code, Some(0));
}

#[test]
fn an_explanation_names_who_would_be_asked_and_why_not_the_others() {
    let ([a, b], keel) = two();
    assert_eq!(verb(&keel, &["drain", &b.name(), "--reason", "disk"]).code, Some(0));
    let explained = verb(&keel, &["explain", "GET", "http://example.com/x", "-H", "A: b", "--client", "10.0.0.1"]);
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
    for words in ["GET http://example.com/x from 10.0.0.1", &format!("picks  web/{}", a.name()), "cli:alice", "disk"] {
        assert!(explained.stdout.contains(words), "{words:?} is not in\n{}", explained.stdout);
    }
    let wrong = verb(&keel, &["explain", "GET", "nonsense"]);
    assert!(wrong.code == Some(2) && wrong.stderr.contains("write an address such as"), "{}", wrong.stderr);
}
