//! RFC 7239, `Forwarded`, and its elder relatives `X-Forwarded-*`, which are what evenkeel writes. Each test is named by its
//! section and its claim; its doc comment is the requirement, and with the others makes up `tests/CONFORMANCE.md`.

use crate::support::http::Head;
use crate::support::pair::Pair;
use crate::support::script::ok;

const TRUSTING: &str = "trusted_proxies: [127.0.0.0/8]\n";

/// The head that the backend gets of a request with these fields.
fn head(settings: &str, fields: &str) -> Head {
    let pair = Pair::with(settings, ok("ok"));
    pair.ask(format!("GET / HTTP/1.1\r\nhost: test:81\r\n{fields}\r\n"));
    pair.backend.request().head
}

/// A proxy MAY tell the backend of the client: its address, the scheme it used and the host it asked for.
#[test]
fn s4_the_backend_is_told_of_the_client() {
    let head = head("", "");
    let told = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"].map(|name| head.get(name));
    assert_eq!(told, [Some("127.0.0.1"), Some("http"), Some("test:81")]);
}

/// A proxy MAY add itself to `Forwarded`. evenkeel passes it on from a trusted proxy and adds nothing, since two forms of the same
/// fact could disagree.
#[test]
fn s4_forwarded_is_passed_on_and_not_written() {
    assert!(!head("", "").has("forwarded"));
    assert_eq!(head(TRUSTING, "forwarded: for=1.2.3.4\r\n").get("forwarded"), Some("for=1.2.3.4"));
}

/// What a proxy that is trusted tells is kept, lines and order, and the proxy's own address is added behind it.
#[test]
fn s4_a_trusted_chain_is_extended() {
    let fields = "x-forwarded-for: 1.2.3.4, unknown\r\nX-Forwarded-For: 2001:db8::1\r\nx-forwarded-proto: https\r\n\
                  x-forwarded-host: outside\r\nforwarded: for=_a;by=\"[::1]\", for=b\r\nforwarded: for=c\r\n";
    let head = head(TRUSTING, fields);
    assert_eq!(head.get("x-forwarded-for"), Some("1.2.3.4, unknown, 2001:db8::1, 127.0.0.1"));
    assert_eq!(head.get("x-forwarded-proto"), Some("https"));
    assert_eq!(head.get("x-forwarded-host"), Some("outside"));
    assert_eq!(head.all("forwarded"), ["for=_a;by=\"[::1]\", for=b", "for=c"]);
}

/// Whatever anybody else tells of earlier hops may be forged: it does not reach the backend.
#[test]
fn s8_1_nobody_else_is_believed() {
    let fields = "x-forwarded-for: 6.6.6.6\r\nX-FORWARDED-FOR: 6.6.6.6\r\nx-forwarded-proto: 6.6.6.6\r\n\
                  x-forwarded-host: 6.6.6.6\r\nforwarded: for=6.6.6.6\r\n";
    for settings in ["", "trusted_proxies: [10.0.0.0/8, \"::1\"]\n"] {
        let head = head(settings, fields);
        assert!(!head.text.contains("6.6.6.6"), "{}", head.text);
        assert_eq!(head.get("x-forwarded-for"), Some("127.0.0.1"));
    }
}

/// Names with `_` that CGI-like backends take for the same fields do not reach them either, trusted or not.
#[test]
fn s8_1_look_alikes_are_removed() {
    let fields = "x_forwarded_for: 6.6.6.6\r\nX_Forwarded-Proto: 6.6.6.6\r\nx-forwarded_host: 6.6.6.6\r\n\
                  x_request_id: 6.6.6.6\r\ncontent_length: 6.6.6.6\r\ntransfer_encoding: 6.6.6.6\r\n";
    for settings in ["", TRUSTING] {
        let head = head(settings, &format!("{fields}my_field: stays\r\n"));
        assert!(!head.text.contains("6.6.6.6"), "{}", head.text);
        assert_eq!(head.get("my_field"), Some("stays"));
    }
}
