//! What is left of a request that has been answered, refused or reset is nobody's request, and what is left of an answer that
//! was reset is nobody's answer.

use std::time::Duration;

use socket2::SockRef;

use crate::support::eventually;
use crate::support::keel::{Keel, pool};
use crate::support::pair::Pair;
use crate::support::script::{Gate, Step, ok};
use crate::support::upstream::{deaf, upstream};

/// A body that is a request.
const HIDDEN: &str = "GET /smuggled HTTP/1.1\r\nhost: live.test\r\n\r\n";

/// Pingora CVE-2025-4366, CVE-2026-2835: what follows a request that was refused must not be taken for the next one, since
/// nobody can be sure where it begins.
#[test]
fn a_refused_request_ends_its_connection() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]));
    let long = format!("GET /{} HTTP/1.1\r\nhost: test\r\n\r\n", "x".repeat(9000));
    for (request, status) in [
        ("POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: a\r\nhost: b\r\ncontent-length: 0\r\n\r\n", 400),
        ("TRACE / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 405),
        (&long, 414),
    ] {
        let mut client = keel.client();
        client.send(format!("{request}GET /behind HTTP/1.1\r\nhost: test\r\n\r\n"));
        let response = client.response();
        assert_eq!((response.status, response.head.get("connection")), (status, Some("close")), "{}", response.head.text);
        assert!(client.is_at_end(), "{status}: another answer follows");
    }
    assert_eq!(backend.hits(), 0);
}

/// Pingora CVE-2025-4366, Go CVE-2024-24791: an answer of our own comes before the body of its request, and that body may come
/// later, or never. Whatever follows on the connection, the body is not the next request.
#[test]
fn the_body_of_a_request_that_we_answer_is_not_the_next_request() {
    let (live, dead) = (upstream(ok("ok")), deaf(ok("never")));
    let pools = [("live", &live), ("dead", &dead)].map(|(name, backend)| {
        format!("  - {{name: {name}, hosts: [{name}.test], health_check: null, backends: [\"{}\"]}}\n", backend.url())
    });
    let keel = Keel::serve(format!("pools:\n{}", pools.concat()));
    let lengths = [
        format!("content-length: {}\r\n\r\n", HIDDEN.len()),
        format!("expect: 100-continue\r\ncontent-length: {}\r\n\r\n", HIDDEN.len()),
        format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n", HIDDEN.len()),
    ];
    for (host, status) in [("nobody.test", 404), ("dead.test", 502)] {
        for length in &lengths {
            let head = format!("POST / HTTP/1.1\r\nhost: {host}\r\n{length}");
            let end = if length.contains("chunked") { "\r\n0\r\n\r\n" } else { "" };
            let behind = "GET /behind HTTP/1.1\r\nhost: live.test\r\nconnection: close\r\n\r\n";
            for pieces in [vec![head.clone() + HIDDEN + end + behind], vec![head, format!("{HIDDEN}{end}{behind}")]] {
                let mut client = keel.client();
                client.send(&pieces[0]);
                let first = client.response();
                assert_eq!(first.status, status, "{host}: {length}");
                for piece in &pieces[1..] {
                    // May be refused: the connection may have been closed.
                    let _ = std::io::Write::write_all(&mut client.writer(), piece.as_bytes());
                }
                if let Ok(second) = client.try_response() {
                    assert_eq!(second.text(), "ok", "{host}: {length}");
                }
            }
        }
    }
    let targets: Vec<_> = live.requests().iter().map(|request| request.head.start_line().to_owned()).collect();
    assert!(targets.iter().all(|line| line.starts_with("GET /behind ")), "{targets:#?}");
}

/// Envoy CVE-2026-26311: whatever a request has reached when its client resets the connection, nothing of it stays.
#[test]
fn a_client_that_resets_at_any_byte_leaves_nothing_behind() {
    let gate = Gate::default();
    let pair = Pair::new(vec![Step::ReadBody, Step::Hold(gate.clone()), Step::Send(answer("ok"))]);
    let request = "POST /cut HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for cut in 0..=request.len() {
        let mut client = pair.keel.client();
        client.send(&request[..cut]);
        // With no time to linger, the close sends a reset.
        SockRef::from(&client.writer()).set_linger(Some(Duration::ZERO)).unwrap();
    }
    gate.open();
    pair.keel.comes_to_rest();
    let connections = || (pair.keel.snapshot().connections == 0).then_some(());
    eventually("no connection of a client is open", connections);
    assert_eq!(pair.keel.get("/").text(), "ok");
}

/// The other side of the same: wherever an answer is reset, its client hears of it, and its connection serves nobody else.
#[test]
fn a_backend_that_resets_at_any_byte_spoils_one_answer_only() {
    let pair = Pair::new(ok("ok"));
    let answer = answer("broken");
    for cut in 0..answer.len() {
        pair.backend.plays(vec![Step::ReadBody, Step::Send(answer[..cut].to_vec()), Step::Reset]);
        let outcome = pair.keel.client().send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n").try_response();
        assert!(outcome.as_ref().map_or(true, |response| response.status == 502), "cut at {cut}: {outcome:?}");
        pair.backend.plays(ok("next"));
        assert_eq!(pair.keel.get("/").text(), "next", "cut at {cut}");
    }
    pair.keel.comes_to_rest();
}

fn answer(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into()
}
