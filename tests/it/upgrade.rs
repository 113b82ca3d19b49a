//! WebSocket tunnels.

use crate::support::client::Client;
use crate::support::eventually;
use crate::support::keel::{Keel, pool};
use crate::support::script::{ok, status, switches_protocols};
use crate::support::upstream::upstream;

const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nhost: test\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\
                         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";

/// Reads exactly as many bytes as expected.
#[track_caller]
fn hear(client: &mut Client, expected: &[u8]) {
    let mut heard = Vec::new();
    while heard.len() < expected.len() {
        let piece = client.some().unwrap();
        assert!(!piece.is_empty(), "the tunnel ended after {heard:?}");
        heard.extend(piece);
    }
    assert_eq!(heard, expected);
}

#[test]
fn a_tunnel_carries_bytes_both_ways_and_is_in_flight_meanwhile() {
    let backend = upstream(switches_protocols());
    let keel = Keel::serve(pool(&[&backend]));
    let mut client = keel.client();
    let head = client.send(HANDSHAKE).head();
    assert!(head.start_line().starts_with("HTTP/1.1 101 "), "{}", head.text);
    assert_eq!(head.get("upgrade").map(str::to_ascii_lowercase).as_deref(), Some("websocket"));
    assert_eq!(head.get("connection").map(str::to_ascii_lowercase).as_deref(), Some("upgrade"));
    assert_eq!(head.get("sec-websocket-accept"), Some("x"));
    for message in [b"hello".as_slice(), b"\x00\xff\r\n\r\n", &vec![7; 300_000]] {
        client.send(message);
        hear(&mut client, message);
    }
    assert_eq!(keel.snapshot().pools[0].in_flight, 1);

    let head = backend.request().head;
    assert_eq!(head.get("upgrade").map(str::to_ascii_lowercase).as_deref(), Some("websocket"));
    assert_eq!(head.get("connection").map(str::to_ascii_lowercase).as_deref(), Some("upgrade"));
    assert_eq!(head.get("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));

    client.finish();
    assert!(client.is_at_end());
    keel.comes_to_rest();
}

#[test]
fn what_passes_through_a_tunnel_is_counted_while_it_passes() {
    let backend = upstream(switches_protocols());
    let keel = Keel::serve(pool(&[&backend]));
    let mut client = keel.client();
    client.send(HANDSHAKE).head();
    for total in [5, 10] {
        client.send("hello");
        hear(&mut client, b"hello");
        eventually("the bytes in both directions", || {
            let traffic = keel.view(&backend).windows[0].clone();
            (traffic.bytes_in == total && traffic.bytes_out == total).then_some(())
        });
    }
}

#[test]
fn what_is_sent_right_behind_the_handshake_is_not_lost() {
    let backend = upstream(switches_protocols());
    let keel = Keel::serve(pool(&[&backend]));
    let mut client = keel.client();
    client.send(format!("{HANDSHAKE}early")).head();
    hear(&mut client, b"early");
}

#[test]
fn a_tunnel_that_nobody_uses_ends() {
    let backend = upstream(switches_protocols());
    let keel = Keel::serve(pool(&[&backend]).set("timeouts", "{stream_idle: 200ms}"));
    let mut client = keel.client();
    client.send(HANDSHAKE).head();
    assert!(client.is_at_end());
    keel.comes_to_rest();
}

#[test]
fn a_backend_that_declines_has_the_last_word() {
    let backend = upstream(status(403));
    let keel = Keel::serve(pool(&[&backend]));
    let mut client = keel.client();
    assert_eq!(client.send(HANDSHAKE).response().status, 403);
    backend.plays(ok("plain"));
    assert_eq!(client.get("/").text(), "plain", "the connection goes on as HTTP");
}

#[test]
fn nothing_but_a_websocket_is_upgraded() {
    let backend = upstream(ok("plain"));
    let keel = Keel::serve(pool(&[&backend]));
    let request =
        "GET / HTTP/1.1\r\nhost: test\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n";
    assert_eq!(keel.client().send(request).response().text(), "plain");
    let head = backend.request().head;
    assert!(!head.has("upgrade") && !head.has("connection") && !head.has("http2-settings"), "{}", head.text);
}
