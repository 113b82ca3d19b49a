//! Message bodies, whole and broken off (sections 6 and 8).

use std::io::ErrorKind;

use crate::support::client::Client;
use crate::support::pair::{Pair, to_the_end};
use crate::support::script::{
    Gate, Script, Step, breaks_off_a_chunk, chunked_with_trailers, ok, promises_too_much, raw, resets_mid_body,
    sends_more_than_it_promised, to_eof,
};

/// `Transfer-Encoding` MUST end in `chunked`, once, and codings that a server does not know are refused. evenkeel knows no other
/// coding, so whatever is not exactly `chunked`, on one line, is.
#[test]
fn s6_1_transfer_encoding_other_than_chunked_alone_is_refused() {
    let codings = [
        "gzip, chunked",
        "chunked, chunked",
        "chunked, gzip",
        ", chunked",
        "x,chunked",
        "identity",
        "xchunked",
        "\"chunked\"",
        "chunked;q=1",
        "chunked,",
        "",
        "chunked\r\ntransfer-encoding: chunked",
        "gzip\r\ntransfer-encoding: chunked",
        "chunked\r\ntransfer-encoding: identity",
        "\u{b}chunked",
    ];
    let with = |coding| format!("POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: {coding}\r\n\r\n0\r\n\r\n");
    Pair::new(ok("ok")).refuses(400, codings.map(with));
}

/// A transfer coding that a server does not know SHOULD be answered with 501.
///
/// Deviation: It is answered with 400, like every other framing that is not understood, and the connection is closed.
#[test]
fn s6_1_an_unknown_coding_is_a_bad_request() {
    let request = "POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    let pair = Pair::new(ok("ok"));
    let mut client = pair.keel.client();
    assert_eq!(client.send(request).response().status, 400);
    assert!(client.is_at_end());
}

