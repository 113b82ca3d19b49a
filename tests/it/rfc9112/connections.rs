//! Connections: persistence, pipelining and their end (section 9).

use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use crate::support::keel::{Keel, pool};
use crate::support::pair::{Pair, to_the_end};
use crate::support::script::{Gate, Step, closes_silently, held, ok, raw, trickles};
use crate::support::upstream::upstream;

/// Data that comes from a backend while no request waits for an answer MUST NOT be taken for one.
#[test]
fn s9_2_an_answer_that_nobody_asked_for_is_not_used() {
    let (gate, sent) = (Gate::default(), Gate::default());
    let answer = |text| Step::Send(format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{text}").into());
    let unasked = vec![Step::ReadBody, answer("ok"), Step::Hold(gate.clone()), answer("no"), Step::Tell(sent.clone())];
    let pair = Pair::new(unasked);
    let mut client = pair.keel.client();
    assert_eq!(client.get("/").text(), "ok");
    pair.backend.plays(ok("ok"));
    gate.open();
    sent.pass();
    assert_eq!(client.get("/").text(), "ok");
    assert_eq!(pair.backend.requests()[1].connection, 1, "such a connection is not used again");
}

/// A connection persists unless one side says `close`, and serves as many requests as come.
#[test]
fn s9_3_connections_persist_on_both_sides() {
    let pair = Pair::new(ok("ok"));
    let mut client = pair.keel.client();
    for _ in 0..10 {
        assert_eq!(client.get("/").head.get("connection"), None);
    }
    assert!(pair.backend.requests().iter().all(|r| r.connection == 0));
}

/// A client's `close` MUST be obeyed, wherever in the `Connection` lines it stands, and the last answer SHOULD say so.
#[test]
fn s9_3_a_client_that_says_close_is_closed() {
    let pair = Pair::new(ok("ok"));
    for lines in ["close", "Close", "keep-alive, close", "x\r\nconnection: close", "close\r\nconnection: keep-alive"] {
        let request = format!("GET / HTTP/1.1\r\nhost: test\r\nconnection: {lines}\r\n\r\n");
        let answer = to_the_end(pair.keel.client().send(request));
        assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("\r\n\r\nok"), "{lines:?} gave {answer}");
    }
}

/// A proxy MUST NOT keep a connection with an HTTP/1.0 client, even if it asks for that.
#[test]
fn s9_3_no_connection_persists_with_an_old_client() {
    let pair = Pair::new(ok("ok"));
    for field in ["", "connection: keep-alive\r\n"] {
        let answer = to_the_end(pair.keel.client().send(format!("GET / HTTP/1.0\r\nhost: test\r\n{field}\r\n")));
        assert!(answer.ends_with("\r\n\r\nok") && !answer.contains("keep-alive"), "{answer}");
    }
    let refused = to_the_end(pair.keel.client().send("TRACE / HTTP/1.0\r\nhost: test\r\nconnection: keep-alive\r\n\r\n"));
    assert!(refused.contains(" 405 ") && !refused.contains("keep-alive"), "{refused}");
}

/// A backend's connection is not used again after `close`, nor after an answer of HTTP/1.0.
#[test]
fn s9_3_a_backend_that_says_close_is_not_asked_again_there() {
    for head in ["HTTP/1.1 200 OK\r\nconnection: x, Close", "HTTP/1.0 200 OK", "HTTP/1.0 200 OK\r\nconnection: keep-alive"] {
        let pair = Pair::new(raw(format!("{head}\r\ncontent-length: 2\r\n\r\nok")));
        let mut client = pair.keel.client();
        for n in 0..3 {
            assert_eq!(client.get("/").text(), "ok");
            assert_eq!(pair.backend.requests()[n].connection, n, "{head:?}");
        }
    }
}

/// A connection that the other side has closed between two requests is no failure: what may be repeated goes over a new one.
#[test]
fn s9_3_1_a_stale_connection_is_replaced_by_a_fresh_one() {
    let backend = upstream(closes_silently("ok"));
    let keel = Keel::serve(pool(&[&backend]).set("retry", "{attempts: 0}").set("outlier_detection", "null"));
    let mut client = keel.client();
    for _ in 0..20 {
        assert_eq!(client.get("/").text(), "ok");
    }
}

