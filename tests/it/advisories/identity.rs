//! Who a backend is told that a request comes from, and by which way, is ours to say.

use crate::support::keel::Keel;
use crate::support::pair::Pair;
use crate::support::script::ok;
use crate::support::upstream::{Upstream, upstream};

/// Traefik CVE-2021-32813, GHSA-62c8-mh53-4cqv and GHSA-92mv-8f8w-wq52: a client lists the fields that a proxy adds among
/// those for one hop, in a spelling that is overlooked.
#[test]
fn a_client_cannot_strip_our_headers_by_naming_them_in_connection() {
    let ours = "X-Forwarded-For, x-forwarded-proto, X-FORWARDED-HOST, Via, x-request-ID, Host, Content-Length";
    for lines in [
        format!("Connection: {ours}\r\n"),
        format!("connection: close, {}\r\n", ours.to_lowercase()),
        format!("CONNECTION:,,\t{} ,\r\n", ours.to_uppercase().replace(", ", "\t,\t")),
        format!("Connection: {}\r\n", ours.replace(", ", "\r\nConnection: ")),
        format!("Connection: \u{e9}, {ours}\r\n"),
        format!("Connection: connection\r\nConnection: {ours}\r\n"),
    ] {
        let pair = Pair::new(ok("ok"));
        pair.ask(format!("POST / HTTP/1.1\r\nHost: test\r\n{lines}Content-Length: 2\r\nX-Forwarded-For: 6.6.6.6\r\n\r\nhi"));
        let request = pair.backend.request();
        let fields = ["host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via", "content-length", "connection"];
        let values = fields.map(|name| request.head.get(name));
        let expected = ["test", "127.0.0.1", "http", "test", "1.1 evenkeel", "2"].map(Some);
        assert_eq!(values[..6], expected, "{lines}");
        assert_eq!(values[6], None, "{lines}");
        assert!(request.head.get("x-request-id").is_some_and(|id| id.len() == 32), "{lines}");
        assert_eq!(request.body, b"hi", "{lines}");
    }
}

/// Forged chains of proxies (Traefik's X-Forwarded-Prefix among many): what a client writes of itself does not decide who it
/// is. The backend is chosen by the client's address, so that it tells whom we believe.
#[test]
fn a_forged_chain_is_not_believed() {
    let backends: [Upstream; 4] = std::array::from_fn(|_| upstream(ok("ok")));
    let urls: Vec<_> = backends.iter().map(|backend| format!("\"{}\"", backend.url())).collect();
    let pools = format!("pools: [{{name: web, strategy: ip_hash, health_check: null, backends: [{}]}}]\n", urls.join(", "));
    let spread = |keel: &Keel, chain: &dyn Fn(usize) -> String| {
        let before: Vec<_> = backends.iter().map(Upstream::hits).collect();
        for n in 0..32 {
            let response = keel.client().send(format!("GET / HTTP/1.1\r\nhost: test\r\n{}\r\n", chain(n))).response();
            assert_eq!(response.status, 200);
        }
        backends.iter().zip(before).filter(|(backend, before)| backend.hits() > *before).count()
    };
    let keel = Keel::serve(&pools);
    assert_eq!(spread(&keel, &|n| format!("X-Forwarded-For: 6.6.6.{n}\r\n")), 1, "a stranger is believed");

    let keel = Keel::serve(format!("trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]\n{pools}"));
    assert!(spread(&keel, &|n| format!("X-Forwarded-For: 9.9.9.{n}\r\n")) > 1, "a trusted proxy is not believed");
    for (what, chain) in [
        ("left of an address nobody vouches for", "X-Forwarded-For: 6.6.6.N, 9.9.9.9, 10.0.0.1\r\n"),
        ("in a line further up", "X-Forwarded-For: 6.6.6.N\r\nX-Forwarded-For: 9.9.9.9\r\n"),
        ("left of what is no address", "X-Forwarded-For: 6.6.6.N, unknown, 10.0.0.1\r\n"),
        ("left of what is no text", "X-Forwarded-For: 6.6.6.N\r\nX-Forwarded-For: \u{e9}\r\n"),
        ("left of nothing", "X-Forwarded-For: 6.6.6.N,\r\n"),
        ("by an address with a port", "X-Forwarded-For: 6.6.6.6:N\r\n"),
        ("by a look-alike", "X_Forwarded_For: 6.6.6.N\r\n"),
    ] {
        assert_eq!(spread(&keel, &|n| chain.replace('N', &n.to_string())), 1, "believed {what}");
    }
}
