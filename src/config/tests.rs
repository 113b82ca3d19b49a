//! Whole files: the sample, the other spelling, and whatever is no config at all. Broken configs are in [`broken`].

mod broken;
mod schema;

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::balance::backend::Spec;
use crate::balance::pool::AllDown;
use crate::balance::strategy::StrategyKind;

const SAMPLE: &str = include_str!("../../config.yaml");

/// A key that nobody knows in every group of keys.
const UNKNOWN_KEYS: &str = "
        x: 1
        admin: {x: 1}
        access_log: {x: 1}
        shutdown: {x: 1}
        limits: {x: 1}
        timeouts: {x: 1}
        pools: [{name: web, x: 1, backends: [{url: 'http://a:1', x: 1}], health_check: {x: 1}, outlier_detection: {x: 1},
                 retry: {x: 1}, timeouts: {x: 1}, queue: {x: 1}, sticky: {cookie: x, x: 1}}]";

fn config(text: &str) -> Config {
    parse_str(text).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}")).config
}

/// `LINE:COLUMN  PATH: MESSAGE` of each.
fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|problem| problem.to_string().trim_start_matches("f:").to_owned()).collect()
}

fn problems(text: &str) -> Vec<String> {
    lines(&parse(Path::new("f"), text).expect_err(text))
}

fn warnings(text: &str) -> Vec<String> {
    lines(&parse(Path::new("f"), text).expect(text).warnings)
}

#[test]
fn the_sample_is_spotless_and_says_the_defaults() {
    let sample = parse_str(SAMPLE).expect("the sample loads");
    assert_eq!(sample.warnings, []);
    let bare = "
        admin: {listen: 127.0.0.1:9900}
        pools:
          - {name: web, backends: ['http://127.0.0.1:9001', 'http://127.0.0.1:9002', 'http://127.0.0.1:9003']}";
    assert_eq!(sample.config, config(bare));
}

#[test]
fn the_sample_shows_every_key() {
    let problems = problems(UNKNOWN_KEYS);
    let schemas: Vec<&str> =
        problems.iter().filter_map(|problem| problem.split_once("allowed: ")).map(|(_, keys)| keys).collect();
    assert_eq!(schemas.len(), 14, "{problems:#?}");
    for key in schemas.iter().flat_map(|keys| keys.split(", ")).filter(|key| *key != "apps") {
        assert!(SAMPLE.contains(&format!("{key}: ")) || SAMPLE.contains(&format!("{key}:\n")), "{key}");
    }
}

#[test]
fn every_key_is_understood() {
    let config = config(
        "
        listen: ['127.0.0.1:80', '[::1]:0', ':8080']
        workers: 3
        admin: {listen: 'unix:/run/evenkeel.sock'}
        state_file: /var/lib/evenkeel/state.json
        on_hangup: serve
        shutdown: {grace: 0s}
        limits: {max_connections: 5, header_bytes: 8KiB, headers: 7, uri_bytes: 512B}
        timeouts: {client_header: 1s, client_idle: 2s, request_body_idle: 3s}
        trusted_proxies: [10.0.0.0/8, '::1']
        pools:
          - name: api
            hosts: [Example.com, '*.example.org']
            path_prefix: /v1/
            strategy: consistent_hash
            hash_key: header:X-User
            backends: ['http://[::1]:1', {name: b, url: 'http://Host:2', weight: 0, max_in_flight: 9, backup: true}]
            health_check: {path: /up?x=1, interval: 4s, timeout: 3s, rise: 1, fall: 5, expect_status: [200, 204, 300-399], jitter: 0%}
            outlier_detection: {consecutive_failures: 1, base_ejection: 2s, max_ejection: 3s, max_ejected_percent: 100}
            slow_start: 1m30s
            retry: {attempts: 0, budget: 5%, backoff: 0s..1s, replay_body: 0B}
            timeouts: {connect: 4s, response_head: 5s, stream_idle: 6s}
            queue: {size: 0, timeout: 7s}
            sticky: {cookie: lb, on_drain: move}
            all_down: open
          - {name: rest, backends: ['http://a:1'], health_check: {type: tcp}, outlier_detection: null}
          - {name: more, path_prefix: /more, backends: ['http://a:1'], health_check: null}",
    );
    insta::assert_debug_snapshot!(config);
}

