//! Methods and expectations (sections 9 and 10).

use crate::support::keel::{Keel, pool};
use crate::support::pair::Pair;
use crate::support::script::{Script, Step, hints_first, ok, raw, resets_before_the_head};
use crate::support::upstream::{Upstream, upstream};

/// A method is case-sensitive, and one that an intermediary does not know is the backend's to judge.
#[test]
fn s9_1_unknown_methods_are_forwarded_as_they_are() {
    let pair = Pair::new(ok("ok"));
    for method in ["get", "Get", "PROPFIND", "M-SEARCH", "QUERY", "X_~1"] {
        let head = format!("{method} / HTTP/1.1\r\nhost: test\r\n\r\n");
        assert_eq!(pair.passes_on(&head), head);
    }
}

/// A request that is not idempotent MUST NOT be repeated automatically once it may have been received; others may.
#[test]
fn s9_2_2_only_idempotent_requests_are_repeated() {
    let backends = [upstream(resets_before_the_head()), upstream(resets_before_the_head())];
    let keel = Keel::serve(pool(&backends.each_ref()).set("outlier_detection", "null"));
    let deliveries = || backends.iter().map(Upstream::hits).sum::<usize>();
    for (method, times) in [("POST", 1), ("PATCH", 1), ("get", 1), ("GET", 2), ("HEAD", 2), ("PUT", 2), ("DELETE", 2)] {
        let before = deliveries();
        let head = keel.client().send(format!("{method} / HTTP/1.1\r\nhost: test\r\n\r\n")).head();
        assert!(head.start_line().starts_with("HTTP/1.1 502 "), "{method}: {}", head.text);
        assert_eq!(deliveries() - before, times, "{method}");
    }
}

/// A body in a `GET` request has no meaning, but it MUST be framed as such and not be taken for the next request.
#[test]
fn s9_3_1_a_get_may_have_a_body() {
    let pair = Pair::new(ok("ok"));
    for framing in ["content-length: 5\r\n\r\nquery", "transfer-encoding: chunked\r\n\r\n5\r\nquery\r\n0\r\n\r\n"] {
        let request = format!("GET / HTTP/1.1\r\nhost: test\r\n{framing}");
        assert_eq!(pair.passes_on(&request), request);
    }
}

/// An answer to `HEAD` MUST NOT have content, and its length is that of the answer to `GET`.
#[test]
fn s9_3_2_head_has_the_length_but_not_the_body() {
    let pair = Pair::new(raw("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"));
    let mut client = pair.keel.client();
    for _ in 0..3 {
        let response = client.send("HEAD / HTTP/1.1\r\nhost: test\r\n\r\n").response_to_head();
        assert_eq!((response.status, response.head.get("content-length")), (200, Some("1000")));
    }
    let requests = pair.backend.requests();
    assert!(requests.iter().all(|r| r.connection == 0 && r.head.start_line().starts_with("HEAD ")), "{requests:#?}");
}

/// Content that a backend sends upon `HEAD` all the same does not reach the client, nor is it the beginning of another answer.
#[test]
fn s9_3_2_content_in_an_answer_to_head_is_discarded() {
    let pair = Pair::new(ok("smuggled"));
    let mut client = pair.keel.client();
    for n in 0..3 {
        client.send("HEAD / HTTP/1.1\r\nhost: test\r\n\r\n").response_to_head();
        assert_eq!(pair.backend.requests()[n].connection, n, "such a connection is not used again");
    }
    let request = "HEAD / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    assert!(!pair.returns_for(request, "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled").contains("smuggled"));
}

/// A server MAY refuse `CONNECT`; a gateway that does not tunnel MUST NOT forward it.
#[test]
fn s9_3_6_connect_is_refused() {
    let pair = Pair::new(ok("ok"));
    pair.refuses(405, ["CONNECT test:443 HTTP/1.1\r\nhost: test:443\r\n\r\n"]);
    pair.refuses(405, ["CONNECT test:443 HTTP/1.1\r\nhost: test:443\r\n\r\nGET / HTTP/1.1\r\nhost: test\r\n\r\n"]);
}

/// `OPTIONS` may ask about the server as a whole (`*`) or about one resource.
#[test]
fn s9_3_7_options_are_forwarded() {
    let pair = Pair::new(ok("ok"));
    for target in ["*", "/", "/a?b"] {
        let head = format!("OPTIONS {target} HTTP/1.1\r\nhost: test\r\n\r\n");
        assert_eq!(pair.passes_on(&head), head);
    }
}

/// `TRACE` would disclose what a client and the proxies before it have added: it is refused, and so never has a body.
#[test]
fn s9_3_8_trace_is_refused() {
    let requests = ["TRACE / HTTP/1.1\r\nhost: test\r\n\r\n", "TRACE / HTTP/1.1\r\nhost: test\r\nmax-forwards: 0\r\n\r\n"];
    Pair::new(ok("ok")).refuses(405, requests);
}

const EXPECTS: &str = "POST / HTTP/1.1\r\nhost: test\r\nexpect: 100-Continue\r\ncontent-length: 4\r\n\r\n";

/// A client that expects 100 (Continue) before it sends its content MUST get that or a final answer without having to send it.
#[test]
fn s10_1_1_an_expectation_is_met_before_the_content_is_sent() {
    let pair = Pair::new(ok("ok"));
    let mut client = pair.keel.client();
    assert_eq!(client.send(EXPECTS).head().text, "HTTP/1.1 100 Continue");
    assert_eq!(client.send("body").response().text(), "ok");
    assert_eq!(pair.backend.request().body, b"body");
}

/// A final answer that needs no content MUST NOT be preceded by 100 (Continue).
#[test]
fn s10_1_1_a_request_that_is_refused_is_not_told_to_continue() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]).set("hosts", "[other.test]"));
    let response = keel.client().send(EXPECTS).response();
    assert_eq!((response.status, response.interim.len()), (404, 0));
}

/// A final answer of the backend, given upon the head alone, reaches a client that is still waiting with its content.
#[test]
fn s10_1_1_a_backend_may_answer_without_the_content() {
    let refuses: Script = vec![Step::Send(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno".to_vec()), Step::Stall];
    let response = Pair::new(refuses).ask(EXPECTS);
    assert_eq!((response.status, response.text().as_str()), (403, "no"));
}

/// An expectation of an HTTP/1.0 client MUST be ignored, and it gets no 1xx answer.
#[test]
fn s10_1_1_an_old_client_gets_no_interim_answer() {
    let pair = Pair::new(hints_first("ok"));
    let request = "POST / HTTP/1.0\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\nbody";
    let response = pair.ask(request);
    assert_eq!((response.text().as_str(), response.interim.len()), ("ok", 0));
}

/// A proxy SHOULD leave it to the backend whether a client is to continue: it forwards the expectation.
///
/// Deviation: evenkeel answers 100 (Continue) itself, as soon as a backend has been found and connected to, and does not
/// forward `Expect`. hyper's server sends 100 when the body is first asked for and cannot pass on one that comes from elsewhere.
#[test]
fn s10_1_1_an_expectation_is_not_forwarded() {
    let pair = Pair::new(ok("ok"));
    let got = pair.passes_on(format!("{EXPECTS}body"));
    assert_eq!(got, "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\n\r\nbody");
}
