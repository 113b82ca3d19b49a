//! Fields, trailers and content (sections 5, 6 and 8).

use crate::support::pair::Pair;
use crate::support::script::{chunked_with_trailers, ok, raw};

/// Fields that an intermediary does not know MUST be passed on; a field name may be any token.
#[test]
fn s5_1_unknown_fields_are_passed_on_in_both_directions() {
    let pair = Pair::new(ok("ok"));
    let fields = "x-unknown: 1\r\nodd!#$%&'*+-.^_`|~9: 2\r\nmy_field: 3\r\n";
    let head = format!("GET / HTTP/1.1\r\nhost: test\r\n{fields}\r\n");
    assert_eq!(pair.passes_on(&head), head);
    let answer = pair.returns(format!("HTTP/1.1 200 OK\r\n{fields}content-length: 0\r\n\r\n"));
    assert!(answer.contains(fields), "{answer}");
}

/// Field lines of the same name MUST be passed on in the order in which they came.
#[test]
fn s5_3_lines_of_the_same_name_keep_their_order() {
    let lines = "x-a: 1\r\nx-b: 0\r\nX-A: 2, 3\r\nx-A: \r\nx-a: 4\r\n";
    let pair = Pair::new(raw(format!("HTTP/1.1 200 OK\r\n{lines}content-length: 0\r\n\r\n")));
    let response = pair.ask(format!("GET / HTTP/1.1\r\nhost: test\r\n{lines}\r\n"));
    for head in [response.head, pair.backend.request().head] {
        assert_eq!(head.all("x-a"), ["1", "2, 3", "", "4"]);
    }
}

/// A request whose fields are more than a server is willing to process MUST be answered with a 4xx status, not cut short.
#[test]
fn s5_4_too_many_or_too_large_fields_are_refused() {
    let with = |fields: String| format!("GET / HTTP/1.1\r\nhost: test\r\n{fields}\r\n");
    Pair::new(ok("ok")).refuses(431, [with(format!("x: {}\r\n", "x".repeat(40_000))), with("x: 1\r\n".repeat(101))]);
}

/// A field value with CR, LF or NUL in it MUST be refused or made harmless; so are other control characters.
#[test]
fn s5_5_control_characters_in_requests_are_refused() {
    let with = |value| format!("GET / HTTP/1.1\r\nhost: test\r\nx: {value}\r\n\r\n");
    Pair::new(ok("ok")).refuses(400, ["a\rb", "a\0b", "a\u{1}b", "a\u{7f}b"].map(with));
}

/// An answer with CR, LF or NUL in a field value MUST be refused or made harmless as well: it does not reach the client.
#[test]
fn s5_5_control_characters_in_answers_are_refused() {
    let pair = Pair::new(ok("ok"));
    for value in ["a\rb", "a\0b", "a\u{1}b", "a\r\rb"] {
        let answer = pair.returns(format!("HTTP/1.1 200 OK\r\nx: {value}\r\ncontent-length: 0\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 502 ") && !answer.contains("x: a"), "{value:?} gave {answer}");
    }
}

/// Bytes beyond ASCII in a field value SHOULD be treated as opaque.
#[test]
fn s5_5_bytes_beyond_ascii_are_opaque() {
    let field = "x-city: Malmö \u{1f6a2}\r\n";
    let pair = Pair::new(ok("ok"));
    let head = format!("GET / HTTP/1.1\r\nhost: test\r\n{field}\r\n");
    assert_eq!(pair.passes_on(&head), head);
    assert!(pair.returns(format!("HTTP/1.1 200 OK\r\n{field}content-length: 0\r\n\r\n")).contains(field));
}

/// Whitespace around a field value is not part of it; within it, it is.
#[test]
fn s5_5_whitespace_around_a_value_is_not_part_of_it() {
    let pair = Pair::new(ok("ok"));
    let request = "GET / HTTP/1.1\r\nhost:test\r\nx: \t a \t b \t\r\n\r\n";
    assert_eq!(pair.passes_on(request), "GET / HTTP/1.1\r\nhost: test\r\nx: a \t b\r\n\r\n");
}

/// Empty elements of a list MUST be ignored, and so the fields between them in `Connection` are found.
#[test]
fn s5_6_1_empty_elements_of_connection_are_ignored() {
    let pair = Pair::new(ok("ok"));
    let request = "GET / HTTP/1.1\r\nhost: test\r\nconnection: , ,x-a\t,, X-B ,\r\nx-a: 1\r\nx-b: 1\r\n\r\n";
    assert_eq!(pair.passes_on(request), "GET / HTTP/1.1\r\nhost: test\r\n\r\n");
}

/// Trailer fields MUST be kept apart from the header fields; both ways they arrive as trailers.
#[test]
fn s6_5_trailers_stay_trailers_in_both_directions() {
    let pair = Pair::new(chunked_with_trailers());
    let request = "POST / HTTP/1.1\r\nhost: test\r\ntrailer: x-sum\r\nte: trailers\r\ntransfer-encoding: chunked\r\n\r\n\
                   2\r\nhi\r\n0\r\nx-sum: 1\r\nx-sum: 2\r\n\r\n";
    let response = pair.ask(request);
    assert_eq!((response.text().as_str(), response.trailers), ("hello, world", vec!["x-checksum: 42".to_owned()]));
    assert!(!response.head.has("x-checksum"));
    let request = pair.backend.request();
    assert_eq!(request.trailers, ["x-sum: 1", "x-sum: 2"]);
    assert!(!request.head.has("x-sum"));
}