#[test]
fn an_access_log_is_a_path_or_a_group() {
    let log = |value: &str| config(&format!("access_log: {value}\npools: [{{name: a, backends: ['http://a:1']}}]")).access_log;
    let to = |target| AccessLog { target, format: LogFormat::Combined, when_full: WhenFull::Drop };
    assert_eq!(log("null"), None);
    assert_eq!(log("/var/log/a.log"), Some(to(LogTarget::File("/var/log/a.log".into()))));
    assert_eq!(log("stdout"), Some(to(LogTarget::Stdout)));
    assert_eq!(log("{path: a.log}"), Some(to(LogTarget::File("a.log".into()))));
    let whole = AccessLog { format: LogFormat::Json, when_full: WhenFull::Block, ..to(LogTarget::Stdout) };
    assert_eq!(log("{path: stdout, format: json, when_full: block}"), Some(whole));
}

#[test]
fn an_empty_section_is_an_absent_one() {
    let bare = "pools: [{name: a, backends: ['http://a:1']}]";
    let empty = "
        admin:
        access_log:
        limits:
        timeouts: {}
        shutdown:
        trusted_proxies: []
        pools: [{name: a, hosts: [], retry: , queue: {}, health_check: {}, outlier_detection: {}, backends: ['http://a:1']}]";
    assert_eq!(config(empty), config(bare));
}

#[test]
fn aliases_are_fine() {
    let pools = config(
        "
        pools:
          - {name: a, hosts: a, backends: ['http://a:1'], queue: &long {size: 5, timeout: 9s}}
          - {name: b, hosts: b, backends: ['http://b:1'], queue: *long}",
    )
    .pools;
    assert_eq!(pools[0].queue, pools[1].queue);
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    for (pool, expected) in [
        ("strategy: round_robin, backends: [{url: 'http://a:1', weight: 3}]", "1:52  pools[0].backends: weights mean nothing"),
        ("backends: [{url: 'http://a:1', backup: true}]", "1:29  pools[0].backends: every backend is a backup"),
        ("backends: [{url: 'http://a:1', weight: 0}]", "1:29  pools[0].backends: every weight is 0"),
        (
            "backends: ['http://a:1', {name: b, url: 'http://A:1/'}]",
            "1:44  pools[0].backends[1]: http://a:1 is pools[0].backends[0] already",
        ),
        ("health_check: {interval: 1s, timeout: 2s}, backends: ['http://a:1']", "1:33  pools[0].health_check: timeout is longer"),
    ] {
        let said = warnings(&format!("pools: [{{name: a, {pool}}}]"));
        assert_eq!(said.len(), 1, "{pool}: {said:?}");
        assert!(said[0].starts_with(expected), "{pool}: {said:?}");
    }
}

