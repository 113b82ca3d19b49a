//! Routing a message through an intermediary (sections 4 and 7).

use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::support::keel::{Keel, pool};
use crate::support::pair::Pair;
use crate::support::script::{ok, raw, switches_protocols};
use crate::support::upstream::upstream;

/// User information in the authority of a target SHOULD be treated as an error: it obscures whom one talks to.
#[test]
fn s4_2_4_user_information_is_refused() {
    let requests = ["http://user@test/", "http://user:pw@test/", "http://test@/", "http://@test/"];
    Pair::new(ok("ok")).refuses(400, requests.map(|target| format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n")));
}

/// A gateway passes `Host` on as it came, port and letters' case included.
#[test]
fn s7_2_host_is_kept() {
    let pair = Pair::new(ok("ok"));
    for host in ["test", "Example.COM:81", "[::1]:8080", "127.0.0.1", "a_b.test", "test:"] {
        let head = format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n");
        assert_eq!(pair.passes_on(&head), head);
    }
}

/// An intermediary that is no origin for a host MUST NOT answer 421 as if it were; a host that is nobody's is 404.
#[test]
fn s7_4_a_host_that_is_nobodys_is_not_forwarded() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]).set("hosts", "[a.test]"));
    for host in ["b.test", "xa.test", "a.test.b", "a"] {
        let response = keel.client().send(format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n")).response();
        assert_eq!(response.status, 404, "{host}");
    }
    assert_eq!(backend.hits(), 0);
}

/// A message MUST NOT go round for ever when an intermediary is, by whatever way, its own backend: with each round `Via` grows by
/// a line, and what has too many is refused.
#[test]
fn s7_6_a_message_does_not_go_round_for_ever() {
    let way_back = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", way_back.local_addr().unwrap());
    let keel = Keel::serve(format!("pools: [{{name: web, health_check: null, backends: [\"{url}\"]}}]"));
    let address = keel.address;
    thread::spawn(move || {
        for (mut there, mut back) in way_back.incoming().map_while(|s| Some((s.ok()?, TcpStream::connect(address).ok()?))) {
            let (mut from, mut to) = (there.try_clone().unwrap(), back.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut from, &mut to));
            thread::spawn(move || io::copy(&mut back, &mut there));
        }
    });
    assert_eq!(keel.get("/").status, 431);
}

/// `Connection` MUST be removed, with every field that it names, whatever the letters' case and however many lines.
#[test]
fn s7_6_1_fields_named_by_connection_do_not_reach_the_backend() {
    let pair = Pair::new(ok("ok"));
    let request = "GET / HTTP/1.1\r\nhost: test\r\nConnection: keep-alive, X-Secret\r\nx-stays: 1\r\nX-SECRET: 1\r\nX-More: 1\r\n\
                   x-more: 2\r\ncONNECTION:x-MORE\r\n\r\n";
    assert_eq!(pair.passes_on(request), "GET / HTTP/1.1\r\nhost: test\r\nx-stays: 1\r\n\r\n");
}

/// `Connection` MUST be removed from answers too, with every field that it names.
#[test]
fn s7_6_1_fields_named_by_connection_do_not_reach_the_client() {
    let answer = "HTTP/1.1 200 OK\r\nConnection: X-Secret, keep-alive\r\nconnection: x-more\r\nx-secret: 1\r\nX-MORE: 1\r\n\
                  x-stays: 1\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 2\r\n\r\nok";
    let head = Pair::new(raw(answer)).ask("GET / HTTP/1.1\r\nhost: test\r\n\r\n").head;
    assert!(!head.has("connection") && !head.has("x-secret") && !head.has("x-more"), "{}", head.text);
    assert_eq!(head.get("x-stays"), Some("1"));
    assert_eq!(head.all("set-cookie"), ["a=1", "b=2"]);
}