/// Fields that frame, route or authenticate a message MUST NOT travel as trailers.
#[test]
fn s6_5_1_fields_that_frame_or_route_do_not_travel_as_trailers() {
    let forbidden = "content-length: 1\r\ntransfer-encoding: chunked\r\nhost: evil\r\nauthorization: x\r\nset-cookie: a=1\r\n\
                     x-forwarded-for: 6.6.6.6\r\nx_forwarded_for: 6.6.6.6\r\nconnection: close\r\ncontent-type: x\r\ntrailer: x\r\n";
    let names = forbidden.lines().filter_map(|line| line.split(':').next()).collect::<Vec<_>>().join(", ");
    let framing = format!("trailer: x-fine, {names}\r\ntransfer-encoding: chunked");
    let body = format!("1\r\n.\r\n0\r\n{forbidden}x-fine: 1\r\n\r\n");
    let pair = Pair::new(raw(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{body}")));
    let response = pair.ask(format!("POST / HTTP/1.1\r\nhost: test\r\nte: trailers\r\n{framing}\r\n\r\n{body}"));
    assert_eq!(response.trailers, ["x-fine: 1"]);
    assert_eq!(pair.backend.request().trailers, ["x-fine: 1"]);
}

/// Trailers SHOULD NOT be sent to who has not said that they are welcome.
#[test]
fn s6_5_1_a_client_that_does_not_ask_for_trailers_gets_none() {
    let response = Pair::new(chunked_with_trailers()).ask("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!((response.text().as_str(), response.trailers.len()), ("hello, world", 0));
}

/// An answer without `Date` MUST get one when it is passed on, and one that has it keeps it.
#[test]
fn s6_6_1_date_is_added_if_it_is_missing_and_only_then() {
    let pair = Pair::new(ok("ok"));
    let date = pair.ask("GET / HTTP/1.1\r\nhost: test\r\n\r\n").head.get("date").expect("a date").to_owned();
    assert!(date.ends_with(" GMT") && date.len() == "Sun, 06 Nov 1994 08:49:37 GMT".len(), "{date}");
    pair.backend.plays(raw("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 0\r\n\r\n"));
    let response = pair.ask("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!(response.head.get("date"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
}

/// `Trailer` is not for one hop: it SHOULD reach whoever gets the trailers.
#[test]
fn s6_6_2_the_announcement_of_trailers_is_passed_on() {
    let pair = Pair::new(chunked_with_trailers());
    let response = pair.ask(
        "POST / HTTP/1.1\r\nhost: test\r\ntrailer: x-sum\r\nte: trailers\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-sum: 1\r\n\r\n",
    );
    assert_eq!(response.head.get("trailer"), Some("x-checksum"));
    assert_eq!(pair.backend.request().head.get("trailer"), Some("x-sum"));
}

/// Content in a coding (`Content-Encoding`) is not the intermediary's to decode.
#[test]
fn s8_4_content_codings_are_left_alone() {
    let message = "content-encoding: gzip, x-odd\r\ncontent-length: 4\r\n\r\n\u{1f}\0\u{8}!";
    let pair = Pair::new(ok("ok"));
    assert!(pair.passes_on(format!("PUT / HTTP/1.1\r\nhost: test\r\n{message}")).ends_with("\r\n\r\n\u{1f}\0\u{8}!"));
    let answer = pair.returns(format!("HTTP/1.1 200 OK\r\n{message}"));
    assert!(answer.contains("content-encoding: gzip, x-odd\r\n") && answer.ends_with("\r\n\r\n\u{1f}\0\u{8}!"), "{answer}");
}

/// Several equal `Content-Length` values MUST be refused or become one.
#[test]
fn s8_6_equal_lengths_become_one_in_both_directions() {
    let twice = "content-length: 2\r\ncontent-length: 2\r\n\r\nhi";
    let pair = Pair::new(ok("ok"));
    let got = pair.passes_on(format!("POST / HTTP/1.1\r\nhost: test\r\n{twice}"));
    assert_eq!(got, "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 2\r\n\r\nhi");
    let answer = pair.returns(format!("HTTP/1.1 200 OK\r\n{twice}"));
    assert_eq!(answer.matches("content-length: 2\r\n").count(), 1, "{answer}");
    assert!(answer.ends_with("\r\n\r\nhi"), "{answer}");
}

/// A length that is known to be wrong MUST NOT be passed on: an answer to `HEAD` or a 304 of unknown length stays without.
#[test]
fn s8_6_no_length_is_made_up_for_an_answer_without_a_body() {
    let pair = Pair::new(ok("ok"));
    let head = "HEAD / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    let get = "GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    for (request, answer) in [
        (head, "HTTP/1.1 200 OK\r\n\r\n"),
        (head, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        (get, "HTTP/1.1 304 Not Modified\r\n\r\n"),
    ] {
        let returned = pair.returns_for(request, answer);
        assert!(!returned.contains("content-length"), "{answer:?} became {returned}");
    }
}

/// An answer with status 204 MUST NOT have `Content-Length` or `Transfer-Encoding`, even if the backend gave it one.
#[test]
fn s8_6_a_204_has_no_length() {
    let pair = Pair::new(ok("ok"));
    for field in ["content-length: 5", "content-length: 0", "transfer-encoding: chunked"] {
        let answer = pair.returns(format!("HTTP/1.1 204 No Content\r\n{field}\r\n\r\n"));
        assert!(!answer.contains("content-length") && !answer.contains("transfer-encoding"), "{field:?} gave {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{field:?} gave {answer}");
    }
}