/// Names of transfer codings are case-insensitive.
#[test]
fn s6_1_chunked_is_known_in_any_case() {
    let body = "2\r\nhi\r\n0\r\n\r\n";
    let pair = Pair::new(raw(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n{body}")));
    let got = pair.passes_on(format!("POST / HTTP/1.1\r\nhost: test\r\nTransfer-Encoding: Chunked\r\n\r\n{body}"));
    assert_eq!(got, format!("POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n{body}"));
    assert_eq!(pair.ask("GET / HTTP/1.1\r\nhost: test\r\n\r\n").text(), "hi");
}

/// A request with both a length and a transfer coding MUST go on without the length, if at all, and its connection MUST be
/// closed after the answer.
#[test]
fn s6_1_a_length_beside_a_transfer_coding_of_a_request_is_dropped_and_the_connection_closed() {
    let pair = Pair::new(ok("ok"));
    for fields in ["content-length: 3\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 300"] {
        let body = "2\r\nhi\r\n0\r\n\r\n";
        let mut client = pair.keel.client();
        client.send(format!("POST / HTTP/1.1\r\nhost: test\r\n{fields}\r\n\r\n{body}GET /next HTTP/1.1\r\nhost: test\r\n\r\n"));
        assert_eq!(client.response().text(), "ok");
        assert!(client.is_at_end());
        let got = String::from_utf8(pair.backend.take_received()).unwrap();
        assert!(got.contains("transfer-encoding: chunked\r\n") && got.ends_with(&format!("\r\n\r\n{body}")), "{got}");
        assert!(!got.contains("content-length"), "{got}");
    }
}

/// HTTP/1.0 knows no transfer codings: a message that has one MUST be taken for wrongly framed.
#[test]
fn s6_1_a_transfer_coding_in_an_old_message_is_refused() {
    let pair = Pair::new(ok("ok"));
    pair.refuses(400, ["POST / HTTP/1.0\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"]);
    assert!(pair.returns("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n").starts_with("HTTP/1.1 502 "));
}

/// A client of HTTP/1.0 MUST NOT get a transfer coding; its answer ends with the connection.
#[test]
fn s6_1_an_old_client_gets_no_chunks() {
    let pair = Pair::new(chunked_with_trailers());
    let mut client = pair.keel.client();
    let answer = to_the_end(client.send("GET / HTTP/1.0\r\nte: trailers\r\n\r\n"));
    assert!(answer.ends_with("\r\n\r\nhello, world") && !answer.contains("transfer-encoding"), "{answer}");
}

/// A length that is no number MUST be refused with 400, and so MUST several that differ.
#[test]
fn s6_3_an_invalid_length_of_a_request_is_refused() {
    let lengths = [
        "+2",
        "-2",
        "2, 2",
        "2,3",
        "0x2",
        "2 2",
        "",
        "2.0",
        "two",
        "18446744073709551616",
        "99999999999999999999",
        "2\r\ncontent-length: 3",
        "2\r\ncontent-length: x",
        "\u{662}",
    ];
    let with = |length| format!("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\nhi");
    Pair::new(ok("ok")).refuses(400, lengths.map(with));
}

/// An answer with an invalid length MUST become a 502, and the connection to the backend MUST be closed.
#[test]
fn s6_3_an_invalid_length_of_an_answer_is_a_bad_gateway() {
    let pair = Pair::new(ok("ok"));
    for length in ["+2", "-2", "2, 3", "0x2", "", "99999999999999999999", "2\r\ncontent-length: 3"] {
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nhi");
        pair.backend.plays(vec![Step::ReadBody, Step::Send(answer.into()), Step::Stall]);
        let target = format!("/{}", pair.backend.hits());
        assert_eq!(pair.ask(format!("POST {target} HTTP/1.1\r\nhost: test\r\n\r\n")).status, 502, "{length:?}");
        pair.backend.wait_for("the end of the connection", |r| r.head.text.contains(&target) && r.abandoned);
    }
}

/// A transfer coding in an answer overrides its length, and only one of the two goes on.
#[test]
fn s6_3_a_length_beside_a_transfer_coding_of_an_answer_is_dropped() {
    let pair = Pair::new(ok("ok"));
    for fields in ["content-length: 3\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 300"] {
        let answer = pair.returns(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
        assert!(answer.ends_with("\r\n\r\n5\r\nhello\r\n0\r\n\r\n") && !answer.contains("content-length"), "{answer}");
    }
}

/// An answer whose transfer coding does not end in `chunked` MUST be read to the end of the connection.
///
/// Deviation: It is refused with 502, and so is one with codings before `chunked`. Whoever sends a coding that nobody has asked
/// for may mean something else by it, and where the answer ends is not to be guessed.
#[test]
fn s6_3_an_answer_in_another_transfer_coding_is_refused() {
    let pair = Pair::new(ok("ok"));
    for coding in ["gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked\r\ntransfer-encoding: chunked"] {
        let answer = pair.returns(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: {coding}\r\n\r\n0\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 502 "), "{coding:?} gave {answer}");
    }
}

/// A request that tells neither length nor coding has no body: what follows is the next request.
#[test]
fn s6_3_a_request_that_tells_no_length_has_no_body() {
    let pair = Pair::new(ok("ok"));
    let requests = ["POST /1 HTTP/1.1\r\nhost: test\r\n\r\n", "GET /2 HTTP/1.1\r\nhost: test\r\n\r\n"];
    let mut client = pair.keel.client();
    client.send(requests.concat());
    assert_eq!([client.response().text(), client.response().text()], ["ok", "ok"]);
    let lines: Vec<_> = pair.backend.requests().iter().map(|r| r.head.start_line().to_owned()).collect();
    assert_eq!(lines, ["POST /1 HTTP/1.1", "GET /2 HTTP/1.1"]);
}

/// An answer that tells neither length nor coding ends with its connection.
#[test]
fn s6_3_an_answer_that_tells_no_length_ends_with_the_connection() {
    let pair = Pair::new(ok("ok"));
    let mut client = pair.keel.client();
    for text in ["slow but sure", "x", ""] {
        pair.backend.plays(to_eof(text));
        assert_eq!(client.get("/").text(), text);
    }
}

/// What follows an answer MUST NOT be taken for another one: such a connection is not used again.
#[test]
fn s6_3_what_follows_an_answer_is_nobodys_answer() {
    let pair = Pair::new(sends_more_than_it_promised());
    let mut client = pair.keel.client();
    for _ in 0..5 {
        assert_eq!(client.get("/").text(), "ok");
    }
    let connections: Vec<_> = pair.backend.requests().iter().map(|r| r.connection).collect();
    assert_eq!(connections, [0, 1, 2, 3, 4]);
}

/// A request whose body breaks off is incomplete, and the backend MUST be able to see it: it never gets an end of the body.
#[test]
fn s8_a_request_that_breaks_off_breaks_off_visibly() {
    let pair = Pair::new(ok("ok"));
    for (target, framing) in
        [("/length", "content-length: 10\r\n\r\nhalf"), ("/chunks", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")]
    {
        let mut client = pair.keel.client();
        client.send(format!("POST {target} HTTP/1.1\r\nhost: test\r\n{framing}"));
        pair.backend.wait_for("half of the body", |r| r.head.text.contains(target) && r.body == b"half");
        drop(client);
        pair.keel.comes_to_rest();
        let got = String::from_utf8(pair.backend.take_received()).unwrap();
        assert!(got.trim_end().ends_with("half"), "{got}");
        assert!(pair.backend.requests().iter().all(|r| !r.complete));
    }
}

/// An answer that breaks off is incomplete, and the client MUST be able to see it, whatever the framing on either side.
#[test]
fn s8_an_answer_that_breaks_off_breaks_off_visibly() {
    let breaks_off_to_eof = |gate: &Gate| -> Script {
        vec![Step::ReadBody, Step::Send(b"HTTP/1.1 200 OK\r\n\r\nhalf".to_vec()), Step::Hold(gate.clone()), Step::Reset]
    };
    let vices: [&dyn Fn(&Gate) -> Script; 4] = [&promises_too_much, &resets_mid_body, &breaks_off_a_chunk, &breaks_off_to_eof];
    for (n, vice) in vices.into_iter().enumerate() {
        for version in ["1.1", "1.0"] {
            let gate = Gate::default();
            let pair = Pair::new(vice(&gate));
            let mut client = pair.keel.client();
            client.send(format!("GET / HTTP/{version}\r\nhost: test\r\n\r\n"));
            assert_incomplete(&mut client, &gate, &format!("vice {n}, HTTP/{version}"));
        }
    }
}

/// What has come is half an answer, and it stays that when the gate is opened.
#[track_caller]
fn assert_incomplete(client: &mut Client, gate: &Gate, case: &str) {
    // The head goes out together with the first bytes, or before them.
    let head = client.head();
    assert!(head.start_line().contains("200"), "{case}: {}", head.text);
    let first = client.some().unwrap();
    assert!(first.windows(4).any(|w| w == b"half"), "{case}");
    gate.open();
    let told_its_end = head.has("content-length") || head.has("transfer-encoding");
    loop {
        match client.some() {
            Ok(rest) if rest.is_empty() => return assert!(told_its_end, "{case}: looks like the end of the answer"),
            Ok(rest) => assert!(!rest.ends_with(b"0\r\n\r\n"), "{case}"),
            Err(error) => return assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{case}"),
        }
    }
}
