//! Messages, start lines and fields (sections 2, 3, 4 and 5).

use crate::support::pair::Pair;
use crate::support::script::{ok, raw};

/// A line may end in LF alone; a bare CR MUST be refused or made harmless. What goes on ends in CRLF.
#[test]
fn s2_2_bare_lf_is_accepted_and_bare_cr_is_not() {
    let pair = Pair::new(ok("ok"));
    let request = "GET / HTTP/1.1\nhost: test\nx: 1\r\ny: 2\n\n";
    assert_eq!(pair.passes_on(request), "GET / HTTP/1.1\r\nhost: test\r\nx: 1\r\ny: 2\r\n\r\n");
    let bare = [
        "GET / HTTP/1.1\rhost: test\r\n\r\n",
        "GET /\r HTTP/1.1\r\nhost: test\r\n\r\n",
        "\rGET / HTTP/1.1\r\nhost: test\r\n\r\n",
    ];
    pair.refuses(400, bare);
}

/// Empty lines before a request SHOULD be ignored.
#[test]
fn s2_2_empty_lines_before_a_request_are_ignored() {
    let got = Pair::new(ok("ok")).passes_on("\r\n\r\nGET / HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!(got, "GET / HTTP/1.1\r\nhost: test\r\n\r\n");
}

/// Whitespace between the start line and the first field MUST be refused or ignored with the line that follows it.
#[test]
fn s2_2_whitespace_before_the_first_field_is_refused() {
    let requests = [" host: test\r\n\r\n", "\t\r\nhost: test\r\n\r\n", " x: y\r\nhost: test\r\n\r\n"];
    Pair::new(ok("ok")).refuses(400, requests.map(|rest| format!("GET / HTTP/1.1\r\n{rest}")));
}

/// What is no HTTP SHOULD be answered with 400, and the connection closed.
#[test]
fn s2_2_what_is_no_http_is_refused() {
    let pair = Pair::new(ok("ok"));
    pair.refuses(400, ["\u{16}\u{3}\u{1}\0\u{5}hello\r\n\r\n", "{}\r\n\r\n", ": x\r\n\r\n"]);
}

/// The preface of HTTP/2 is no HTTP/1.1 and SHOULD be answered with 400 as well.
///
/// Deviation: The connection is closed without an answer. hyper knows the preface and leaves it at that.
#[test]
fn s2_2_the_preface_of_http_2_is_not_answered() {
    let pair = Pair::new(ok("ok"));
    assert!(pair.keel.client().send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").is_at_end());
    assert_eq!(pair.backend.hits(), 0);
}

/// An intermediary MUST send its own version, whatever version it got.
#[test]
fn s2_3_an_old_request_goes_on_as_http_1_1() {
    let pair = Pair::new(ok("ok"));
    assert_eq!(pair.passes_on("GET / HTTP/1.0\r\nhost: test\r\n\r\n"), "GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    pair.backend.plays(raw("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    let response = pair.ask("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!((response.head.start_line(), response.text().as_str()), ("HTTP/1.1 200 OK", "ok"));
}

/// A server SHOULD answer with the highest version it speaks, to an HTTP/1.0 client as well.
///
/// Deviation: hyper's server answers an HTTP/1.0 request with an HTTP/1.0 status line.
#[test]
fn s2_3_an_old_client_gets_an_old_status_line() {
    let response = Pair::new(ok("ok")).ask("GET / HTTP/1.0\r\n\r\n");
    assert_eq!((response.head.start_line(), response.text().as_str()), ("HTTP/1.0 200 OK", "ok"));
}

/// A version is `HTTP/1.0` or `HTTP/1.1`, in this spelling; others are refused, in answers as in requests.
#[test]
fn s2_3_other_versions_are_refused() {
    let pair = Pair::new(ok("ok"));
    let versions = ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/1", "HTTP/1.10", "http/1.1", "HTTP/01.1", "HTTP /1.1", "ICY/1.1"];
    pair.refuses(400, versions.map(|version| format!("GET / {version}\r\nhost: test\r\n\r\n")));
    pair.refuses(400, ["GET /\r\n\r\n"]);
    for version in versions {
        let answer = pair.returns(format!("{version} 200 OK\r\ncontent-length: 2\r\n\r\nok"));
        assert!(answer.starts_with("HTTP/1.1 502 "), "{version} gave {answer}");
    }
}

/// A request line that is not three words with one space between SHOULD be refused.
#[test]
fn s3_request_lines_that_are_not_three_words_are_refused() {
    let lines = [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET\t/ HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / x HTTP/1.1",
        "GE(T / HTTP/1.1",
    ];
    Pair::new(ok("ok")).refuses(400, lines.map(|line| format!("{line}\r\nhost: test\r\n\r\n")));
}

/// Request lines of 8000 bytes SHOULD be supported; a target that is too long MUST be answered with 414.
#[test]
fn s3_long_targets_are_supported_up_to_a_limit() {
    let pair = Pair::new(ok("ok"));
    let with = |len: usize| format!("GET /{} HTTP/1.1\r\nhost: test\r\n\r\n", "x".repeat(len));
    assert_eq!(pair.passes_on(with(8000)), with(8000));
    pair.refuses(414, [with(8192), with(20_000)]);
}

/// A status line without a reason, or with an odd one, is a status line all the same; one without a three-digit code is not.
#[test]
fn s4_a_status_line_needs_a_code_and_no_reason() {
    let pair = Pair::new(ok("ok"));
    for (line, status) in [
        ("HTTP/1.1 200", 200),
        ("HTTP/1.1 200 ", 200),
        ("HTTP/1.1 200 \tNot  at all \u{e9}", 200),
        ("HTTP/1.1 20 OK", 502),
        ("HTTP/1.1 2000 OK", 502),
        ("HTTP/1.1 +20 OK", 502),
        ("HTTP/1.1 099 OK", 502),
        ("HTTP/1.1  200 OK", 502),
    ] {
        let answer = pair.returns(format!("{line}\r\ncontent-length: 0\r\n\r\n"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line:?} gave {answer}");
    }
}

/// Whitespace between a field's name and its colon MUST be refused in a request.
#[test]
fn s5_1_whitespace_before_the_colon_of_a_request_is_refused() {
    let fields = ["x : 1", "x\t: 1", "transfer-encoding : chunked", "content-length : 5"];
    Pair::new(ok("ok")).refuses(400, fields.map(|field| format!("POST / HTTP/1.1\r\nhost: test\r\n{field}\r\n\r\n")));
}

/// Whitespace between a field's name and its colon MUST be removed from an answer, and the field counts.
#[test]
fn s5_1_whitespace_before_the_colon_of_an_answer_is_removed() {
    let answer = Pair::new(ok("ok")).returns("HTTP/1.1 200 OK\r\nx : 1\r\ncontent-length \t: 2\r\n\r\nok");
    assert!(answer.contains("\r\nx: 1\r\n") && answer.ends_with("\r\n\r\nok"), "{answer}");
}

/// A name is a token: other characters, and no name at all, are refused.
#[test]
fn s5_1_field_names_are_tokens() {
    let fields = ["bad name: x", "b\u{e9}d: x", "(bad): x", "bad", ": x", "b\"d: x"];
    let pair = Pair::new(ok("ok"));
    pair.refuses(400, fields.map(|field| format!("GET / HTTP/1.1\r\nhost: test\r\n{field}\r\n\r\n")));
    for field in fields {
        let answer = pair.returns(format!("HTTP/1.1 200 OK\r\n{field}\r\ncontent-length: 0\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 502 "), "{field:?} gave {answer}");
    }
}

/// A field folded over several lines MUST be refused in a request, or made one line.
#[test]
fn s5_2_folded_fields_of_a_request_are_refused() {
    let folds = ["x: 1\r\n 2", "x: 1\r\n\t2", "x:\r\n 1", "transfer-encoding:\r\n chunked", "x: 1\n 2"];
    Pair::new(ok("ok")).refuses(400, folds.map(|fold| format!("POST / HTTP/1.1\r\nhost: test\r\n{fold}\r\n\r\n")));
}

/// A folded field of an answer MUST be made one line, or the answer be discarded for a 502.
#[test]
fn s5_2_folded_fields_of_an_answer_are_refused() {
    let pair = Pair::new(ok("ok"));
    for fold in ["x: 1\r\n 2", "x: 1\r\n\t2", "transfer-encoding:\r\n chunked"] {
        let answer = pair.returns(format!("HTTP/1.1 200 OK\r\n{fold}\r\ncontent-length: 0\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 502 "), "{fold:?} gave {answer}");
    }
}
