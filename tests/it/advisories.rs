//! The classes of mistakes for which other proxies had to publish advisories. Where another module shows that we do not make
//! one of them, it is named here: request smuggling by lengths and codings is [`super::desync`]'s.

use crate::support::keel::{Keel, pool};
use crate::support::script::ok;
use crate::support::upstream::upstream;

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
