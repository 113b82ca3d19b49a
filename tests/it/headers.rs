//! What a backend and a client get to see of each other's fields, and of ours.

use std::collections::BTreeSet;

use crate::support::client::Response;
use crate::support::http::Head;
use crate::support::keel::{Keel, pool};
use crate::support::script::{ok, raw};
use crate::support::upstream::{Upstream, upstream};

/// Sends one request through evenkeel and gives what the backend got, and the answer.
fn through(settings: &str, request: &str, answer: &str) -> (Head, Response) {
    let backend = upstream(raw(answer));
    let keel = Keel::serve(format!("{settings}{}", pool(&[&backend])));
    let response = keel.client().send(request).response();
    (backend.request().head, response)
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[test]
fn a_request_gets_our_fields() {
    let (head, _) = through("", "GET /a/../b?c=%2F HTTP/1.1\r\nHost: Example.com:81\r\nAccept: */*\r\n\r\n", OK);
    assert_eq!(head.start_line(), "GET /a/../b?c=%2F HTTP/1.1", "the target is passed on byte for byte");
    assert_eq!(head.get("host"), Some("Example.com:81"));
    assert_eq!(head.get("accept"), Some("*/*"));
    assert_eq!(head.get("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(head.get("x-forwarded-proto"), Some("http"));
    assert_eq!(head.get("x-forwarded-host"), Some("Example.com:81"));
    assert_eq!(head.get("via"), Some("1.1 evenkeel"));
    assert!(head.get("x-request-id").is_some_and(|id| id.len() >= 16), "{}", head.text);
}

#[test]
fn request_ids_are_kept_if_they_are_fit() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]));
    let long = "x".repeat(1000);
    for id in ["mine-1", "not fit \u{e9}", &long] {
        keel.client().send(format!("GET / HTTP/1.1\r\nhost: test\r\nx-request-id: {id}\r\n\r\n")).response();
    }
    let ids = request_ids(&backend);
    assert_eq!(ids[0], "mine-1");
    assert!(ids.iter().all(|id| id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic())), "{ids:?}");
}

#[test]
fn no_two_request_ids_are_the_same() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]));
    // Kept open, so that the connections are spread over the workers.
    let mut clients: Vec<_> = (0..8).map(|_| keel.client()).collect();
    for n in 0..8 {
        for client in &mut clients {
            client.get("/");
        }
        // Brings its own, so that one worker makes fewer than the others.
        clients[0].send(format!("GET / HTTP/1.1\r\nhost: test\r\nx-request-id: mine-{n}\r\n\r\n")).response();
    }
    let unique: BTreeSet<_> = request_ids(&backend).into_iter().collect();
    assert_eq!(unique.len(), 72, "{unique:#?}");
}

fn request_ids(backend: &Upstream) -> Vec<String> {
    backend.requests().iter().map(|r| r.head.get("x-request-id").unwrap().to_owned()).collect()
}

#[test]
fn what_belongs_to_one_hop_does_not_reach_the_backend() {
    let request = "GET / HTTP/1.1\r\nhost: test\r\nConnection: keep-alive, X-Secret\r\nconnection: X-More\r\n\
                   X-Secret: 1\r\nX-More: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nTE: trailers, gzip\r\n\
                   Upgrade: h2c\r\nHTTP2-Settings: x\r\nX-Stays: 1\r\n\r\n";
    let (head, _) = through("", request, OK);
    for name in ["connection", "x-secret", "x-more", "keep-alive", "proxy-connection", "te", "upgrade", "http2-settings"] {
        assert!(!head.has(name), "{name} reached the backend:\n{}", head.text);
    }
    assert_eq!(head.get("x-stays"), Some("1"));
}

#[test]
fn what_belongs_to_one_hop_does_not_reach_the_client() {
    let answer = "HTTP/1.1 200 OK\r\nconnection: X-Secret, keep-alive\r\nx-secret: 1\r\nkeep-alive: timeout=5\r\n\
                  proxy-connection: x\r\nupgrade: h2c\r\ncontent-length: 2\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\nok";
    let (_, response) = through("", "GET / HTTP/1.1\r\nhost: test\r\n\r\n", answer);
    for name in ["x-secret", "keep-alive", "proxy-connection", "upgrade"] {
        assert!(!response.head.has(name), "{name} reached the client:\n{}", response.head.text);
    }
    assert_eq!(response.head.all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(response.text(), "ok");
}

#[test]
fn no_client_can_have_our_fields_removed_or_forged() {
    let request = "GET / HTTP/1.1\r\nhost: test\r\n\
                   Connection: x-forwarded-for, X-Forwarded-Proto, x-forwarded-host, via, x-request-id, host\r\n\
                   X-Forwarded-For: 6.6.6.6\r\nx_forwarded_for: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n\
                   X-Forwarded-Host: evil\r\nForwarded: for=6.6.6.6\r\nmy_field: stays\r\n\r\n";
    let (head, _) = through("", request, OK);
    assert_eq!(head.get("host"), Some("test"));
    assert_eq!(head.get("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(head.get("x-forwarded-proto"), Some("http"));
    assert_eq!(head.get("x-forwarded-host"), Some("test"));
    assert_eq!(head.get("via"), Some("1.1 evenkeel"));
    assert!(head.has("x-request-id"));
    assert_eq!(head.get("my_field"), Some("stays"));
    assert!(!head.text.contains("6.6.6.6"), "{}", head.text);
}

#[test]
fn a_trusted_proxy_is_believed() {
    let request = "GET / HTTP/1.1\r\nhost: test\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n\
                   X-Forwarded-Host: outside\r\nVia: 1.1 edge\r\n\r\n";
    let (head, _) = through("trusted_proxies: [127.0.0.0/8]\n", request, OK);
    assert_eq!(head.get("x-forwarded-for"), Some("1.2.3.4, 127.0.0.1"));
    assert_eq!(head.get("x-forwarded-proto"), Some("https"));
    assert_eq!(head.get("x-forwarded-host"), Some("outside"));
    assert_eq!(head.all("via").join(", "), "1.1 edge, 1.1 evenkeel");
}

#[test]
fn the_target_in_absolute_form_names_the_host() {
    let (head, _) = through("", "GET http://inside:81/x HTTP/1.1\r\nhost: other\r\n\r\n", OK);
    assert_eq!(head.start_line(), "GET /x HTTP/1.1");
    assert_eq!(head.get("host"), Some("inside:81"));
}

#[test]
fn expect_is_answered_here_and_not_passed_on() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]));
    let mut client = keel.client();
    client.send("POST / HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n");
    assert_eq!(client.head().start_line(), "HTTP/1.1 100 Continue");
    assert_eq!(client.send("body").response().text(), "ok");
    let request = backend.request();
    assert!(!request.head.has("expect"), "{}", request.head.text);
    assert_eq!(request.body, b"body");
}

#[test]
fn an_own_answer_comes_instead_of_100_continue() {
    let backend = upstream(ok("ok"));
    let keel =
        Keel::serve(format!("pools: [{{name: a, hosts: [a.test], health_check: null, backends: [\"{}\"]}}]", backend.url()));
    let mut client = keel.client();
    let response = client.send("POST / HTTP/1.1\r\nhost: b.test\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n").response();
    assert_eq!(response.status, 404);
    assert_eq!(response.interim.len(), 0, "the client was asked for a body that nobody wants");
}
