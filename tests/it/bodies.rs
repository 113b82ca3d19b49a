//! Bodies pass in both directions, whole, in pieces and in time, whatever their framing.

use std::io::Write;
use std::thread;

use crate::support::http::Framing;
use crate::support::keel::{Keel, pool};
use crate::support::script::{Gate, Script, Step, chunked_with_trailers, held_midway, hints_first, ok, raw, to_eof, trickles};
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

#[test]
fn a_get_may_have_a_body() {
    let (backend, keel) = serve(ok("ok"));
    let mut client = keel.client();
    for framing in ["content-length: 5\r\n\r\nquery", "transfer-encoding: chunked\r\n\r\n5\r\nquery\r\n0\r\n\r\n"] {
        assert_eq!(client.send(format!("GET / HTTP/1.1\r\nhost: test\r\n{framing}")).response().text(), "ok");
    }
    assert!(backend.requests().iter().all(|r| r.body == b"query"), "{:#?}", backend.requests());
}

#[test]
fn chunks_and_trailers_of_an_answer() {
    let (_backend, keel) = serve(chunked_with_trailers());
    let response = keel.client().send("GET / HTTP/1.1\r\nhost: test\r\nte: trailers\r\n\r\n").response();
    assert_eq!(response.text(), "hello, world");
    assert_eq!(response.trailers, ["x-checksum: 42"]);
}

#[test]
fn trickling_and_unending_answers_arrive_whole() {
    for script in [trickles("slow but sure"), to_eof("slow but sure")] {
        let (_backend, keel) = serve(script);
        let mut client = keel.client();
        for _ in 0..2 {
            assert_eq!(client.get("/").text(), "slow but sure");
        }
    }
}

#[test]
fn informational_answers_do_not_disturb_the_answer() {
    let (_backend, keel) = serve(hints_first("styled"));
    let mut client = keel.client();
    for _ in 0..2 {
        assert_eq!(client.get("/").text(), "styled");
    }
}

#[test]
fn a_length_beside_a_transfer_coding_is_not_believed() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let (_backend, keel) = serve(raw(answer));
    let response = keel.get("/");
    // RFC 9112 section 6.3: the coding overrides the length, or the answer is an error; never both on to the client.
    match response.status {
        200 => assert_eq!(response.text(), "hello"),
        status => assert_eq!(status, 502),
    }
}

#[test]
fn answers_without_a_body() {
    for (script, status) in [
        (raw("HTTP/1.1 204 No Content\r\n\r\n"), 204),
        (raw("HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\ncontent-length: 100\r\n\r\n"), 304),
        (raw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), 200),
    ] {
        let (backend, keel) = serve(script);
        let mut client = keel.client();
        for _ in 0..3 {
            let response = client.get("/");
            assert_eq!((response.status, response.body.len()), (status, 0));
        }
        assert!(backend.requests().iter().all(|r| r.connection == 0), "{status}: the connection is good for another request");
    }
}

#[test]
fn head_has_the_length_but_not_the_body() {
    let (backend, keel) = serve(raw("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"));
    let mut client = keel.client();
    for _ in 0..3 {
        let response = client.send("HEAD / HTTP/1.1\r\nhost: test\r\n\r\n").response_to_head();
        assert_eq!((response.status, response.head.get("content-length")), (200, Some("1000")));
    }
    assert_eq!(backend.requests()[2].connection, 0);
    assert!(backend.requests()[0].head.start_line().starts_with("HEAD "));
}

#[test]
fn an_old_client_gets_an_old_answer() {
    let (_backend, keel) = serve(chunked_with_trailers());
    let mut client = keel.client();
    let response = client.send("GET / HTTP/1.0\r\n\r\n").response();
    assert_eq!(response.text(), "hello, world");
    assert_eq!(response.head.framing(Framing::ToEof).unwrap(), Framing::ToEof, "HTTP/1.0 knows no chunks");
    assert!(client.is_at_end());
}

#[test]
fn a_client_that_asks_for_it_is_closed_after_its_answer() {
    let (_backend, keel) = serve(ok("bye"));
    let mut client = keel.client();
    let response = client.send("GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").response();
    assert_eq!(response.text(), "bye");
    assert_eq!(response.head.get("connection"), Some("close"));
    assert!(client.is_at_end());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
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

#[test]
fn an_answer_may_come_before_the_request_is_all_sent() {
    let (backend, keel) = serve(vec![
        Step::Send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbig\n".to_vec()),
        Step::Stall,
    ]);
    let mut client = keel.client();
    let mut writer = client.writer();
    let sending = thread::spawn(move || {
        let _ = writer.write_all(format!("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", 64 << 20).as_bytes());
        let piece = pattern(64 * 1024);
        // Ends with an error once nobody reads any more.
        while writer.write_all(&piece).is_ok() {}
    });
    let response = client.response();
    assert_eq!(response.status, 413);
    drop(client);
    keel.comes_to_rest();
    drop(keel);
    sending.join().unwrap();
    assert_eq!(backend.hits(), 1);
}