#[test]
fn apps_are_another_spelling_of_pools() {
    let config = config(
        "
        apps:
          - host: api.example.com
            health_uri: /health
            timeout: 5
            health_check_cooldown: 10s
            strategy: Round-Robin
            instances:
              - url: http://localhost:8081
              - {url: http://localhost:8082/, weight: 2}
          - host: localhost:8080
            health_check_cooldown: 500ms
            instances: [{url: 'http://127.0.0.1:9001'}]",
    );
    assert_eq!(config.listen, [([0, 0, 0, 0], 8080).into()]);
    let [api, local] = &config.pools[..] else { panic!("{config:?}") };

    assert_eq!(&**api.name(), "api.example.com");
    assert_eq!(api.hosts, [HostPattern::Exact("api.example.com".into())]);
    assert_eq!(api.balance.strategy, StrategyKind::RoundRobin);
    assert_eq!(
        api.balance.backends.iter().map(Spec::url).collect::<Vec<_>>(),
        ["http://localhost:8081", "http://localhost:8082"]
    );
    assert_eq!(api.balance.backends[1].weight, 2);
    assert_eq!(api.timeouts.response_head, Duration::from_secs(5));
    let check = api.health_check.as_ref().expect("apps are checked");
    assert_eq!((check.interval, check.timeout), (Duration::from_secs(10), Duration::from_secs(5)));
    assert_eq!(check.kind, CheckKind::Http { path: "/health".into(), expect_status: vec![(200, 399)] });

    assert_eq!(&**local.name(), "localhost");
    let check = local.health_check.as_ref().expect("apps are checked");
    assert_eq!((check.interval, check.timeout), (Duration::from_millis(500), Duration::from_millis(500)));
    assert!(local.balance.checked);
    assert_eq!(local.balance.all_down, AllDown::Fail);
}

#[test]
fn apps_without_listen_are_public() {
    let apps = "apps: [{host: a, instances: ['http://a:1']}]";
    let said = warnings(apps);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("1:7  apps: without listen this listens on 0.0.0.0:8080"), "{said:?}");
    assert_eq!(warnings(&format!("listen: 127.0.0.1:8080\n{apps}")), [""; 0]);
}

#[test]
fn apps_name_strategies_freely() {
    for (word, kind) in [
        ("round-robin", StrategyKind::RoundRobin),
        ("ROUND_ROBIN", StrategyKind::RoundRobin),
        ("weighted round robin", StrategyKind::WeightedRoundRobin),
        ("LeastConnections", StrategyKind::LeastConnections),
    ] {
        let text = format!("apps: [{{host: a, timeout: 1.5, strategy: {word}, instances: ['http://a:1']}}]");
        assert_eq!(config(&text).pools[0].balance.strategy, kind, "{word}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_one_problem() {
    let dir = tempfile::tempdir().expect("a directory for the test");
    let path = dir.path().join("config.yaml");
    let said = |path: &Path| {
        let problems = load(path).expect_err("not a config");
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems[0].to_string().trim_start_matches(&path.display().to_string()).to_owned()
    };
    assert_eq!(said(&path), "  no such file; name one with --config FILE, or try `evenkeel demo`");
    assert_eq!(said(dir.path()), "  a directory; name a file with --config FILE");
    for (bytes, expected) in [
        (&b""[..], "  the file is empty; write at least pools:"),
        (b"# nothing\n", "  the file is empty; write at least pools:"),
        (b"pools:\n  - \xff", ":2:5  not UTF-8 text; save the file as UTF-8"),
        (b"\xff\xfep\0", ":1:1  not UTF-8 text; save the file as UTF-8"),
        (b"a: 1\n\0", ":2:1  the character '\\0' is not allowed in YAML"),
        (&vec![b' '; (4 << 20) + 1], "  larger than 4 MiB; is this a config?"),
    ] {
        std::fs::write(&path, bytes).expect("a file for the test");
        assert_eq!(said(&path), expected);
    }
    std::fs::write(&path, SAMPLE).expect("a file for the test");
    assert_eq!(load(&path), parse(&path, SAMPLE));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC*") {
        let _ = parse_str(&text);
    }

    #[test]
    fn no_yaml_like_text_makes_it_panic(text in "([-a-z:*&!%#|>'\"{}\\[\\],?0-9 \n\t]|pools|apps|listen|backends|http://a:1){0,200}") {
        let _ = parse_str(&text);
    }

    #[test]
    fn no_change_of_the_sample_makes_it_panic(
        at in 0..SAMPLE.len(),
        removed in 0usize..40,
        inserted in "[-a-z:*&!{}\\[\\]\"'0-9 \n\t]{0,8}",
    ) {
        let (at, end) = (SAMPLE.floor_char_boundary(at), SAMPLE.floor_char_boundary(at + removed));
        let text = format!("{}{inserted}{}", &SAMPLE[..at], &SAMPLE[end..]);
        if let Err(problems) = parse_str(&text) {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(problem.line <= text.lines().count() + 1, "{problem}");
            }
        }
    }
}
