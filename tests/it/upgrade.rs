//! WebSocket tunnels, beyond what `rfc6455` says of them.

use crate::support::eventually;
use crate::support::keel::{Keel, pool};
use crate::support::script::switches_protocols;
use crate::support::upstream::upstream;

const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nhost: test\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\
                         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";

#[test]
fn what_passes_through_a_tunnel_is_counted_while_it_passes() {
    let backend = upstream(switches_protocols());
    let keel = Keel::serve(pool(&[&backend]));
    let mut client = keel.client();
    client.send(HANDSHAKE).head();
    for total in [5, 10] {
        client.send("hello");
        client.hear("hello");
        eventually("the bytes in both directions", || {
            let traffic = keel.view(&backend).windows[0].clone();
            (traffic.bytes_in == total && traffic.bytes_out == total).then_some(())
        });
    }
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
