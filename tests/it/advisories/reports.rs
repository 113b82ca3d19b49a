//! What clients and backends say reaches operators and scripts as harmless text, or not at all; and operators' means are not
//! at others' disposal.

use std::io::Write;

use crate::support::client::Client;
use crate::support::keel::{Keel, pool};
use crate::support::pair::Pair;
use crate::support::script::{ok, raw};
use crate::support::upstream::upstream;

/// Envoy CVE-2026-47220 (a log format that could not bear a missing host), tracing-subscriber RUSTSEC-2025-0055 (commands to the
/// operator's terminal): nothing that is sent crashes what reports it, gets into it, or commands a terminal.
#[test]
fn what_strangers_send_neither_crashes_nor_commands_what_reports_it() {
    let pair = Pair::new(ok("ok"));
    let hostile = "sesame\x1b]0;sesame\x07\u{9b}2J\u{202e}";
    let requests = [
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        format!("GET /{hostile} HTTP/1.1\r\nhost: test\r\n\r\n"),
        "GET /sesame?sesame HTTP/1.1\r\nhost: sesame\r\nsesame: sesame\r\nx-request-id: sesame\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nhost: {hostile}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: test\r\nuser-agent: {hostile}\r\n\r\n"),
        format!("{hostile} / HTTP/1.1\r\nhost: test\r\n\r\n"),
        "SESAME / HTTP/1.1\r\nhost: test\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nhost: test\r\ncookie: sesame=\u{e9}\r\nforwarded: sesame\r\n\r\n".to_owned(),
        "\0".repeat(100),
    ];
    for request in &requests {
        let mut client = pair.keel.client();
        let _ = client.writer().write_all(request.as_bytes());
        let _ = client.try_response();
    }
    for answer in [
        format!("HTTP/1.1 200 {hostile}\r\ncontent-length: 0\r\n\r\n"),
        format!("HTTP/1.1 500 {hostile}\r\n{hostile}: {hostile}\r\n\r\n"),
        format!("{hostile}\r\n\r\n"),
        "HTTP/1.1 503 sesame\r\nsesame: \u{9b}2J\u{202e}\r\ncontent-length: 0\r\n\r\n".to_owned(),
    ] {
        pair.backend.plays(raw(answer));
        let _ = pair.keel.client().send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").try_response();
    }
    pair.keel.comes_to_rest();
    let said = [
        pair.keel.lines().join("\n"),
        pair.keel.ask_admin("/api/v1/snapshot").text(),
        pair.keel.ask_admin("/api/v1/loadBalancers/report").text(),
    ];
    for text in said {
        // Names, counters and series go by what the config calls things, never by what strangers do.
        assert!(!text.to_lowercase().contains("sesame"), "{text}");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c)), "{text:?}");
    }
}

/// Envoy CVE-2026-73546, Envoy Gateway CVE-2025-24030: the admin API cannot be changed by looking, called by a page from
/// elsewhere, or reached through the proxy's own address.
#[test]
fn the_admin_api_is_for_this_machine() {
    let backend = upstream(ok("from the backend"));
    let keel = Keel::serve(pool(&[&backend]));
    let ask = |method: &str, path: &str, host: &str| {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\r\n");
        Client::to(keel.admin).send(request).response()
    };
    let admin = keel.admin.to_string();
    for path in ["/healthz", "/readyz", "/api/v1/snapshot", "/api/v1/loadBalancers/report"] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            assert_eq!(ask(method, path, &admin).status, 405, "{method} {path}");
        }
        let response = ask("GET", path, &admin);
        assert_eq!(response.status, 200, "{path}");
        assert!(!response.head.text.contains("access-control") && !response.head.text.contains("html"), "{}", response.head.text);
        assert_eq!(keel.get(path).text(), "from the backend", "{path} by the proxy's address");
        let page = format!("GET {path} HTTP/1.1\r\nhost: {admin}\r\norigin: http://rebound.test\r\n\r\n");
        assert_eq!(Client::to(keel.admin).send(page).response().status, 403, "{path} by a page");
    }
    for path in ["/api/v1/undo", "/api/v1/reload", "/api/v1/pools/web/strategy"] {
        assert_eq!(ask("GET", path, &admin).status, 405, "{path}");
    }
    let foreign = ["rebound.test", "localhost.rebound.test", "127.0.0.1.rebound.test", "localhost@rebound.test", "0.0.0.0", ""];
    for host in foreign {
        let response = ask("GET", "/api/v1/snapshot", host);
        assert!(response.status >= 400 && !response.text().contains("pools"), "{host:?}: {}", response.text());
    }
}
