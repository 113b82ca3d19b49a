//! Authentication, conditions, ranges and status codes (sections 11 to 15).

use crate::support::client::Response;
use crate::support::pair::Pair;
use crate::support::script::{garbage, hints_first, ok, raw, stalls_before_the_head};

/// `Authorization` MUST NOT be changed on its way, and neither are cookies.
#[test]
fn s11_6_2_credentials_are_passed_on_untouched() {
    let head = "GET / HTTP/1.1\r\nhost: test\r\nauthorization: Digest username=\"a, b\",  realm=\"\"\r\n\
                proxy-authorization: Basic eDp5\r\ncookie: a=1;b=\"2\"\r\ncookie: c\r\n\r\n";
    assert_eq!(Pair::new(ok("ok")).passes_on(head), head);
}

/// `WWW-Authenticate` MUST NOT be changed on its way.
#[test]
fn s11_6_1_challenges_are_passed_on_untouched() {
    let challenges = "www-authenticate: Basic realm=\"x\", Digest nonce=\"a\"\r\nwww-authenticate: Negotiate\r\n";
    let answer = Pair::new(ok("ok")).returns(format!("HTTP/1.1 401 Unauthorized\r\n{challenges}content-length: 0\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n") && answer.contains(challenges), "{answer}");
}

/// Who is neither origin nor cache MUST forward conditions and not evaluate them.
#[test]
fn s13_2_1_conditions_are_forwarded_unevaluated() {
    let head = "GET / HTTP/1.1\r\nhost: test\r\nif-match: \"a\"\r\nif-none-match: W/\"a\", *\r\nif-range: \"a\"\r\n\
                if-modified-since: Sun, 06 Nov 2094 08:49:37 GMT\r\nif-unmodified-since: nonsense\r\n\r\n";
    let pair = Pair::new(raw("HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: 2\r\n\r\nok"));
    assert_eq!(pair.passes_on(head), head);
    assert_eq!(pair.ask(head).status, 200, "the backend's verdict counts");
}

/// `Range` is forwarded unevaluated: partial content and its absence are the backend's to decide.
#[test]
fn s14_2_ranges_are_forwarded_unevaluated() {
    let pair = Pair::new(ok("ok"));
    let head = "GET / HTTP/1.1\r\nhost: test\r\nrange: bytes=0-1, 5-\r\n\r\n";
    assert_eq!(pair.passes_on(head), head);
    for answer in [
        "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-1/9\r\naccept-ranges: bytes\r\ncontent-length: 2\r\n",
        "HTTP/1.1 416 Range Not Satisfiable\r\ncontent-range: bytes */9\r\ncontent-length: 2\r\n",
    ] {
        let returned = pair.returns_for(head.replace("range:", "connection: close\r\nrange:"), format!("{answer}\r\nok"));
        assert!(returned.starts_with(answer) && returned.ends_with("\r\n\r\nok"), "{returned}");
    }
}

/// A status code that an intermediary does not know is passed on as it is.
#[test]
fn s15_unknown_status_codes_are_passed_on() {
    let pair = Pair::new(ok("ok"));
    for status in [200, 226, 299, 399, 418, 451, 499, 511, 599] {
        let answer = pair.returns(format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 2\r\n\r\nok"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.ends_with("\r\n\r\nok"), "{answer}");
    }
}

/// Any number of 1xx answers MUST be understood before the final one.
#[test]
fn s15_2_interim_answers_do_not_disturb_the_answer() {
    let pair = Pair::new(hints_first("styled"));
    let mut client = pair.keel.client();
    for _ in 0..3 {
        assert_eq!(client.get("/").text(), "styled");
    }
    assert!(pair.backend.requests().iter().all(|r| r.connection == 0), "the connection is good for another request");
}

/// A proxy MUST forward 1xx answers that it has not asked for itself.
///
/// Deviation: They are read and dropped. hyper's server cannot send an interim answer of a service's choice.
#[test]
fn s15_2_interim_answers_are_not_forwarded() {
    let response = Pair::new(hints_first("ok")).ask("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!((response.status, response.interim.len()), (200, 0));
}

/// Answers with status 204 and 304 end with their head, whatever length they tell, and the connection goes on.
#[test]
fn s15_3_5_answers_without_a_body_end_with_their_head() {
    for (answer, status) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", 204),
        ("HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\ncontent-length: 100\r\n\r\n", 304),
        ("HTTP/1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n", 304),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200),
    ] {
        let pair = Pair::new(raw(answer));
        let mut client = pair.keel.client();
        for _ in 0..3 {
            let response = client.get("/");
            assert_eq!((response.status, response.body.len()), (status, 0));
        }
        assert!(pair.backend.requests().iter().all(|r| r.connection == 0), "{answer:?}: good for another request");
    }
}

