//! What clients see, and what backends are sent, when things break.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use crate::support::client::Response;
use crate::support::eventually;
use crate::support::keel::{Keel, Pool, pool};
use crate::support::script::{
    Gate, Script, breaks_off_a_chunk, closes_silently, closes_without_an_answer, garbage, held, ok, promises_too_much, raw,
    resets_before_the_head, resets_mid_body, stalls_before_the_head, stalls_mid_body, status,
};
use crate::support::upstream::{Upstream, deaf, upstream};

/// A pool that gives up soon and ejects nobody.
fn impatient(backends: &[&Upstream]) -> Pool {
    pool(backends).set("timeouts", "{connect: 1s, response_head: 300ms, stream_idle: 300ms}").set("outlier_detection", "null")
}

/// Answers that are evenkeel's own are short text that names the request and repeats nothing of it.
#[track_caller]
fn assert_own(response: &Response, status: u16) {
    let text = response.text();
    assert_eq!(response.status, status, "{text}");
    let id = response.head.get("x-request-id").expect("an own answer names the request");
    assert!(text.contains(id), "{text:?} does not name the request {id}");
    assert!(text.len() < 300, "{text:?} is long");
    assert!(response.head.get("content-type").is_some_and(|t| t.starts_with("text/plain")), "{}", response.head.text);
    assert!(!text.contains("sesame"), "{text:?} repeats the request");
}

