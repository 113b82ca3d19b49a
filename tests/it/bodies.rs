//! Bodies pass in both directions, whole, in pieces and in time, whatever their framing.

use crate::support::keel::{Keel, pool};
use crate::support::script::{Gate, Script, Step, held_midway, ok, raw};
use crate::support::upstream::{Upstream, upstream};

fn serve(script: Script) -> (Upstream, Keel) {
    let backend = upstream(script);
    let keel = Keel::serve(pool(&[&backend]));
    (backend, keel)
}

/// Bytes in which a piece that is lost, doubled or out of place shows.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n / 251 + n % 251) as u8).collect()
}

#[test]
fn the_first_piece_of_an_answer_arrives_before_the_last_is_there() {
    let gate = Gate::default();
    let (_backend, keel) = serve(held_midway(&gate, "first ", "last"));
    let mut client = keel.client();
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").head();
    assert_eq!(client.some().unwrap(), b"first ");
    assert_eq!(keel.snapshot().pools[0].in_flight, 1, "in flight until the last byte");
    gate.open();
    assert_eq!(client.some().unwrap(), b"last");
    keel.comes_to_rest();
}

#[test]
fn the_first_piece_of_a_request_arrives_before_the_last_is_sent() {
    let (backend, keel) = serve(ok("thanks"));
    let mut client = keel.client();
    client.send("POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    let request = backend.wait_for("the first piece", |r| r.body == b"first");
    assert!(!request.complete);
    assert_eq!(client.send("5\r\n last\r\n0\r\n\r\n").response().text(), "thanks");
    assert_eq!(backend.request().body, b"first last");
    assert_eq!(backend.request().head.get("transfer-encoding"), Some("chunked"));
}

#[test]
fn large_bodies_pass_intact_in_both_directions() {
    let body = pattern(8 * 1024 * 1024);
    let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend(&body);
    let (backend, keel) = serve(raw(answer));
    let mut client = keel.client();
    for _ in 0..2 {
        client.send(format!("PUT / HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", body.len())).send(&body);
        assert!(client.response().body == body, "the answer's body is not what the backend sent");
    }
    assert!(backend.requests().iter().all(|r| r.body == body), "a request's body is not what the client sent");
}

#[test]
fn large_chunked_bodies_pass_intact_in_both_directions() {
    let body = pattern(1024 * 1024);
    let mut chunks = Vec::new();
    for (n, chunk) in body.chunks(7919).enumerate() {
        // Sizes in either case, with leading zeros and extensions.
        let size = if n % 2 == 0 { format!("{:X};a=b\r\n", chunk.len()) } else { format!("00{:x}\r\n", chunk.len()) };
        chunks.extend(size.as_bytes());
        chunks.extend(chunk);
        chunks.extend(b"\r\n");
    }
    chunks.extend(b"0\r\n\r\n");
    let answer = [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".as_slice(), &chunks].concat();
    let (backend, keel) = serve(raw(answer));
    let mut client = keel.client();
    client.send("POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n").send(&chunks);
    assert!(client.response().body == body, "the answer's body is not what the backend sent");
    assert!(backend.request().body == body, "the request's body is not what the client sent");
}

#[test]
fn both_directions_flow_at_once() {
    let (_backend, keel) = serve(vec![
        Step::Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhi!\r\n".to_vec()),
        Step::ReadBody,
        Step::Send(b"4\r\nbye.\r\n0\r\n\r\n".to_vec()),
    ]);
    let mut client = keel.client();
    client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf").head();
    assert!(client.some().unwrap().starts_with(b"3\r\nhi!"), "the answer begins while the request is still being sent");
    client.send("rest");
    let mut rest = Vec::new();
    while !rest.ends_with(b"0\r\n\r\n") {
        rest.extend(client.some().unwrap());
    }
    assert!(rest.windows(4).any(|w| w == b"bye."));
}