/// Requests that a client sends without waiting MUST be answered in their order.
#[test]
fn s9_3_2_pipelined_requests_are_answered_in_order() {
    let [one, two, three] = ["/one", "/two", "/three"].map(|_| upstream(ok("")));
    one.plays(trickles("one"));
    two.plays(ok("two"));
    three.plays(raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nthree\r\n0\r\n\r\n"));
    let pools = [(&one, "/one"), (&two, "/two"), (&three, "/three")].map(|(backend, path)| {
        format!("  - {{name: \"{}\", path_prefix: {path}, health_check: null, backends: [\"{}\"]}}\n", &path[1..], backend.url())
    });
    let keel = Keel::serve(format!("pools:\n{}", pools.concat()));
    let mut client = keel.client();
    let requests = ["/one", "/two", "/three", "/one"].map(|path| format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"));
    client.send(requests.concat());
    let answers: Vec<_> = requests.iter().map(|_| client.response().text()).collect();
    assert_eq!(answers, ["one", "two", "three", "one"]);
}

/// A server SHOULD keep idle connections for a while, and may then close them in good order.
#[test]
fn s9_5_an_idle_connection_ends_in_good_order() {
    let pair = Pair::with("timeouts: {client_idle: 200ms}\n", ok("ok"));
    let mut client = pair.keel.client();
    assert_eq!([client.get("/").text(), client.get("/").text()], ["ok", "ok"]);
    assert!(client.is_at_end());
}

/// What follows a request with `close` MUST NOT be processed.
#[test]
fn s9_6_what_follows_a_request_to_close_is_not_processed() {
    let pair = Pair::new(ok("ok"));
    let last = "GET /last HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    let answers = to_the_end(pair.keel.client().send(format!("{last}GET /more HTTP/1.1\r\nhost: test\r\n\r\n")));
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
    assert!(pair.backend.request().head.start_line().contains("/last"));
}

/// A server that answers before it has the whole request SHOULD read on for a while before it closes, lest the answer be lost.
#[test]
fn s9_6_an_early_answer_of_evenkeel_reaches_a_client_that_is_still_sending() {
    let pair = Pair::new(ok("ok"));
    let mut client = pair.keel.client();
    // More than the buffers of both sockets hold.
    let len = 8 << 20;
    client.send(format!("POST / HTTP/1.1\r\nhost: a,b\r\ncontent-length: {len}\r\n\r\n")).send(vec![b'x'; len]);
    let response = client.response();
    assert_eq!((response.status, response.head.get("connection")), (400, Some("close")));
    assert!(client.is_at_end());
    assert_eq!(pair.backend.hits(), 0);
}

/// A backend's early answer is passed on at once, and what is left of the request is not taken for the next one.
#[test]
fn s9_6_an_early_answer_of_a_backend_reaches_a_client_that_is_still_sending() {
    let answer = "HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbig\n";
    let pair = Pair::new(vec![Step::Send(answer.into()), Step::Stall]);
    let mut client = pair.keel.client();
    let mut writer = client.writer();
    let sending = thread::spawn(move || {
        let _ = writer.write_all(format!("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", 64 << 20).as_bytes());
        let piece = b"GET /smuggled HTTP/1.1\r\nhost: test\r\n\r\n".repeat(1000);
        // Ends with an error once nobody reads any more.
        while writer.write_all(&piece).is_ok() {}
    });
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (413, "big\n"));
    client.writer().shutdown(Shutdown::Both).unwrap();
    pair.keel.comes_to_rest();
    sending.join().unwrap();
    assert_eq!(pair.backend.hits(), 1);
}

/// Nor may the answer be lost because of what a client sends after the request that it said was the last.
#[test]
fn s9_6_the_last_answer_is_whole_whatever_the_client_sends_after_its_request() {
    // More than the buffers of both sockets hold.
    let len = 8 << 20;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {len}\r\n\r\n");
    let pair = Pair::new(raw([head.into_bytes(), vec![b'x'; len]].concat()));
    for more in ["\r\n", "GET /more HTTP/1.1\r\nhost: test\r\n\r\n"] {
        let mut client = pair.keel.client();
        client.send("GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").head();
        client.send(more);
        let mut read = 0;
        while read < len {
            let piece = client.some().unwrap_or_else(|error| panic!("{error} after {read} of {len} bytes"));
            assert!(!piece.is_empty(), "ended after {read} of {len} bytes");
            read += piece.len();
            thread::sleep(Duration::from_micros(200));
        }
        assert!(client.is_at_end());
    }
}

/// A client that has sent its request and closed its side may still wait for the answer.
///
/// Deviation: It is taken to have left, and its request is cancelled. To notice clients that have left, and to free their
/// backend, is worth more: on the wire the two look the same.
#[test]
fn s9_6_a_client_that_closes_its_side_is_taken_to_have_left() {
    let gate = Gate::default();
    let pair = Pair::new(held(&gate, "ok"));
    let mut client = pair.keel.client();
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    pair.backend.wait_for("the request", |r| r.complete);
    client.finish();
    assert!(client.is_at_end());
    pair.keel.comes_to_rest();
}