#[test]
fn each_vice_has_its_status() {
    let cases: [(&str, Script, u16); 8] = [
        ("stalls before the head", stalls_before_the_head(), 504),
        ("resets before the head", resets_before_the_head(), 502),
        ("closes without an answer", closes_without_an_answer(), 502),
        ("garbage", garbage(), 502),
        ("two lengths", raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc"), 502),
        ("a negative length", raw("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"), 502),
        ("an unknown coding", raw("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc"), 502),
        ("a switch nobody asked for", raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"), 502),
    ];
    for (vice, script, status) in cases {
        let backend = upstream(script);
        let keel = Keel::serve(impatient(&[&backend]));
        let response = keel.get("/open-sesame?sesame");
        assert_own(&response, status);
        assert!(backend.hits() > 0, "{vice} was never asked");
        keel.comes_to_rest();
    }
}

#[test]
fn a_backend_that_refuses_is_502_and_leaves_a_line() {
    let backend = deaf(ok("never"));
    let keel = Keel::serve(impatient(&[&backend]));
    assert_own(&keel.get("/sesame"), 502);
    keel.line("connection refused");
    keel.comes_to_rest();
}

#[test]
fn a_status_of_the_backend_is_passed_on() {
    let backend = upstream(status(500));
    let keel = Keel::serve(impatient(&[&backend]));
    let response = keel.get("/");
    assert_eq!((response.status, response.text().as_str()), (500, "status\n"));
    assert_eq!(backend.hits(), 1, "an answer is an answer: it is not tried again");
}

#[test]
fn an_answer_that_breaks_off_breaks_off_visibly() {
    for vice in ["stalls", "resets", "promises too much", "breaks off a chunk"] {
        let gate = Gate::default();
        let backend = upstream(match vice {
            "stalls" => stalls_mid_body(),
            "resets" => resets_mid_body(&gate),
            "promises too much" => promises_too_much(&gate),
            _ => breaks_off_a_chunk(&gate),
        });
        let keel = Keel::serve(impatient(&[&backend]));
        let mut client = keel.client();
        let head = client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").head();
        assert!(head.start_line().contains("200"), "{vice}: {}", head.text);
        gate.open();
        let mut body = Vec::new();
        // The end of the connection, in whichever form, is the only way to say it.
        while let Ok(piece) = client.some()
            && !piece.is_empty()
        {
            body.extend(piece);
        }
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains("half"), "{vice}: {body:?}");
        assert!(!body.ends_with("0\r\n\r\n"), "{vice} looks like a whole answer: {body:?}");
        assert_eq!(backend.hits(), 1, "{vice}: what the client has seen cannot be tried again");
        keel.comes_to_rest();
    }
}

#[test]
fn another_backend_answers_without_the_client_noticing() {
    let vices = [resets_before_the_head(), closes_without_an_answer(), garbage()];
    for vice in vices {
        let (good, bad) = (upstream(ok("good")), upstream(vice));
        let keel = Keel::serve(impatient(&[&good, &bad]).set("strategy", "round_robin"));
        for _ in 0..4 {
            assert_eq!(keel.get("/").text(), "good");
        }
        assert!(bad.hits() > 0, "the bad one was never asked");
        keel.comes_to_rest();
    }
}

#[test]
fn a_refused_post_goes_to_another_backend() {
    let (good, bad) = (upstream(ok("good")), deaf(ok("never")));
    let keel = Keel::serve(impatient(&[&good, &bad]).set("strategy", "round_robin"));
    for n in 0..4 {
        let response = keel.client().send(post(n)).response();
        assert_eq!(response.text(), "good");
    }
    assert_eq!(ids(&[&good]), ["0", "1", "2", "3"]);
}

#[test]
fn a_post_is_delivered_at_most_once() {
    let gate = Gate::default();
    gate.open();
    let vices: [(&str, Script); 9] = [
        ("stalls before the head", stalls_before_the_head()),
        ("stalls mid-body", stalls_mid_body()),
        ("resets before the head", resets_before_the_head()),
        ("resets mid-body", resets_mid_body(&gate)),
        ("closes without an answer", closes_without_an_answer()),
        ("closes after each answer", closes_silently("ok")),
        ("promises too much", promises_too_much(&gate)),
        ("garbage", garbage()),
        ("answers 500", status(500)),
    ];
    for (vice, script) in vices {
        let backends = [upstream(script.clone()), upstream(script.clone()), upstream(script)];
        let keel = Keel::serve(impatient(&backends.each_ref()));
        for n in 0..6 {
            // What comes back differs from vice to vice; what counts here is the ledger.
            let _ = keel.client().send(post(n)).try_response();
        }
        let ids = ids(&backends.each_ref());
        let mut unique = ids.clone();
        unique.dedup();
        assert_eq!(ids, unique, "{vice} delivered some twice");
        assert!(!ids.is_empty(), "{vice} was never asked");
        keel.comes_to_rest();
    }
}

fn post(id: usize) -> String {
    format!("POST / HTTP/1.1\r\nhost: test\r\nx-id: {id}\r\ncontent-length: 4\r\n\r\nbody")
}

/// The ids of all requests that arrived, sorted.
fn ids(backends: &[&Upstream]) -> Vec<String> {
    let requests = backends.iter().flat_map(|b| b.requests());
    let mut ids: Vec<_> = requests.map(|r| r.head.get("x-id").expect("every POST has an id").to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn a_client_that_leaves_cancels_its_request_and_blames_nobody() {
    let backends = [upstream(stalls_before_the_head()), upstream(stalls_before_the_head())];
    // A single failure would eject a backend.
    let detection = "{consecutive_failures: 1, base_ejection: 60s, max_ejection: 60s, max_ejected_percent: 100}";
    let keel = Keel::serve(pool(&backends.each_ref()).set("outlier_detection", detection));
    let hits = || backends.iter().map(Upstream::hits).sum::<usize>();
    for n in 1..=8 {
        let mut client = keel.client();
        client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
        eventually("the request", || (hits() == n).then_some(()));
    }
    for backend in &backends {
        let cancelled = || backend.requests().iter().all(|r| r.abandoned).then_some(());
        eventually("every request cancelled at the backend", cancelled);
    }
    keel.comes_to_rest();
    for backend in &backends {
        let view = keel.view(backend);
        assert!(view.eligibility.is_eligible(), "{:?}", view.eligibility);
        assert_eq!(view.failures, []);
        assert_eq!(view.windows[0].cancelled, 4);
        backend.plays(ok("still there"));
    }
    assert_eq!(keel.get("/").text(), "still there");
}

#[test]
fn nobody_left_is_503() {
    let (first, second) = (upstream(ok("first")), upstream(ok("second")));
    let check = "{type: tcp, interval: 100ms, timeout: 100ms, rise: 1, fall: 1}";
    let keel = Keel::serve(pool(&[&first, &second]).set("health_check", check));
    first.dies();
    second.dies();
    eventually("not ready", || (keel.ask_admin("/readyz").status == 503).then_some(()));
    let response = keel.get("/sesame");
    assert_own(&response, 503);
    assert!(response.head.has("retry-after"), "{}", response.head.text);
    keel.line("eligible: clients get 503");
}

#[test]
fn a_full_backend_makes_requests_wait_their_turn() {
    let gate = Gate::default();
    let backend = upstream(held(&gate, "served"));
    let yaml = format!(
        "pools:\n  - {{name: web, health_check: null, queue: {{size: 2, timeout: 20s}}, \
         backends: [{{url: \"{}\", max_in_flight: 1}}]}}\n",
        backend.url()
    );
    let keel = Keel::serve(yaml);
    let statuses: Vec<_> = thread::scope(|scope| {
        let asked: Vec<_> = (0..3).map(|_| scope.spawn(|| keel.get("/").status)).collect();
        let waiting = || (keel.snapshot().pools[0].queued == 2).then_some(());
        eventually("one in flight, two in the queue", waiting);
        assert_own(&keel.get("/sesame"), 503);
        assert_eq!(backend.hits(), 1, "more than max_in_flight at once");
        gate.open();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses, [200, 200, 200]);
}

#[test]
fn a_backend_that_dies_under_load_costs_no_request() {
    let backends = ["a", "b", "c"].map(|name| upstream(ok(name)));
    let check = "{type: tcp, interval: 200ms, timeout: 200ms, rise: 1, fall: 2}";
    let keel = Keel::serve(pool(&backends.each_ref()).set("health_check", check));
    let served = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = keel.client();
                for n in 0..200 {
                    assert_eq!(client.get(&format!("/{n}")).status, 200);
                    served.fetch_add(1, Relaxed);
                }
            });
        }
        eventually("traffic", || (served.load(Relaxed) > 200).then_some(()));
        backends[1].dies();
        eventually("more traffic", || (served.load(Relaxed) > 800).then_some(()));
        backends[1].comes_back();
    });
    assert_eq!(served.load(Relaxed), 1600);
    keel.comes_to_rest();
}
