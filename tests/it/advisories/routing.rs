//! Who serves a request is decided by what the backend gets to see of it, to the byte: nobody can be told one thing and the
//! router another.

use crate::support::keel::Keel;
use crate::support::script::ok;
use crate::support::upstream::{Upstream, upstream};

/// A keel with a pool for each of these keys, and their backends.
fn serve<const N: usize>(keys: [&str; N]) -> ([Upstream; N], Keel) {
    let backends = keys.map(|_| upstream(ok("ok")));
    let pools = keys.iter().zip(&backends).enumerate().map(|(index, (key, backend))| {
        format!("  - {{name: p{index}, {key}, health_check: null, backends: [\"{}\"]}}\n", backend.url())
    });
    let keel = Keel::serve(format!("pools:\n{}", pools.collect::<String>()));
    (backends, keel)
}

/// Envoy CVE-2019-9901 and CVE-2021-32779, `HAProxy` CVE-2023-45539, Caddy CVE-2026-27587, Traefik CVE-2025-66490: spellings of
/// a path that the router takes for one thing and the backend for another.
#[test]
fn a_path_is_routed_by_the_bytes_that_the_backend_gets() {
    let ([admin, other], keel) = serve(["path_prefix: /admin", "path_prefix: /"]);
    for target in [
        "/admin",
        "/admin/",
        "/admin/x?y",
        "/admin?x",
        "/admin/../x",
        "/admin//x",
        "/ADMIN",
        "//admin",
        "/./admin",
        "/x/../admin",
        "/x/..%2fadmin",
        "/%61dmin",
        "/admin%2fx",
        "/admin%00",
        "/admin;x",
        "/adminx",
        "/admin\\x",
        "/x#/admin",
        "/x?/../admin",
        "/admin#/../x",
        "http://test/admin",
        "http://test/x#/admin",
        "http://test?/admin",
    ] {
        let before = (admin.hits(), other.hits());
        let status = keel.client().send(format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n")).response().status;
        assert_eq!(status, 200, "{target}");
        let backend = if admin.hits() > before.0 { &admin } else { &other };
        let line = backend.requests().last().unwrap().head.start_line().to_owned();
        let seen = line.split(' ').nth(1).unwrap();
        let path = seen.split('?').next().unwrap();
        let belongs_to_admin = path == "/admin" || path.starts_with("/admin/");
        assert_eq!(admin.hits() > before.0, belongs_to_admin, "{target} is {seen} to its backend");
        // A fragment is cut off before anybody looks.
        let sent = target.strip_prefix("http://test").unwrap_or(target).split('#').next().unwrap();
        assert_eq!(seen.trim_start_matches('/'), sent.trim_start_matches('/'), "{target}");
    }
}

/// Traefik CVE-2022-23632 (a final dot), Caddy CVE-2026-27588 (letters' case), the fixes of `HAProxy` in 2026 (lists, user
/// info, empty paths): spellings of a host.
#[test]
fn a_host_is_routed_by_the_name_that_the_backend_gets() {
    let ([exact, below, other], keel) = serve(["hosts: [a.test]", "hosts: [\"*.a.test\"]", "path_prefix: /"]);
    let backends = [&exact, &below, &other];
    for (target, host, served) in [
        ("/", "a.test", Some((0, "a.test"))),
        ("/", "A.Test", Some((0, "A.Test"))),
        ("/", "a.test.", Some((0, "a.test."))),
        ("/", "a.test:8080", Some((0, "a.test:8080"))),
        ("/", "b.a.test", Some((1, "b.a.test"))),
        ("/", "a.b.A.TEST.", Some((1, "a.b.A.TEST."))),
        ("/", "xa.test", Some((2, "xa.test"))),
        ("/", ".a.test", Some((2, ".a.test"))),
        ("/", "a.test.b", Some((2, "a.test.b"))),
        ("/", "a.test..", Some((2, "a.test.."))),
        ("http://a.test/", "b.test", Some((0, "a.test"))),
        ("http://A.test", "b.test", Some((0, "A.test"))),
        ("http://b.test?a.test", "a.test", Some((2, "b.test"))),
        ("/", "a.test,b.test", None),
        ("/", "b.test, a.test", None),
        ("/", "a.test b.test", None),
        ("/", "a.test@b.test", None),
        ("/", "b.test:80@a.test", None),
        ("/", "a.test/", None),
        ("/", "b.test#a.test", None),
        ("/", "a.test:80:80", None),
        ("/", "a.test:x", None),
        ("/", "a%2etest", None),
        ("/", "\"a.test\"", None),
        ("/", "[a.test]", None),
        ("http://b.test@a.test/", "a.test", None),
        ("http://a.test,b.test/", "a.test", None),
        ("http:///", "a.test", None),
        ("//a.test/", "b.test", Some((2, "b.test"))),
    ] {
        let before = backends.map(Upstream::hits);
        let status = keel.client().send(format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n")).response().status;
        let hit = (0..3).find(|index| backends[*index].hits() > before[*index]);
        assert_eq!((status, hit), served.map_or((400, None), |(index, _)| (200, Some(index))), "{target} at {host}");
        if let (Some(hit), Some((_, name))) = (hit, served) {
            assert_eq!(backends[hit].requests().last().unwrap().head.get("host"), Some(name), "{target} at {host}");
        }
    }
}
