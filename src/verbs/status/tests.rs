use jiff::tz::TimeZone;

use super::*;
use crate::balance::backend::{Eligibility, Mode, Verdict};
use crate::balance::keel::Keel;
use crate::balance::snapshot::{Override, Traffic};
use crate::balance::strategy::StrategyKind;
use crate::tui::fixture;

/// 31 October 2025, 14:06:44 UTC.
const NOW: u64 = 1_761_919_604_000;

fn sample() -> Snapshot {
    let mut pool = fixture::pool("web", 5);
    let set = |ago: u64, reason: Option<&str>, left: Option<u64>| Override {
        by: "cli:alice".to_owned(),
        at_unix_ms: NOW - ago * 1000,
        reason: reason.map(Into::into),
        until_unix_ms: left.map(|left| NOW + left * 1000),
    };
    let traffic = |requests, errors, p99_us| Traffic { requests, errors, p99_us: Some(p99_us), ..Traffic::default() };
    pool.strategy = StrategyKind::PeakEwma;
    pool.strategy_override = Some(set(90_000, None, None));
    (pool.in_flight, pool.queued, pool.rps) = (31, 2, 317.4);
    pool.windows[0] = traffic(19_044, 60, 41_000);
    pool.keel[0] = Keel { deviation: 0.033, backend: Some("api-2".into()), even: false };
    for (at, in_flight, rps, share) in [(0, 9, 212.0, 0.667), (1, 5, 105.4, 0.333)] {
        let backend = &mut pool.backends[at];
        (backend.in_flight, backend.rps, backend.share[0], backend.fair_share[0]) = (in_flight, rps, share, 0.5);
        backend.windows[0] = traffic(9_522, 30 * at as u64, 31_000);
    }
    pool.backends[1].weight = 5;
    pool.backends[1].weight_override = Some(set(12, Some("slow disk\u{1b}[2J"), None));
    pool.backends[1].ramp_percent = 40;
    fixture::set_mode(&mut pool.backends[2], Mode::Drain);
    pool.backends[2].in_flight = 17;
    pool.backends[2].mode_override = Some(set(120, Some("deploy"), Some(480)));
    (pool.backends[3].health, pool.backends[3].eligibility) = (Verdict::Unhealthy, Eligibility::Unhealthy);
    (pool.backends[4].checked, pool.backends[4].eligibility) = (false, Eligibility::Ejected);
    pool.backends[4].ejected_for_ms = Some(23_400);
    let mut idle = fixture::pool("a\u{202e}b", 1);
    idle.backends[0].id = BackendId::new("a\u{202e}b", "\u{1b}]0;x\u{7}");
    idle.keel[0].even = true;
    Snapshot {
        at_unix_ms: NOW,
        uptime_ms: 11_647_000,
        listen: vec!["127.0.0.1:8080".to_owned()],
        connections: 128,
        ..fixture::snapshot(vec![pool, idle])
    }
}

#[test]
fn the_table() {
    insta::assert_snapshot!(text::status(&sample(), None, "127.0.0.1:9900", &TimeZone::UTC));
}

#[test]
fn one_backend_in_detail() {
    let mut snapshot = sample();
    snapshot.pools.truncate(1);
    let backend = &mut snapshot.pools[0].backends[3];
    (backend.streak, backend.last_check_passed) = (7, false);
    let checks = [(2, "refused"), (7, "timeout after 1s"), (12, "503, want 200-399"), (17, "refused")];
    backend.checks = checks.map(|(ago, detail)| fixture::check(NOW - ago * 1000, false, detail)).into();
    backend.failures = vec![("connection refused".into(), 129), ("answered 5xx".into(), 12)];
    let id = backend.id.clone();
    insta::assert_snapshot!(text::status(&snapshot, Some(&id), "unix:/run/ek.sock", &TimeZone::UTC));
}

#[test]
fn lines_for_scripts() {
    let lines = plain_lines(&sample(), None);
    let third = lines.lines().nth(2).unwrap();
    assert_eq!(third, "web/api-3\tdrain\thealthy\t17\thttp://api-3.internal:8080");
    assert!(lines.lines().all(|line| line.split('\t').count() == 5 && !line.contains('\u{1b}')), "{lines}");
}

#[test]
fn a_part_may_be_named() {
    let snapshot = sample();
    let find = |name: &str| Of::find(&snapshot, name);
    assert_eq!(find("web"), Ok(Of::Pool("web".into())));
    for name in ["web/api-3", "api-3"] {
        let of = find(name).unwrap();
        assert_eq!(of, Of::Backend(BackendId::new("web", "api-3")));
        assert_eq!(plain_lines(&snapshot, of.backend()).lines().count(), 1);
        let json: Value = serde_json::from_str(&of.json(&serde_json::to_string(&snapshot).unwrap())).unwrap();
        assert_eq!((&json["id"]["backend"], &json["mode"]), (&"api-3".into(), &"drain".into()));
    }
    for (name, said) in [
        ("wep", "nothing is called wep; did you mean web?"),
        ("web/api-33", "there is no backend web/api-33; did you mean web/api-3?"),
        ("zzz\u{1b}/a", "there is no pool zzz\\u{1b}"),
    ] {
        assert_eq!(find(name).unwrap_err(), said);
    }
}

#[test]
fn a_backend_without_its_pool_must_be_the_only_one() {
    let snapshot = fixture::snapshot(vec![fixture::pool("web", 2), fixture::pool("shop", 1)]);
    assert_eq!(only(&snapshot, "api-2"), Ok(BackendId::new("web", "api-2")));
    assert_eq!(only(&snapshot, "api-1").unwrap_err(), "there are several backends api-1; name one: web/api-1, shop/api-1");
    assert_eq!(only(&snapshot, "api2").unwrap_err(), "nothing is called api2; did you mean web/api-2?");
    assert_eq!(only(&snapshot, "zzz").unwrap_err(), "nothing is called zzz");
    assert_eq!(only(&snapshot, "web").unwrap_err(), "web is a pool; name one of its backends: web/api-1, web/api-2");
}

#[test]
fn what_would_have_to_be_written_to_last() {
    let mut snapshot = sample();
    snapshot.pools[1].strategy_override = snapshot.pools[0].strategy_override.clone();
    let whole = lasting(snapshot.clone(), None);
    assert!(whole.starts_with("pools:\n  - name: \"web\"\n    strategy: peak_ewma\n    backends:\n"), "{whole}");
    assert!(whole.contains("weight: 5}\n") && whole.contains("# web/api-3 is drain"), "{whole}");
    assert!(!whole.contains('\u{202e}'), "names are not to be trusted: {whole}");
    let one = lasting(snapshot.clone(), Some(&BackendId::new("web", "api-2")));
    assert!(one.contains("weight: 5}") && !one.contains("strategy") && !one.contains("api-3"), "{one}");
    assert_eq!(lasting(snapshot, Some(&BackendId::new("web", "api-1"))), "# nothing differs from the config");
}
