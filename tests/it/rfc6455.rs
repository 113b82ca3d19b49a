//! RFC 6455, WebSocket: the handshake through evenkeel, and the tunnel after it. Each test is named by its section and its
//! claim; its doc comment is the requirement, and with the others makes up `tests/CONFORMANCE.md`.

use crate::support::client::Client;
use crate::support::pair::Pair;
use crate::support::script::{Gate, Step, ok, status, switches_protocols};

const HANDSHAKE: &str = "GET /chat?a=b HTTP/1.1\r\nhost: test\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n\
                         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\
                         sec-websocket-protocol: chat, superchat\r\nsec-websocket-extensions: permessage-deflate; x=\"y\"\r\n\
                         origin: http://example.com\r\n\r\n";

/// Opens a tunnel to a backend that echoes.
fn tunnel() -> (Pair, Client) {
    let pair = Pair::new(switches_protocols());
    let mut client = pair.keel.client();
    let head = client.send(HANDSHAKE).head();
    assert!(head.start_line().starts_with("HTTP/1.1 101 "), "{}", head.text);
    (pair, client)
}

/// The handshake MUST be a `GET` of HTTP/1.1 that asks for the upgrade in `Upgrade` and `Connection`: so it reaches the backend,
/// with the fields of the protocol as they came.
#[test]
fn s4_1_the_handshake_reaches_the_backend() {
    let (pair, _client) = tunnel();
    let head = pair.backend.request().head;
    assert_eq!(head.start_line(), "GET /chat?a=b HTTP/1.1");
    for (name, value) in [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat, superchat"),
        ("sec-websocket-extensions", "permessage-deflate; x=\"y\""),
        ("origin", "http://example.com"),
    ] {
        assert_eq!(head.get(name), Some(value), "{name}");
    }
}

/// The answer 101 MUST name the upgrade in `Upgrade` and `Connection`, and the backend's fields come with it.
#[test]
fn s4_2_2_the_answer_reaches_the_client() {
    let pair = Pair::new(switches_protocols());
    let head = pair.keel.client().send(HANDSHAKE).head();
    assert_eq!(["connection", "upgrade"].map(|name| head.get(name)), [Some("upgrade"), Some("websocket")]);
    assert_eq!(head.get("sec-websocket-accept"), Some("x"));
    assert!(!head.has("content-length") && !head.has("transfer-encoding"), "{}", head.text);
}

/// A handshake by another method, or with a body, MUST NOT be carried out: it is refused with 400.
#[test]
fn s4_2_1_a_handshake_that_is_no_plain_get_is_refused() {
    let fields = "host: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n";
    Pair::new(switches_protocols()).refuses(
        400,
        [
            format!("POST / HTTP/1.1\r\n{fields}\r\n"),
            format!("GET / HTTP/1.1\r\n{fields}content-length: 2\r\n\r\nhi"),
            format!("GET / HTTP/1.1\r\n{fields}transfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        ],
    );
}

/// What a client sends behind its handshake is no WebSocket data before the backend has agreed: until then it stays here.
#[test]
fn s4_1_nothing_reaches_the_backend_before_it_has_agreed() {
    let (gate, half) = (Gate::default(), Gate::default());
    let mut script = vec![Step::ReadBody, Step::Tell(half.clone()), Step::Hold(gate.clone())];
    script.extend(switches_protocols());
    let pair = Pair::new(script);
    let mut client = pair.keel.client();
    client.send(HANDSHAKE);
    half.pass();
    client.send("GET /smuggled HTTP/1.1\r\nhost: test\r\n\r\n");
    let before = String::from_utf8(pair.backend.take_received()).unwrap();
    assert!(before.ends_with("\r\n\r\n") && !before.contains("smuggled"), "{before}");
    gate.open();
    assert!(client.head().start_line().starts_with("HTTP/1.1 101 "));
    client.hear(b"GET /smuggled HTTP/1.1\r\nhost: test\r\n\r\n");
}

/// Data sent together with the handshake is not lost.
#[test]
fn s4_1_what_is_sent_right_behind_the_handshake_is_not_lost() {
    let pair = Pair::new(switches_protocols());
    let mut client = pair.keel.client();
    client.send(format!("{HANDSHAKE}early")).head();
    client.hear(b"early");
}

/// An answer that is not 101 is plain HTTP, and so is what the client has sent behind its handshake.
#[test]
fn s4_2_2_a_backend_that_declines_has_the_last_word() {
    let pair = Pair::new(status(403));
    let mut client = pair.keel.client();
    client.send(format!("{HANDSHAKE}GET /next HTTP/1.1\r\nhost: test\r\n\r\n"));
    assert_eq!(client.response().status, 403);
    assert_eq!(client.response().status, 403);
    pair.backend.plays(ok("plain"));
    assert_eq!(client.get("/").text(), "plain");
    let lines: Vec<_> = pair.backend.requests().iter().map(|r| r.head.start_line().to_owned()).collect();
    assert_eq!(lines, ["GET /chat?a=b HTTP/1.1", "GET /next HTTP/1.1", "GET / HTTP/1.1"]);
}

/// Data frames are passed on as they are, in both directions, and the request is in flight for as long.
#[test]
fn s5_data_passes_untouched_in_both_directions() {
    let (pair, mut client) = tunnel();
    for message in [b"hello".as_slice(), b"\x81\x85\0\0\0\0Hello", b"\x00\xff\r\n\r\n", &vec![7; 300_000]] {
        client.send(message);
        client.hear(message);
    }
    assert_eq!(pair.keel.snapshot().pools[0].in_flight, 1);
}

/// What the backend sends right behind its 101 is data already.
#[test]
fn s5_what_the_backend_sends_right_behind_its_answer_is_not_lost() {
    let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nwelcome";
    let pair = Pair::new(vec![Step::ReadBody, Step::Send(head.into()), Step::Echo]);
    let mut client = pair.keel.client();
    client.send(HANDSHAKE).head();
    client.hear(b"welcome");
}

/// When one side has closed, the other is told so, and may still send what it has to say.
#[test]
fn s7_1_1_the_end_of_either_side_is_passed_on() {
    let (pair, mut client) = tunnel();
    client.send("bye").finish();
    client.hear(b"bye");
    assert!(client.is_at_end());
    pair.keel.comes_to_rest();
    let gate = Gate::default();
    let mut script = switches_protocols();
    *script.last_mut().unwrap() = Step::Hold(gate.clone());
    script.push(Step::Close);
    pair.backend.plays(script);
    let mut client = pair.keel.client();
    client.send(HANDSHAKE).head();
    gate.open();
    assert!(client.is_at_end());
}
