//! Broken configs, and all that is said about each: where, what is wrong, what is allowed.

use super::problems;

/// Checks that each problem begins as expected, and that there is no other. The indentation of the first line is taken
/// off every line.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let text = text.strip_prefix('\n').unwrap_or(text);
    let indent = &text[..text.len() - text.trim_start_matches(' ').len()];
    let text: String = text.split_inclusive('\n').map(|line| line.strip_prefix(indent).unwrap_or(line)).collect();
    let found = problems(&text);
    let same = found.len() == expected.len() && found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected));
    assert!(same, "{text}\nexpected {expected:#?}\nfound {found:#?}");
}

#[test]
fn the_root_is_no_map() {
    check(
        "
        - a
        - b",
        &["1:1  found a list; write keys and values"],
    );
    check("hello", &[r#"1:1  found "hello"; write keys and values"#]);
    check("3", &["1:1  found 3; write keys and values"]);
    check("!config {}", &[r#"1:1  found a value with the tag "!config"; write keys and values"#]);
}

#[test]
fn pools_are_missing_or_no_list() {
    check(
        "listen: :8080\n",
        &[r#"1:1  pools: missing; write a list such as [{name: web, backends: ["http://127.0.0.1:9001"]}]"#],
    );
    check("pools:\n", &["1:6  pools: found an empty value; write a list with at least one item"]);
    check("pools: []\n", &["1:8  pools: an empty list; write at least one item"]);
    check(
        "
        pools:
          web:
            backends: [http://a:1]",
        &["2:3  pools: found a group of keys; write a list with at least one item"],
    );
    check("pools: [web]\n", &[r#"1:9  pools[0]: found "web"; write keys and values"#]);
}

#[test]
fn syntax_errors_come_alone() {
    check(
        "
        pools:
          - name: web
           backends: []
        listen: 5",
        &[
            "3:4  cannot be read as YAML: did not find expected '-' indicator, while parsing a block collection at line 2 column 3",
        ],
    );
    check(
        "pools:\n\t- name: web\n",
        &[
            "2:1  cannot be read as YAML: found character that cannot start any token, while scanning for the next token; indent with spaces, YAML allows no tabs there",
        ],
    );
    check(
        r#"
        listen: "127.0.0.1:80
        pools: []"#,
        &["2:10  cannot be read as YAML: found unexpected end of stream, while scanning a quoted scalar at line 1 column 9"],
    );
    check("# sample\n  listen: :80\npools: []\n", &["3:1  cannot be read as YAML: the line does not belong to what is above it"]);
    check(
        "
        pools:
          - hosts: [*.example.org]",
        &[
            "2:14  cannot be read as YAML: did not find expected alphabetic or numeric character, while scanning an alias at line 2 column 13; put a value that starts with * in quotes",
        ],
    );
    check("pools: *web\n", &["1:8  cannot be read as YAML: unknown anchor; put a value that starts with * in quotes"]);
}

#[test]
fn keys_are_misspelt() {
    check(
        r#"
        listn: :8080
        pools:
          - name: web
            Strategy: random
            backend: [http://a:1]
            backends:
              - {url: "http://a:1", wieght: 2, maxInFlight: 3}
            health-check: {path: /}
            retry: {retries: 3}
            colour: red"#,
        &[
            "1:1  listn: unknown key; did you mean listen?",
            "4:5  pools[0].Strategy: unknown key; did you mean strategy?",
            "5:5  pools[0].backend: unknown key; did you mean backends?",
            "7:29  pools[0].backends[0].wieght: unknown key; did you mean weight?",
            "7:40  pools[0].backends[0].maxInFlight: unknown key; did you mean max_in_flight?",
            "8:5  pools[0].health-check: unknown key; did you mean health_check?",
            "9:13  pools[0].retry.retries: unknown key",
            "10:5  pools[0].colour: unknown key",
        ],
    );
}

#[test]
fn sticky_needs_a_cookie() {
    check(
        r#"
        pools:
        - {name: a, backends: ["http://a:1"], hosts: a, sticky: {on_drain: keep}}
        - {name: b, backends: ["http://a:1"], hosts: b, sticky: {cookie: "a;b", on_drain: moves}}
        - {name: c, backends: ["http://a:1"], hosts: c, sticky: lb}"#,
        &[
            "2:57  pools[0].sticky.cookie: missing; write a name such as lb",
            "3:66  pools[1].sticky.cookie: \"a;b\" is no name of a cookie; write 1 to 64 letters, digits and - _ . such as lb",
            "3:83  pools[1].sticky.on_drain: \"moves\" is not known; did you mean move? allowed: keep, move",
            "4:57  pools[2].sticky: found",
        ],
    );
}

#[test]
fn state_files_are_files() {
    check(
        r"
        state_file: /var/lib/evenkeel/
        pools: [{name: a, backends: ['http://a:1']}]",
        &["1:13  state_file: \"/var/lib/evenkeel/\" is no path of a file; write one such as /var/lib/evenkeel/state.json"],
    );
}

#[test]
fn features_to_come_are_unknown() {
    check(
        r#"
        listen: [{address: 127.0.0.1:1, tls: {}}]
        pools: [{name: a, backends: ["http://a:1"]}]"#,
        &["1:10  listen[0]: a group of keys is not an address and a port"],
    );
}

#[test]
fn keys_are_written_twice() {
    check(
        "
        listen: :1
        pools:
          - name: a
            backends: [http://a:1]
            name: b
        listen: :2",
        &["5:5  pools[0].name: written twice; keep one", "6:1  listen: written twice; keep one"],
    );
}

#[test]
fn keys_are_missing() {
    check(
        "
        admin: {}
        pools:
          - hosts: [a]
          - name: web
            path_prefix: /x
            backends:
              - {name: b}
              - {}",
        &[
            "1:8  admin.listen: missing; write 127.0.0.1:9900 or unix:PATH",
            "3:5  pools[0].name: missing; write a name such as web",
            r#"3:5  pools[0].backends: missing; write a list such as ["http://127.0.0.1:9001"]"#,
            "7:9  pools[1].backends[0].url: missing; write http://HOST:PORT",
            "8:9  pools[1].backends[1].url: missing; write http://HOST:PORT",
        ],
    );
}

#[test]
fn types_are_wrong() {
    check(
        "
        listen: 8080
        workers: many
        admin: 127.0.0.1:9900
        on_hangup: true
        shutdown: 30s
        limits: [1]
        trusted_proxies: all
        pools:
          - name: 12
            hosts: 5
            path_prefix: 3
            backends: http://a:1
            health_check: on
            outlier_detection: 5
            slow_start: 5
            retry: 3
            queue: []",
        &[
            r#"1:9  listen: 8080 is not an address and a port; write 127.0.0.1:8080, "[::1]:8080" or :8080"#,
            r#"2:10  workers: "many" is not a whole number; write one from 1 to 256, or auto"#,
            r#"3:8  admin: found "127.0.0.1:9900"; write keys and values"#,
            "4:12  on_hangup: true is not known; allowed: drain, serve",
            r#"5:11  shutdown: found "30s"; write keys and values"#,
            "6:9  limits: found a list; write keys and values",
            r#"7:18  trusted_proxies: "all" is not a network; write one such as 10.0.0.0/8 or "fd00::/8""#,
            "9:11  pools[0].name: 12 is not text; put the name in quotes",
            r#"10:12  pools[0].hosts: 5 is not a host; write a host such as example.com or "*.example.com""#,
            "11:18  pools[0].path_prefix: 3 is not a path; write one such as /",
            r#"12:15  pools[0].backends: found "http://a:1"; write a list with at least one item"#,
            r#"13:19  pools[0].health_check: found "on"; write keys and values"#,
            "14:24  pools[0].outlier_detection: found 5; write keys and values",
            "15:17  pools[0].slow_start: 5 has no unit; did you mean 5s? write a duration such as 250ms, 5s, 1m30s or 1h",
            "16:12  pools[0].retry: found 3; write keys and values",
            "17:12  pools[0].queue: found an empty list; write keys and values",
        ],
    );
}

#[test]
fn only_null_turns_a_section_off() {
    check(
        "
        pools:
          - name: a
            backends: [http://a:1]
            health_check: false
            outlier_detection: false",
        &[
            "4:19  pools[0].health_check: found false; write null to turn this off",
            "5:24  pools[0].outlier_detection: found false; write null to turn this off",
        ],
    );
}

#[test]
fn listeners_are_wrong() {
    check(
        "
        listen: []
        pools: [{name: a, backends: ['http://a:1']}]",
        &["1:9  listen: an empty list; write at least one item"],
    );
    check(
        "
        listen: [localhost:80, 127.0.0.1, ':99999', ':80', '0.0.0.0:80']
        pools: [{name: a, backends: ['http://a:1']}]",
        &[
            r#"1:10  listen[0]: "localhost:80" is not an address and a port"#,
            r#"1:24  listen[1]: "127.0.0.1" is not an address and a port"#,
            r#"1:35  listen[2]: ":99999" is not an address and a port; write 127.0.0.1:8080, "[::1]:8080" or :8080"#,
            "1:52  listen[4]: 0.0.0.0:80 is taken by listen[3] (0.0.0.0:80); choose another address or port",
        ],
    );
}

#[test]
fn listeners_overlap() {
    check(
        "
        listen: [127.0.0.1:80, ':80', '[::]:80', '[::1]:80', 127.0.0.2:80, ':0', ':0', ':81']
        admin: {listen: 127.0.0.1:81}
        pools: [{name: a, backends: ['http://a:1']}]",
        &[
            "1:24  listen[1]: 0.0.0.0:80 is taken by listen[0] (127.0.0.1:80); choose another address or port",
            "1:42  listen[3]: [::1]:80 is taken by listen[2] ([::]:80)",
            "2:17  admin.listen: 127.0.0.1:81 is taken by listen[7] (0.0.0.0:81)",
        ],
    );
    check(
        "
        admin: {listen: 127.0.0.1:8080}
        pools: [{name: a, backends: ['http://a:1']}]",
        &["1:17  admin.listen: 127.0.0.1:8080 is taken by listen (127.0.0.1:8080)"],
    );
}

#[test]
fn admin_would_be_public() {
    check(
        "
        admin: {listen: ':9900'}
        pools: [{name: a, backends: ['http://a:1']}]",
        &[
            "1:17  admin.listen: 0.0.0.0:9900 can be reached from other machines; write token_file next to it, or a loopback address",
        ],
    );
    check(
        "
        admin: {listen: 'unix:'}
        pools: [{name: a, backends: ['http://a:1']}]",
        &[r#"1:17  admin.listen: "unix:" is no path for a socket; write unix: and 1 to 107 bytes"#],
    );
}

#[test]
fn a_token_cannot_be_read() {
    check(
        "
        admin: {listen: ':9900', token_file: /nowhere/token}
        pools: [{name: a, backends: ['http://a:1']}]",
        &["1:38  admin.token_file: /nowhere/token does not exist; write one with: (umask 077; openssl rand -hex 32 > FILE)"],
    );
    check(
        "
        admin: {listen: 'unix:a', token_file: 7}
        pools: [{name: a, backends: ['http://a:1']}]",
        &["1:39  admin.token_file: 7 is not a path; write the path of a file that holds the token"],
    );
}

#[test]
fn numbers_are_out_of_range() {
    check(
        r#"
        workers: 0
        limits: {max_connections: 0, headers: -1}
        pools:
          - name: a
            backends: [{url: "http://a:1", weight: 257, max_in_flight: 0}, {url: "http://b:1", weight: 1.5}, {url: "http://c:1", weight: 99999999999999999999}]
            health_check: {rise: 0, fall: "3"}
            outlier_detection: {consecutive_failures: 0, max_ejected_percent: 101}
            retry: {attempts: 11}"#,
        &[
            "1:10  workers: 0 is out of range; write a whole number from 1 to 256, or auto",
            "2:27  limits.max_connections: 0 is out of range; write a whole number from 1 to 1000000, or auto",
            "2:39  limits.headers: -1 is out of range; write a whole number from 1 to 1000",
            "5:44  pools[0].backends[0].weight: 257 is out of range; write a whole number from 0 to 256",
            "5:64  pools[0].backends[0].max_in_flight: 0 is out of range; write a whole number from 1 to 1000000",
            "5:96  pools[0].backends[1].weight: 1.5 is not a whole number; write one from 0 to 256",
            "5:130  pools[0].backends[2].weight: 99999999999999999999 is out of range",
            "6:26  pools[0].health_check.rise: 0 is out of range; write a whole number from 1 to 1000",
            r#"6:35  pools[0].health_check.fall: "3" is not a whole number; write one from 1 to 1000"#,
            "7:47  pools[0].outlier_detection.consecutive_failures: 0 is out of range",
            "7:71  pools[0].outlier_detection.max_ejected_percent: 101 is out of range",
            "8:23  pools[0].retry.attempts: 11 is out of range; write a whole number from 0 to 10",
        ],
    );
}

#[test]
fn units_are_missing_or_wrong() {
    check(
        "
        shutdown: {grace: 30}
        limits: {header_bytes: 32768, uri_bytes: 8 KiB}
        timeouts: {client_header: 10 s, client_idle: 1.5s, request_body_idle: 90m1h}
        pools:
          - name: a
            backends: [http://a:1]
            health_check: {interval: 2 seconds, jitter: 10}
            retry: {budget: 0.2, backoff: 25ms, replay_body: 64K}
            slow_start: 48h",
        &[
            "1:19  shutdown.grace: 30 has no unit; did you mean 30s? write a duration such as 250ms, 5s, 1m30s or 1h",
            "2:24  limits.header_bytes: 32768 has no unit; did you mean 32768B? write a size such as 512B, 8KB, 32KiB or 1MiB",
            r#"2:42  limits.uri_bytes: "8 KiB" is not a size; write a size such as 512B, 8KB, 32KiB or 1MiB"#,
            r#"3:27  timeouts.client_header: "10 s" is not a duration"#,
            r#"3:46  timeouts.client_idle: "1.5s" is not a duration"#,
            r#"3:71  timeouts.request_body_idle: "90m1h" is not a duration"#,
            r#"7:30  pools[0].health_check.interval: "2 seconds" is not a duration"#,
            "7:49  pools[0].health_check.jitter: 10 has no % sign; write a percentage from 0% to 100%",
            "8:21  pools[0].retry.budget: 0.2 has no % sign; write a percentage from 0% to 100%",
            r#"8:35  pools[0].retry.backoff: "25ms" is not a range; write two durations such as 25ms..250ms"#,
            r#"8:54  pools[0].retry.replay_body: "64K" is not a size; write a size such as 512B, 8KB, 32KiB or 1MiB"#,
            r#"9:17  pools[0].slow_start: "48h" is too long; write at most 24h"#,
        ],
    );
}

#[test]
fn times_are_nothing() {
    check(
        "
        timeouts: {client_header: 0s}
        pools:
          - name: a
            backends: [http://a:1]
            health_check: {interval: 0s, timeout: 0ms}
            timeouts: {connect: 0s, response_head: 0s, stream_idle: 0s}
            queue: {timeout: 0s}",
        &[
            r#"1:27  timeouts.client_header: "0s" is no time at all"#,
            r#"5:30  pools[0].health_check.interval: "0s" is no time at all"#,
            r#"5:43  pools[0].health_check.timeout: "0ms" is no time at all"#,
            r#"6:25  pools[0].timeouts.connect: "0s" is no time at all"#,
            r#"6:44  pools[0].timeouts.response_head: "0s" is no time at all"#,
            r#"6:61  pools[0].timeouts.stream_idle: "0s" is no time at all"#,
            r#"7:22  pools[0].queue.timeout: "0s" is no time at all"#,
        ],
    );
}

#[test]
fn sizes_are_out_of_range() {
    check(
        "
        limits: {header_bytes: 1KiB, uri_bytes: 1GB}
        pools: [{name: a, backends: ['http://a:1'], retry: {replay_body: 1000MiB}}]",
        &[
            r#"1:24  limits.header_bytes: "1KiB" is out of range; write a size from 8KiB to 1MiB"#,
            r#"1:41  limits.uri_bytes: "1GB" is out of range; write a size from 256B to 32KiB"#,
            r#"2:66  pools[0].retry.replay_body: "1000MiB" is out of range; write a size from 0B to 16MiB"#,
        ],
    );
}

#[test]
fn values_do_not_fit_together() {
    check(
        "
        limits: {header_bytes: 8KiB, uri_bytes: 16KiB}
        pools:
          - name: a
            backends: [http://a:1]
            outlier_detection: {base_ejection: 10s, max_ejection: 5s}
            retry: {backoff: 1s..25ms}
            health_check: {type: tcp, path: /, expect_status: 200}",
        &[
            "1:9  limits: uri_bytes is more than header_bytes; the request target is part of the head",
            "5:24  pools[0].outlier_detection: base_ejection is longer than max_ejection",
            r#"6:22  pools[0].retry.backoff: "1s..25ms" is upside down; write the shorter duration first"#,
            "7:37  pools[0].health_check.path: a check of type tcp only connects; leave this out, or write type: http",
            "7:55  pools[0].health_check.expect_status: a check of type tcp only connects; leave this out, or write type: http",
        ],
    );
}

#[test]
fn choices_are_misspelt() {
    check(
        "
        on_hangup: drian
        pools:
          - name: a
            strategy: leastconn
            hash_key: headers:x
            all_down: closed
            backends: [http://a:1]
            health_check: {type: grpc}",
        &[
            r#"1:12  on_hangup: "drian" is not known; did you mean drain? allowed: drain, serve"#,
            r#"4:15  pools[0].strategy: "leastconn" is not known; did you mean least_connections?"#,
            r#"5:15  pools[0].hash_key: "headers:x" is not known; did you mean header:NAME? allowed: client_ip, path, header:NAME, cookie:NAME"#,
            r#"6:15  pools[0].all_down: "closed" is not known; allowed: fail, open"#,
            r#"8:26  pools[0].health_check.type: "grpc" is not known; allowed: http, tcp"#,
        ],
    );
}

#[test]
fn urls_are_wrong() {
    check(
        r#"
        pools:
          - name: a
            backends:
              - 127.0.0.1:9001
              - https://a:443
              - http://[::1]x
              - http://a:0
              - http://a:1/path
              - http://user@a:1
              - 9001
              - {name: a b, url: "http://a b:1"}
              -"#,
        &[
            r#"4:9  pools[0].backends[0]: "127.0.0.1:9001" has no scheme; write http://HOST:PORT"#,
            r#"5:9  pools[0].backends[1]: "https://a:443" asks for TLS, which is not supported towards backends yet"#,
            r#"6:9  pools[0].backends[2]: "http://[::1]x" has no port after its address; write http://HOST:PORT"#,
            r#"7:9  pools[0].backends[3]: "http://a:0" has no port from 1 to 65535; write http://HOST:PORT"#,
            r#"8:9  pools[0].backends[4]: "http://a:1/path" has more than a host and a port; write http://HOST:PORT"#,
            r#"9:9  pools[0].backends[5]: "http://user@a:1" holds a user name; write http://HOST:PORT"#,
            "10:9  pools[0].backends[6]: 9001 is not a url; write http://HOST:PORT",
            r#"11:16  pools[0].backends[7].name: "a b" is not a name; write 1 to 64 letters, digits and . _ : -"#,
            r#"11:26  pools[0].backends[7].url: "http://a b:1" has no valid host; write http://HOST:PORT"#,
            "12:8  pools[0].backends[8]: an empty value is not a url; write http://HOST:PORT",
        ],
    );
}

#[test]
fn names_are_wrong_or_taken() {
    check(
        r#"
        pools:
          - name: "a b"
            hosts: [a]
            backends: [http://a:1, http://a:1]
          - name: web
            hosts: [b]
            backends: [{name: x, url: "http://a:1"}, {name: x, url: "http://b:1"}, {name: "ü", url: "http://c:1"}]
          - name: web
            hosts: [c]
            backends: [{name: "", url: "http://a:1"}]"#,
        &[
            r#"2:11  pools[0].name: "a b" is not a name; write 1 to 64 letters, digits and . _ : -"#,
            "4:28  pools[0].backends[1]: a:1 is taken by pools[0].backends[0]; write a name of its own",
            "7:53  pools[1].backends[1].name: x is taken by pools[1].backends[0].name; write a name of its own",
            r#"7:83  pools[1].backends[2].name: "ü" is not a name; write 1 to 64 letters, digits and . _ : -"#,
            "8:11  pools[2].name: web is taken by pools[1].name; write a name of its own",
            r#"10:23  pools[2].backends[0].name: "" is not a name; write 1 to 64 letters, digits and . _ : -"#,
        ],
    );
}

#[test]
fn hosts_are_wrong() {
    check(
        r#"
        pools:
          - name: a
            hosts: ["*", "http://a.de", "a.de:80", "www.*", "ü.de", "a b", "", 1.5]
            backends: [http://a:1]"#,
        &[
            r#"3:13  pools[0].hosts[0]: "*" is not a host; leave hosts out, then the pool serves every host"#,
            r#"3:18  pools[0].hosts[1]: "http://a.de" is a url; write a host such as example.com or "*.example.com""#,
            r#"3:33  pools[0].hosts[2]: "a.de:80" has a port, which does not matter for routing"#,
            r#"3:44  pools[0].hosts[3]: "www.*" has a * that does not stand for the first label"#,
            r#"3:53  pools[0].hosts[4]: "ü.de" is not ASCII (use the xn-- form)"#,
            r#"3:61  pools[0].hosts[5]: "a b" is not a host; write a host such as example.com or "*.example.com""#,
            r#"3:68  pools[0].hosts[6]: "" is not a host; write a host such as example.com or "*.example.com""#,
            r#"3:72  pools[0].hosts[7]: 1.5 is not a host; write a host such as example.com or "*.example.com""#,
        ],
    );
}

#[test]
fn routes_are_taken() {
    check(
        r#"
        pools:
          - {name: a, backends: ["http://a:1"]}
          - {name: b, backends: ["http://a:1"], path_prefix: /}
          - {name: c, backends: ["http://a:1"], path_prefix: /c}
          - {name: d, backends: ["http://a:1"], hosts: [x.de, X.DE], path_prefix: /c/}
          - {name: e, backends: ["http://a:1"], hosts: ["*.x.de", x.de], path_prefix: /c}"#,
        &[
            "3:5  pools[1]: every other host below / is served by pools[0]",
            "5:55  pools[3].hosts[1]: x.de below /c is served by pools[3].hosts[0]",
            "6:59  pools[4].hosts[1]: x.de below /c is served by pools[3].hosts[0]",
        ],
    );
}

#[test]
fn paths_are_wrong() {
    check(
        "
        pools:
          - name: a
            path_prefix: api
            backends: [http://a:1]
            health_check: {path: health}
          - name: b
            path_prefix: /a?b
            backends: [http://a:1]
            health_check: {path: /a b}",
        &[
            r#"3:18  pools[0].path_prefix: "api" does not start with /; write one such as /"#,
            r#"5:26  pools[0].health_check.path: "health" does not start with /; write one such as /"#,
            r#"7:18  pools[1].path_prefix: "/a?b" has a query; write a path such as /api"#,
            r#"9:26  pools[1].health_check.path: "/a b" holds spaces, # or other characters no path may hold"#,
        ],
    );
}

#[test]
fn statuses_are_wrong() {
    check(
        r#"
        pools:
          - {name: a, hosts: [a], backends: ["http://a:1"], health_check: {expect_status: 2xx}}
          - {name: b, hosts: [b], backends: ["http://a:1"], health_check: {expect_status: [200, 99, 399-200]}}
          - {name: c, hosts: [c], backends: ["http://a:1"], health_check: {expect_status: []}}"#,
        &[
            r#"2:83  pools[0].health_check.expect_status: "2xx" is not a status"#,
            "3:89  pools[1].health_check.expect_status[1]: 99 is not a status",
            r#"3:93  pools[1].health_check.expect_status[2]: "399-200" is not a status"#,
            "4:83  pools[2].health_check.expect_status: an empty list; write at least one item",
        ],
    );
}

#[test]
fn networks_are_wrong() {
    check(
        "
        trusted_proxies: [10.0.0.0/33, private, 10]
        pools: [{name: a, backends: ['http://a:1']}]",
        &[
            r#"1:19  trusted_proxies[0]: "10.0.0.0/33" is not a network; write one such as 10.0.0.0/8 or "fd00::/8""#,
            r#"1:32  trusted_proxies[1]: "private" is not a network; write one such as 10.0.0.0/8 or "fd00::/8""#,
            r#"1:41  trusted_proxies[2]: 10 is not a network; write one such as 10.0.0.0/8 or "fd00::/8""#,
        ],
    );
}

#[test]
fn backends_are_none() {
    check(
        "
        pools:
          - {name: a, backends: []}
          - name: b
            hosts: [b]
            backends:",
        &[
            "2:25  pools[0].backends: an empty list; write at least one item",
            "5:13  pools[1].backends: found an empty value; write a list with at least one item",
        ],
    );
}

#[test]
fn tags_and_merges_are_not_supported() {
    check(
        "
        pools:
          - &a {name: !env NAME, backends: [http://a:1]}
          - {<<: *a, hosts: [b]}",
        &[
            r#"2:15  pools[0].name: a value with the tag "!env" is not a name"#,
            "3:5  pools[1].name: missing; write a name such as web",
            r#"3:5  pools[1].backends: missing; write a list such as ["http://127.0.0.1:9001"]"#,
            r#"3:6  pools[1]."<<": unknown key"#,
        ],
    );
}

#[test]
fn behind_an_alias_the_alias_is_blamed() {
    check(
        "
        pools:
          - {name: a, hosts: [a], backends: ['http://a:1'], queue: &q {size: x}}
          - {name: b, hosts: [b], backends: ['http://a:1'], queue: *q}",
        &[
            r#"2:70  pools[0].queue.size: "x" is not a whole number; write one from 0 to 1000000"#,
            r#"3:60  pools[1].queue.size: "x" is not a whole number; write one from 0 to 1000000"#,
        ],
    );
}

#[test]
fn text_of_the_file_is_escaped_and_short() {
    check(
        "\"\\e[2J\": 1\nkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk: 1\npools: [{name: a, backends: ['http://a:1'], strategy: \"\\u202e\\x07\"}]\n",
        &[
            r#"1:1  "\u{1b}[2J": unknown key"#,
            r#"2:1  "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…": unknown key"#,
            r#"3:55  pools[0].strategy: "\u{202e}\u{7}" is not known;"#,
        ],
    );
}

#[test]
fn apps_are_wrong() {
    check(
        r#"
        apps:
          - host: a.de
            health_uri: health
            timeout: soon
            health_check_cooldown: 0
            strategy: fastest
            instances: [{url: localhost:1}]
            port: 80
          - host: a.de
            instances: []
          - health_uri: /
          - host: A.de:80
            instances: [{url: "http://a:1"}]"#,
        &[
            r#"3:17  apps[0].health_uri: "health" does not start with /; write one such as /"#,
            r#"4:14  apps[0].timeout: "soon" is not a duration; write a duration such as 250ms, 5s, 1m30s or 1h"#,
            r#"5:28  apps[0].health_check_cooldown: "0s" is no time at all"#,
            r#"6:15  apps[0].strategy: "fastest" is not known;"#,
            r#"7:23  apps[0].instances[0].url: "localhost:1" has no scheme; write http://HOST:PORT"#,
            "8:5  apps[0].port: unknown key",
            "9:11  apps[1].host: a.de below / is served by apps[0].host; write other hosts or another path_prefix",
            "10:16  apps[1].instances: an empty list; write at least one item",
            "11:5  apps[2].host: missing; write a host such as api.example.com",
            r#"11:5  apps[2].instances: missing; write a list such as ["http://127.0.0.1:9001"]"#,
            "12:11  apps[3].host: a.de below / is served by apps[0].host",
        ],
    );
    check(
        "
        apps: []
        pools: []",
        &["1:7  apps: another spelling of pools; write one of the two"],
    );
}

#[test]
fn access_logs() {
    check(
        "
        access_log: {format: jsn, when_full: wait}
        pools: [{name: a, backends: ['http://a:1']}]",
        &[
            "1:13  access_log.path: missing; write a file such as access.log, or stdout",
            r#"1:22  access_log.format: "jsn" is not known; did you mean json? allowed: combined, json"#,
            r#"1:38  access_log.when_full: "wait" is not known; allowed: drop, block"#,
        ],
    );
    check(
        "
        access_log: 5
        pools: [{name: a, backends: ['http://a:1']}]",
        &["1:13  access_log: found 5; write keys and values"],
    );
    check(
        "
        access_log: {path: ''}
        pools: [{name: a, backends: ['http://a:1']}]",
        &[r#"1:20  access_log.path: "" is no path of a file; write one such as access.log, or stdout"#],
    );
}
