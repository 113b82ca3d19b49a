//! The scripted upstreams do what they say; a vice that is none would make the other tests pass for nothing.

use std::io::ErrorKind;
use std::net::TcpStream;

use crate::support::client::Client;
use crate::support::script::{
    Gate, Script, breaks_off_a_chunk, chunked_with_trailers, closes_silently, closes_without_an_answer, garbage, hints_first, ok,
    promises_too_much, resets_before_the_head, resets_mid_body, switches_protocols, to_eof, trickles,
};
use crate::support::upstream::{Upstream, deaf, upstream};

fn ask(backend: &Upstream) -> Client {
    let mut client = Client::to(backend.address());
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    client
}

#[test]
fn good_manners() {
    let scripts = [ok("hello"), trickles("hello"), to_eof("hello"), closes_silently("hello"), hints_first("hello")];
    for script in scripts {
        let backend = upstream(script);
        assert_eq!(ask(&backend).response().text(), "hello");
        assert!(backend.request().complete);
    }
    let response = ask(&upstream(chunked_with_trailers())).response();
    assert_eq!((response.text().as_str(), response.trailers), ("hello, world", vec!["x-checksum: 42".to_owned()]));
    assert_eq!(ask(&upstream(hints_first("hello"))).response().interim.len(), 2);
}

#[test]
fn breaks() {
    let gate = Gate::default();
    gate.open();
    let cases: [(Script, ErrorKind); 6] = [
        (resets_before_the_head(), ErrorKind::ConnectionReset),
        (resets_mid_body(&gate), ErrorKind::ConnectionReset),
        (closes_without_an_answer(), ErrorKind::UnexpectedEof),
        (promises_too_much(&gate), ErrorKind::UnexpectedEof),
        (breaks_off_a_chunk(&gate), ErrorKind::UnexpectedEof),
        (garbage(), ErrorKind::InvalidData),
    ];
    for (n, (script, kind)) in cases.into_iter().enumerate() {
        let error = ask(&upstream(script)).try_response().unwrap_err();
        assert_eq!(error.kind(), kind, "case {n}: {error}");
    }
}

#[test]
fn refusal_death_and_return() {
    let backend = deaf(ok("alive"));
    let refused = || TcpStream::connect(backend.address()).unwrap_err().kind() == ErrorKind::ConnectionRefused;
    for _ in 0..3 {
        assert!(refused());
        backend.comes_back();
        let mut client = ask(&backend);
        assert_eq!(client.response().text(), "alive");
        backend.dies();
        assert!(client.is_at_end());
    }
    assert!(refused());
    assert_eq!(backend.hits(), 3);
}

#[test]
fn an_echo() {
    let backend = upstream(switches_protocols());
    let mut client = ask(&backend);
    assert!(client.head().start_line().contains("101"));
    assert_eq!(client.send("hello").some().unwrap(), b"hello");
    client.finish();
    assert!(client.is_at_end());
}
