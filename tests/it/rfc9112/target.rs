//! Request target and `Host` (section 3.2).

use crate::support::keel::Keel;
use crate::support::pair::Pair;
use crate::support::script::ok;
use crate::support::upstream::upstream;

/// Sends requests with these field lines in the place of `Host`, and expects 400.
#[track_caller]
fn refuses_hosts(lines: &[&str]) {
    Pair::new(ok("ok")).refuses(400, lines.iter().map(|lines| format!("GET / HTTP/1.1\r\n{lines}\r\n")));
}

/// A request without `Host` MUST be refused with 400.
#[test]
fn s3_2_a_missing_host_is_refused() {
    refuses_hosts(&["", "x-host: test\r\n", "host_: test\r\n"]);
}

/// An HTTP/1.0 request may come without; then the backend gets its own name.
#[test]
fn s3_2_an_old_request_needs_no_host() {
    let pair = Pair::new(ok("ok"));
    let expected = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", pair.backend.address());
    assert_eq!(pair.passes_on("GET / HTTP/1.0\r\n\r\n"), expected);
}

/// More than one `Host` MUST be refused with 400, even if they agree.
#[test]
fn s3_2_a_second_host_is_refused() {
    refuses_hosts(&["host: a\r\nhost: b\r\n", "host: a\r\nHost: a\r\n", "host: a\r\nx: 1\r\nhost:\r\n"]);
}

/// A `Host` that is no `name[:port]` MUST be refused with 400.
#[test]
fn s3_2_an_invalid_host_is_refused() {
    refuses_hosts(&[
        "host:\r\n",
        "host: a,b\r\n",
        "host: a b\r\n",
        "host: user@a\r\n",
        "host: a/b\r\n",
        "host: a?b\r\n",
        "host: a#b\r\n",
        "host: a\\b\r\n",
        "host: http://a\r\n",
        "host: :80\r\n",
        "host: a:b\r\n",
        "host: a:80:80\r\n",
        "host: a:65536\r\n",
        "host: a:-1\r\n",
        "host: [::1\r\n",
        "host: [::g]\r\n",
        "host: ::1\r\n",
        "host: b\u{fc}cher\r\n",
    ]);
}

