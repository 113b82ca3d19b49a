//! The chunked coding (section 7).

use std::io::Write;

use crate::support::pair::Pair;
use crate::support::script::{ok, raw};

/// A whole message in these chunks.
fn post(chunks: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n{chunks}")
}

fn answer(chunks: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}")
}

/// The chunked coding MUST be understood: sizes in either case of hexadecimal, with leading zeros, of any number of digits.
#[test]
fn s7_1_chunks_are_understood_in_both_directions() {
    let chunks = "a\r\n0123456789\r\nA\r\n\r\n\r\n\r\n\r\n\r\n\r\n0000000000000001\r\n!\r\n000\r\n\r\n";
    let body = "0123456789\r\n\r\n\r\n\r\n\r\n!";
    let pair = Pair::new(raw(answer(chunks)));
    assert_eq!(pair.ask(post(chunks)).text(), body);
    assert_eq!(pair.backend.request().body, body.as_bytes());
}

/// Chunks that break the grammar MUST NOT be guessed at, above all not in their size.
const BROKEN: [&str; 15] = [
    "x\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    "5_\r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "\r\nhello\r\n0\r\n\r\n",
    "5\nhello\n0\n\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhelloo\r\n0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5;x\nhello\r\n0\r\n\r\n",
    "5;x=\"\n\"\r\nhello\r\n0\r\n\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
];

/// Chunks of a request that break the grammar MUST NOT be guessed at: the request is refused, and the backend sees no end of it.
#[test]
fn s7_1_broken_chunks_of_a_request_are_refused() {
    let pair = Pair::new(ok("ok"));
    for chunks in BROKEN {
        let mut client = pair.keel.client();
        let _ = client.writer().write_all(post(chunks).as_bytes());
        assert_eq!(client.response().status, 400, "{chunks:?}");
        let got = String::from_utf8(pair.backend.take_received()).unwrap();
        assert!(!got.ends_with("0\r\n\r\n"), "{chunks:?} went on as a whole request: {got}");
        assert!(pair.backend.requests().iter().all(|r| !r.complete), "{chunks:?}");
    }
}

/// Chunks of an answer that break the grammar MUST NOT be guessed at: the answer breaks off for the client as well.
#[test]
fn s7_1_broken_chunks_of_an_answer_break_it_off() {
    let pair = Pair::new(ok("ok"));
    for chunks in BROKEN {
        pair.backend.plays(raw(answer(chunks)));
        let mut client = pair.keel.client();
        client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
        let whole = client.try_response();
        assert!(whole.is_err() || whole.as_ref().is_ok_and(|r| r.status == 502), "{chunks:?} gave {whole:?}");
    }
}

/// Chunk extensions that are not understood MUST be ignored; they are for one hop and do not go on.
#[test]
fn s7_1_1_chunk_extensions_are_ignored() {
    let chunks = "5;a;b=c\r\nhello\r\n1 ;x=\"y;\\\" z\"\r\n!\r\n0;last\r\n\r\n";
    let pair = Pair::new(raw(answer(chunks)));
    let response = pair.ask(post(chunks));
    let got = String::from_utf8(pair.backend.take_received()).unwrap();
    assert_eq!((response.text().as_str(), got.contains(';')), ("hello!", false), "{got}");
    assert_eq!(pair.backend.request().body, b"hello!");
}

/// Chunk extensions SHOULD be limited in size.
#[test]
fn s7_1_1_chunk_extensions_are_bounded() {
    let chunks = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(20_000));
    let pair = Pair::new(raw(answer(&chunks)));
    let mut client = pair.keel.client();
    let _ = client.writer().write_all(post(&chunks).as_bytes());
    assert_eq!(client.response().status, 400);
    assert!(pair.keel.client().send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").try_response().is_err());
}

/// A trailer section MUST be read to its end, also when nobody wants it: the next message begins after it.
#[test]
fn s7_1_2_what_follows_the_trailers_is_the_next_message() {
    let chunks = "2\r\nhi\r\n0\r\nx-a: 1\r\nx-b: 2\r\n\r\n";
    let pair = Pair::new(raw(answer(chunks)));
    let mut client = pair.keel.client();
    client.send(post(chunks).repeat(3));
    for _ in 0..3 {
        assert_eq!(client.response().text(), "hi");
    }
    let requests = pair.backend.requests();
    assert!(requests.iter().all(|r| r.connection == 0 && r.body == b"hi"), "{requests:#?}");
}