/// A 304 MUST have the fields that a 200 would have had for the same request, as far as the backend gave them.
#[test]
fn s15_4_5_a_304_keeps_its_fields() {
    let fields = "cache-control: max-age=1\r\ncontent-location: /a\r\nexpires: 0\r\nvary: accept\r\n\
                  date: Sun, 06 Nov 1994 08:49:37 GMT\r\netag: W/\"x\"\r\n";
    let answer = Pair::new(ok("ok")).returns(format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n"));
    assert!(fields.lines().all(|line| answer.contains(line)), "{answer}");
}

/// An error answer SHOULD explain itself, and of the request it repeats nothing.
#[test]
fn s15_5_own_answers_explain_themselves() {
    let pair = Pair::new(garbage());
    for request in ["GET /sesame HTTP/1.1\r\nhost: a,b\r\n\r\n", "TRACE /sesame HTTP/1.1\r\nhost: test\r\n\r\n"] {
        assert_explains_itself(&pair.ask(request));
    }
    assert_explains_itself(&pair.ask("GET /sesame HTTP/1.1\r\nhost: test\r\n\r\n"));
}

#[track_caller]
fn assert_explains_itself(response: &Response) {
    let text = response.text();
    assert!(text.starts_with(&response.status.to_string()), "{text:?}");
    assert!(text.contains(response.head.get("x-request-id").unwrap()) && !text.contains("sesame"), "{text:?}");
    assert_eq!(response.head.get("content-type"), Some("text/plain; charset=utf-8"));
}

/// An error answer SHOULD explain itself also when the request could not be parsed.
///
/// Deviation: Such an answer (400, 414 or 431) has no body. hyper gives it before evenkeel sees the request.
#[test]
fn s15_5_an_unparsable_request_gets_a_bare_answer() {
    let response = Pair::new(ok("ok")).ask("GET / HTTP/1.1\r\nhost: test\r\nbad name: x\r\n\r\n");
    assert_eq!((response.status, response.body.len()), (400, 0));
}

/// 405 MUST come with `Allow`.
#[test]
fn s15_5_6_a_405_tells_what_is_allowed() {
    let response = Pair::new(ok("ok")).ask("TRACE / HTTP/1.1\r\nhost: test\r\n\r\n");
    let allowed: Vec<_> = response.head.get("allow").unwrap().split(", ").collect();
    assert!(allowed.contains(&"GET") && !allowed.contains(&"TRACE") && !allowed.contains(&"CONNECT"), "{allowed:?}");
}

/// 426 MUST come with `Upgrade`: one that refuses a WebSocket until it is asked for rightly keeps it.
#[test]
fn s15_5_22_a_426_tells_the_protocol() {
    let fields = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n";
    let pair = Pair::new(raw(format!("HTTP/1.1 426 Upgrade Required\r\n{fields}content-length: 0\r\n\r\n")));
    let head = pair.ask("GET / HTTP/1.1\r\nhost: test\r\n\r\n").head;
    let got = ["connection", "upgrade", "sec-websocket-version"].map(|name| head.get(name));
    assert_eq!(got, [Some("upgrade"), Some("websocket"), Some("13")]);
}

/// 502 when the answer of the backend is invalid, 504 when there is none in time.
#[test]
fn s15_6_a_bad_gateway_is_told_from_a_late_one() {
    let pair = Pair::with("", garbage());
    assert_eq!(pair.ask("GET / HTTP/1.1\r\nhost: test\r\n\r\n").status, 502);
    let slow = crate::support::upstream::upstream(stalls_before_the_head());
    let keel = crate::support::keel::Keel::serve(crate::support::keel::pool(&[&slow]).set("timeouts", "{response_head: 200ms}"));
    assert_eq!(keel.get("/").status, 504);
}
