use std::collections::BTreeSet;

use super::*;
use crate::balance::backend::{BackendId, Eligibility, Mode, Verdict};
use crate::balance::histogram::bucket;
use crate::balance::meter::Failure;
use crate::balance::snapshot::{BackendView, PoolView};
use crate::balance::strategy::StrategyKind;
use crate::balance::totals::{Deeds, Totals};
use crate::tally::Cause;

fn backend(name: &str) -> BackendView {
    BackendView {
        id: BackendId::new("web", name),
        url: String::new(),
        mode: Mode::Drain,
        mode_override: None,
        health: Verdict::Healthy,
        checked: true,
        streak: 0,
        last_check_passed: true,
        rise: 2,
        fall: 3,
        totals: Totals::default(),
        checks: Vec::new(),
        eligibility: Eligibility::Draining,
        ejected_for_ms: None,
        weight: 4,
        configured_weight: 4,
        weight_override: None,
        ramp_percent: 50,
        backup: false,
        max_in_flight: None,
        in_flight: 7,
        oldest_ms: None,
        drain: None,
        rps: 0.0,
        requests_total: 9,
        failures: Vec::new(),
        share: [0.25; 3],
        fair_share: [0.5; 3],
        windows: Default::default(),
        histogram: Vec::new(),
        history: Vec::new(),
    }
}

fn pool(backends: Vec<BackendView>) -> PoolView {
    PoolView {
        name: "web".into(),
        hosts: Vec::new(),
        path_prefix: "/".into(),
        strategy: StrategyKind::PeakEwma,
        configured_strategy: StrategyKind::PeakEwma,
        strategy_override: None,
        in_flight: 7,
        queued: 3,
        rps: 0.0,
        failing_open: false,
        windows: Default::default(),
        keel: Default::default(),
        own_answers: vec![(Cause::QueueFull.words().into(), 2)],
        history: Vec::new(),
        backends,
    }
}

fn snapshot() -> Snapshot {
    let mut totals = Totals { classes: [0, 5, 0, 1, 2], retries: 3, bytes_out: 1 << 40, ejections: 1, ..Totals::default() };
    totals.failures[Failure::Reset as usize] = 4;
    totals.latencies.add(bucket(1000), 8);
    let ready = BackendView { mode: Mode::Up, eligibility: Eligibility::Eligible, ..backend("b") };
    Snapshot {
        version: "1.2.3".into(),
        started_unix_ms: 1_795_266_151_123,
        phase: Phase::Serving,
        own_answers: vec![(Cause::NoPool.words().into(), 6)],
        deeds: Deeds { actions: [0, 1, 0, 0, 0, 0], reloads: [4, 5], loaded_unix_ms: 1_500, log_lines_lost: [0, 11] },
        pools: vec![pool(vec![BackendView { totals, ..backend("a") }, ready])],
        ..Snapshot::default()
    }
}

/// Samples as `name{labels}` and value.
fn samples(text: &str) -> Vec<(&str, f64)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap()).map(|(name, value)| (name, value.parse().unwrap())).collect()
}

#[test]
fn figures_find_their_names() {
    let text = text(&snapshot());
    let samples = samples(&text);
    for (name, value) in [
        (r#"evenkeel_build_info{version="1.2.3"}"#, 1.0),
        ("process_start_time_seconds", 1_795_266_151.123),
        (r#"evenkeel_phase{phase="serving"}"#, 1.0),
        (r#"evenkeel_phase{phase="draining"}"#, 0.0),
        (r#"evenkeel_operator_actions_total{verb="drain"}"#, 1.0),
        (r#"evenkeel_config_reloads_total{result="refused"}"#, 5.0),
        ("evenkeel_config_reload_success_timestamp_seconds", 1.5),
        (r#"evenkeel_access_log_lines_lost_total{reason="write_error"}"#, 11.0),
        (r#"evenkeel_pool_info{pool="web",strategy="peak_ewma"}"#, 1.0),
        (r#"evenkeel_queue_depth{pool="web"}"#, 3.0),
        (r#"evenkeel_pool_backends_eligible{pool="web"}"#, 1.0),
        (r#"evenkeel_own_answers_total{pool="web",reason="queue_full"}"#, 2.0),
        (r#"evenkeel_own_answers_total{pool="",reason="no_pool"}"#, 6.0),
        (r#"evenkeel_requests_total{pool="web",backend="a",class="2xx"}"#, 5.0),
        (r#"evenkeel_requests_total{pool="web",backend="",class="5xx"}"#, 2.0),
        (r#"evenkeel_requests_total{pool="",backend="",class="4xx"}"#, 6.0),
        (r#"evenkeel_retries_total{pool="web",backend="a"}"#, 3.0),
        (r#"evenkeel_response_body_bytes_total{pool="web",backend="a"}"#, 1_099_511_627_776.0),
        (r#"evenkeel_ejections_total{pool="web",backend="a"}"#, 1.0),
        (r#"evenkeel_backend_failures_total{pool="web",backend="a",reason="reset"}"#, 4.0),
        (r#"evenkeel_backend_up{pool="web",backend="a"}"#, 0.0),
        (r#"evenkeel_backend_weight_effective{pool="web",backend="a"}"#, 0.0),
        (r#"evenkeel_backend_weight_effective{pool="web",backend="b"}"#, 2.0),
        (r#"evenkeel_backend_admin_state{pool="web",backend="a",state="drain"}"#, 1.0),
        (r#"evenkeel_backend_health{pool="web",backend="a",health="unhealthy"}"#, 0.0),
        (r#"evenkeel_drain_remaining{pool="web",backend="a"}"#, 7.0),
        (r#"evenkeel_request_duration_seconds_bucket{pool="web",backend="a",le="0.000512"}"#, 0.0),
        (r#"evenkeel_request_duration_seconds_bucket{pool="web",backend="a",le="0.001024"}"#, 8.0),
        (r#"evenkeel_request_duration_seconds_bucket{pool="web",backend="a",le="+Inf"}"#, 8.0),
        (r#"evenkeel_request_duration_seconds_count{pool="web",backend="a"}"#, 8.0),
    ] {
        let found: Vec<_> = samples.iter().filter(|(each, _)| *each == name).map(|(_, value)| *value).collect();
        assert_eq!(found, [value], "{name} in\n{text}");
    }
    assert!(!samples.iter().any(|(name, _)| name.starts_with("evenkeel_drain_remaining") && name.contains("\"b\"")));
}

#[test]
fn every_sample_belongs_to_a_family_and_is_there_once() {
    let text = text(&snapshot());
    let (mut family, mut seen, mut families) = ("", BTreeSet::new(), BTreeSet::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(families.insert(name) && words.ends_with('.'), "{line}");
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE ")?.strip_prefix(name)).unwrap().trim();
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            family = name;
        } else {
            let name = line.rsplit_once(' ').unwrap().0;
            assert!(name.starts_with(family) && seen.insert(name), "{line} after {family}");
        }
    }
    assert!(text.ends_with('\n') && seen.len() > 100);
}

#[test]
fn labels_are_escaped() {
    let mut page = Page::default();
    page.gauge("g", "Help.").sample(&[("a", "\"\\\n\u{e9}")], 0.5);
    assert_eq!(page.into_text(), "# HELP g Help.\n# TYPE g gauge\ng{a=\"\\\"\\\\\\n\u{e9}\"} 0.5\n");
}