/// What `Connection` names MUST be removed from the trailers as well as from the header, in requests and in answers.
#[test]
fn s7_6_1_fields_named_by_connection_do_not_trail_in_either_direction() {
    let framing = "connection: X-Secret\r\ntrailer: x-secret, x-stays\r\ntransfer-encoding: chunked";
    let body = "1\r\n.\r\n0\r\nx-secret: 1\r\nx-stays: 1\r\n\r\n";
    let pair = Pair::new(raw(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{body}")));
    let response = pair.ask(format!("POST / HTTP/1.1\r\nhost: test\r\nte: trailers\r\n{framing}\r\n\r\n{body}"));
    assert_eq!(pair.backend.request().trailers, ["x-stays: 1"]);
    assert_eq!(response.trailers, ["x-stays: 1"]);
}

/// Fields known to be for one hop SHOULD be removed even if `Connection` does not name them.
#[test]
fn s7_6_1_fields_for_one_hop_are_removed_unnamed() {
    let fields = "keep-alive: timeout=5\r\nproxy-connection: keep-alive\r\nte: trailers, gzip\r\nupgrade: h2c\r\nx-stays: 1\r\n";
    let pair = Pair::new(ok("ok"));
    let request = format!("GET / HTTP/1.1\r\nhost: test\r\nhttp2-settings: AAMAAABk\r\n{fields}\r\n");
    assert_eq!(pair.passes_on(request), "GET / HTTP/1.1\r\nhost: test\r\nx-stays: 1\r\n\r\n");
    pair.backend.plays(raw(format!("HTTP/1.1 200 OK\r\n{fields}content-length: 0\r\n\r\n")));
    let head = pair.ask("GET / HTTP/1.1\r\nhost: test\r\n\r\n").head;
    assert_eq!(head.get("x-stays"), Some("1"));
    for name in ["keep-alive", "proxy-connection", "te", "upgrade"] {
        assert!(!head.has(name), "{name} reached the client:\n{}", head.text);
    }
}

/// What a client names in `Connection` is removed before our own fields are added: it cannot take those away, nor `Host`, nor
/// the length of the body.
#[test]
fn s7_6_1_connection_cannot_remove_what_is_ours() {
    let pair = Pair::new(ok("ok"));
    let request = "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 2\r\nconnection: host, via, X-Forwarded-For, content-length, \
                   x-forwarded-proto, x-forwarded-host, X-Request-Id\r\nx-request-id: 7\r\n\r\nhi";
    let expected = "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 2\r\nx-forwarded-for: 127.0.0.1\r\n\
                    x-forwarded-proto: http\r\nx-forwarded-host: test\r\nvia: 1.1 evenkeel\r\nx-request-id: 7\r\n\r\nhi";
    assert_eq!(pair.forwards(request), expected);
}

/// `OPTIONS` with `Max-Forwards: 0` MUST NOT go on: the intermediary answers it as the last recipient.
#[test]
fn s7_6_2_options_with_no_forwards_left_is_answered_here() {
    let pair = Pair::new(ok("ok"));
    for target in ["/", "*"] {
        let response = pair.ask(format!("OPTIONS {target} HTTP/1.1\r\nhost: test\r\nmax-forwards: 0\r\n\r\n"));
        assert_eq!(response.status, 200);
        assert!(response.head.get("allow").is_some_and(|allow| allow.contains("OPTIONS")), "{}", response.head.text);
    }
    assert_eq!(pair.backend.hits(), 0);
}

/// `OPTIONS` with a larger `Max-Forwards` MUST go on with one less; other methods' are left alone.
#[test]
fn s7_6_2_max_forwards_counts_down_for_options_only() {
    let pair = Pair::new(ok("ok"));
    for (method, came, went) in [("OPTIONS", "3", "2"), ("OPTIONS", "1", "0"), ("OPTIONS", "odd", "odd"), ("GET", "0", "0")] {
        let head = |n| format!("{method} / HTTP/1.1\r\nhost: test\r\nmax-forwards: {n}\r\n\r\n");
        assert_eq!(pair.passes_on(head(came)), head(went));
    }
}

/// A gateway MUST add itself to `Via` of a request, after those before it, with the version in which it got the request.
#[test]
fn s7_6_3_via_is_extended() {
    let pair = Pair::new(ok("ok"));
    let via = |request: &str| {
        pair.ask(request);
        pair.backend.requests().pop().unwrap().head.all("via").join(", ")
    };
    assert_eq!(via("GET / HTTP/1.1\r\nhost: test\r\n\r\n"), "1.1 evenkeel");
    assert_eq!(via("GET / HTTP/1.0\r\n\r\n"), "1.0 evenkeel");
    let chain = "1.0 fred, 1.1 p.example.net (Apache/1.1), 1.1 evenkeel";
    assert_eq!(via("GET / HTTP/1.1\r\nhost: test\r\nvia: 1.0 fred\r\nVia: 1.1 p.example.net (Apache/1.1)\r\n\r\n"), chain);
}

/// Path and query MUST NOT be changed on the way: what the backend sees is what the client sent, byte for byte.
#[test]
fn s7_7_path_and_query_are_forwarded_as_received() {
    let pair = Pair::new(ok("ok"));
    for target in [
        "/a/../b/./c",
        "/../../etc/passwd",
        "//a///b//",
        "/%2e%2E/%2F%5c%00%zz%",
        "/a;b=c,d:e@f!$&'()*+~",
        "/UPPER/lower",
        "/?",
        "/?a=b&&c=?/%20+%3f",
        "/{}|\\^\"[]",
        "/ö\u{1f6a2}?ä",
    ] {
        let head = format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n");
        assert_eq!(pair.passes_on(&head), head);
    }
}

/// Content MUST NOT be transformed where `no-transform` forbids it. It never is.
#[test]
fn s7_7_content_is_not_transformed() {
    let message =
        "cache-control: no-transform\r\ncontent-type: text/html\r\ncontent-length: 21\r\n\r\n<p>  a\r\n\r\n\tb \0 </p>\n\n";
    let pair = Pair::new(ok("ok"));
    let request = format!("POST / HTTP/1.1\r\nhost: test\r\n{message}");
    let sent: Vec<_> = message.split("\r\n\r\n").skip(1).collect();
    assert!(pair.passes_on(request).ends_with(&sent.join("\r\n\r\n")));
    assert!(pair.returns(format!("HTTP/1.1 200 OK\r\n{message}")).ends_with(&sent.join("\r\n\r\n")));
}

/// `Upgrade` in an HTTP/1.0 request MUST be ignored.
#[test]
fn s7_8_upgrade_in_an_old_request_is_ignored() {
    let pair = Pair::new(ok("ok"));
    let request = "GET / HTTP/1.0\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    assert_eq!(pair.passes_on(request), "GET / HTTP/1.1\r\nhost: test\r\n\r\n");
}

/// An intermediary passes on only upgrades that it can carry out, and MAY ignore the others: only `websocket` goes on.
#[test]
fn s7_8_only_upgrades_to_websocket_are_forwarded() {
    let pair = Pair::new(ok("ok"));
    for upgrade in [
        "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk",
        "connection: upgrade\r\nupgrade: TLS/1.0",
        "connection: upgrade\r\nupgrade: websocket, h2c",
        "connection: upgrade\r\nupgrade: websocketx",
        "upgrade: websocket",
    ] {
        let request = format!("GET / HTTP/1.1\r\nhost: test\r\n{upgrade}\r\n\r\n");
        assert_eq!(pair.passes_on(request), "GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    }
}

/// A server MUST NOT switch to a protocol that the client has not asked for: a backend that does is refused.
#[test]
fn s7_8_a_switch_that_nobody_asked_for_is_refused() {
    let pair = Pair::new(switches_protocols());
    let asks_for_websocket = "GET / HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    assert_eq!(pair.ask("GET / HTTP/1.1\r\nhost: test\r\n\r\n").status, 502);
    assert_eq!(pair.ask("GET / HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n").status, 502);
    for other in ["upgrade: h2c\r\n", ""] {
        pair.backend.plays(raw(format!("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n{other}\r\n")));
        assert_eq!(pair.ask(asks_for_websocket).status, 502, "{other:?}");
    }
}
