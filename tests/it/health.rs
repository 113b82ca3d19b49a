//! Backends that die and come back, as the checks and the traffic see it.

use std::thread;

use evenkeel::balance::backend::{Eligibility, Verdict};

use crate::support::client::get;
use crate::support::eventually;
use crate::support::keel::{Keel, pool};
use crate::support::script::{Gate, garbage, held, ok, stalls_before_the_head, status};
use crate::support::upstream::{Upstream, deaf, upstream};

const FAST: &str = "{type: http, path: /health, interval: 100ms, timeout: 100ms, rise: 2, fall: 2}";

#[track_caller]
fn wait_for(keel: &Keel, backend: &Upstream, verdict: Verdict) {
    eventually(&format!("{verdict}"), || (keel.view(backend).health == verdict).then_some(()));
}

#[test]
fn a_killed_backend_leaves_and_returns_and_no_request_fails() {
    let backends = ["a", "b", "c"].map(|name| upstream(ok(name)));
    let keel = Keel::serve(pool(&backends.each_ref()).set("health_check", FAST));
    let victim = &backends[1];
    let mut client = keel.client();
    let mut serve_until = |what: &str, done: &dyn Fn() -> bool| {
        eventually(what, || {
            (0..50).for_each(|_| assert_eq!(client.get("/").status, 200));
            done().then_some(())
        });
    };
    serve_until("three healthy backends", &|| keel.view(victim).health == Verdict::Healthy);
    victim.dies();
    serve_until("the victim out", &|| keel.view(victim).health == Verdict::Unhealthy);
    let view = keel.view(victim);
    assert_eq!(view.eligibility, Eligibility::Unhealthy);
    assert!(view.checks[0].detail.contains("refused"), "{:?}", view.checks[0]);
    assert!(view.streak >= view.fall);
    victim.comes_back();
    serve_until("the victim back", &|| keel.view(victim).health == Verdict::Healthy);
    let before = victim.requests().iter().filter(|r| !r.head.start_line().contains("/health")).count();
    serve_until("traffic at the victim", &|| {
        victim.requests().iter().filter(|r| !r.head.start_line().contains("/health")).count() > before
    });
    keel.line("healthy -> unhealthy");
    keel.line("unhealthy -> healthy");
}

#[test]
fn the_reason_says_what_was_wrong() {
    let backend = upstream(status(503));
    let other = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend, &other]).set("health_check", FAST));
    wait_for(&keel, &backend, Verdict::Unhealthy);
    let check = keel.view(&backend).checks.remove(0);
    assert!(!check.passed);
    assert!(check.detail.contains("503") && check.detail.contains("200-399"), "{check:?}");
    backend.plays(stalls_before_the_head());
    eventually("a check that timed out", || keel.view(&backend).checks[0].detail.contains("timeout").then_some(()));
    backend.plays(ok("ok"));
    wait_for(&keel, &backend, Verdict::Healthy);
}

#[test]
fn requests_wait_for_the_first_verdict_at_the_start() {
    let gate = Gate::default();
    let good = upstream(held(&gate, "good"));
    let dead = deaf(ok("never"));
    let check = "{type: http, path: /health, interval: 1s, timeout: 900ms, rise: 2, fall: 2}";
    let keel = Keel::start(pool(&[&dead, &good]).set("health_check", check));
    let asked = thread::spawn({
        let address = keel.address;
        move || get(address, "/")
    });
    good.wait_for("the first check", |r| r.head.start_line().contains("/health"));
    gate.open();
    assert_eq!(asked.join().unwrap().text(), "good");
}

#[test]
fn a_check_is_told_apart_from_a_client() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]).set("health_check", FAST));
    wait_for(&keel, &backend, Verdict::Healthy);
    let check = backend.wait_for("a check", |r| r.head.start_line() == "GET /health HTTP/1.1");
    assert_eq!(check.head.get("host"), Some(backend.name().as_str()));
    assert!(check.head.get("user-agent").is_some_and(|agent| agent.contains("evenkeel")), "{}", check.head.text);
    assert_eq!(keel.view(&backend).requests_total, 0, "checks are no traffic");
}

#[test]
fn a_backend_that_keeps_failing_requests_is_ejected_and_tried_again() {
    let (good, bad) = (upstream(ok("good")), upstream(garbage()));
    let detection = "{consecutive_failures: 3, base_ejection: 200ms, max_ejection: 1s, max_ejected_percent: 50}";
    let keel = Keel::serve(pool(&[&good, &bad]).set("strategy", "round_robin").set("outlier_detection", detection));
    let mut client = keel.client();
    eventually("an ejection", || {
        assert_eq!(client.get("/").text(), "good", "the client does not notice");
        keel.lines().iter().any(|line| line.contains("ejected")).then_some(())
    });
    bad.plays(ok("good"));
    let before = bad.hits();
    eventually("the ejected backend on trial", || {
        assert_eq!(client.get("/").text(), "good");
        (bad.hits() > before + 1).then_some(())
    });
    keel.line("readmitted");
}