/// A target that is in none of the four forms is refused.
#[test]
fn s3_2_targets_of_no_form_are_refused() {
    let targets = ["admin", "test:80", "a/b", "?a=b", "./a", "ftp://test/", "http:///a", "http:/a", "#a", "http://a b/"];
    Pair::new(ok("ok")).refuses(400, targets.map(|target| format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n")));
}

/// A fragment is no part of a target and SHOULD be refused.
///
/// Deviation: The fragment is cut off and the rest is routed and forwarded, since `http::Uri` does not tell of it. Both see
/// the same path, so that nothing can be smuggled past a route.
#[test]
fn s3_2_a_fragment_is_cut_off() {
    let pair = Pair::new(ok("ok"));
    for target in ["/a#b", "http://test/a#b"] {
        let got = pair.passes_on(format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n"));
        assert_eq!(got, "GET /a HTTP/1.1\r\nhost: test\r\n\r\n");
    }
}

/// A server MUST accept a target in absolute-form; to a backend it goes in origin-form.
#[test]
fn s3_2_2_absolute_form_is_accepted() {
    let pair = Pair::new(ok("ok"));
    for (target, line) in [
        ("http://test/a?b", "GET /a?b HTTP/1.1"),
        ("HTTP://test/a/../b", "GET /a/../b HTTP/1.1"),
        ("http://test", "GET / HTTP/1.1"),
        ("http://test?b", "GET /?b HTTP/1.1"),
        ("https://test/a", "GET /a HTTP/1.1"),
    ] {
        let got = pair.passes_on(format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n"));
        assert_eq!(got, format!("{line}\r\nhost: test\r\n\r\n"));
    }
}

/// The authority of a target in absolute-form MUST replace `Host`, which is ignored, but must be there and be valid all the same.
#[test]
fn s3_2_2_the_authority_of_an_absolute_form_wins_over_host() {
    let pair = Pair::new(ok("ok"));
    let got = pair.passes_on("GET http://inside:81/x HTTP/1.1\r\nhost: other\r\n\r\n");
    assert_eq!(got, "GET /x HTTP/1.1\r\nhost: inside:81\r\n\r\n");
    pair.refuses(
        400,
        ["", "host: a\r\nhost: a\r\n", "host: a,b\r\n"].map(|host| format!("GET http://a/ HTTP/1.1\r\n{host}\r\n")),
    );
}

/// A target in authority-form is for `CONNECT` alone.
#[test]
fn s3_2_3_authority_form_is_refused() {
    let methods = ["GET", "POST", "OPTIONS", "FOO"];
    Pair::new(ok("ok")).refuses(400, methods.map(|method| format!("{method} test:80 HTTP/1.1\r\nhost: test:80\r\n\r\n")));
}

/// A target in asterisk-form is for `OPTIONS` alone.
#[test]
fn s3_2_4_asterisk_form_is_for_options_alone() {
    let pair = Pair::new(ok("ok"));
    pair.refuses(400, ["GET", "POST", "FOO"].map(|method| format!("{method} * HTTP/1.1\r\nhost: test\r\n\r\n")));
    pair.refuses(400, ["OPTIONS *a HTTP/1.1\r\nhost: test\r\n\r\n", "OPTIONS ** HTTP/1.1\r\nhost: test\r\n\r\n"]);
    let head = "OPTIONS * HTTP/1.1\r\nhost: test\r\n\r\n";
    assert_eq!(pair.passes_on(head), head);
}

/// The last proxy MUST send `*` for an `OPTIONS` request whose target in absolute-form has neither path nor query.
#[test]
fn s3_2_4_options_for_a_whole_server_in_absolute_form() {
    let pair = Pair::new(ok("ok"));
    for (target, line) in [("http://test", "OPTIONS *"), ("http://test?a", "OPTIONS /?a"), ("http://test/a", "OPTIONS /a")] {
        let got = pair.passes_on(format!("OPTIONS {target} HTTP/1.1\r\nhost: test\r\n\r\n"));
        assert_eq!(got, format!("{line} HTTP/1.1\r\nhost: test\r\n\r\n"));
    }
}

/// `OPTIONS` with a target in absolute-form whose path is `/` is about that path, and is to be forwarded so.
///
/// Deviation: `OPTIONS http://host/` goes on as `OPTIONS *` as well. `http::Uri` does not tell the two apart.
#[test]
fn s3_2_4_options_for_the_root_in_absolute_form() {
    let got = Pair::new(ok("ok")).passes_on("OPTIONS http://test/ HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!(got, "OPTIONS * HTTP/1.1\r\nhost: test\r\n\r\n");
}

/// Where a route is chosen by path, it is chosen by the very bytes that are forwarded.
#[test]
fn s3_3_the_route_is_chosen_by_what_is_forwarded() {
    let (public, private) = (upstream(ok("public")), upstream(ok("private")));
    let pool =
        |name, prefix, url| format!("  - {{name: {name}, path_prefix: {prefix}, health_check: null, backends: [\"{url}\"]}}\n");
    let pools = [pool("public", "/", public.url()), pool("private", "/private", private.url())];
    let keel = Keel::serve(format!("pools:\n{}", pools.concat()));
    for (path, expected) in [
        ("/private", "private"),
        ("/private/../a", "private"),
        ("/privately", "public"),
        ("/a/../private", "public"),
        ("//private", "public"),
        ("/%70rivate", "public"),
        ("/Private", "public"),
        ("/?/private", "public"),
    ] {
        assert_eq!(keel.get(path).text(), expected, "{path}");
    }
}
