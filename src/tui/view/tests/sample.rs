//! A pool as an operator meets it on a bad day: seven backends, each in another condition.

use std::sync::Arc;

use crate::balance::backend::{BackendId, Eligibility, Mode, Verdict};
use crate::balance::histogram;
use crate::balance::keel::Keel;
use crate::balance::meter::Failure;
use crate::balance::snapshot::{BackendView, CheckResult, PoolView, Second, Snapshot, Traffic};
use crate::balance::strategy::StrategyKind;
use crate::command::Origin;
use crate::event::{Event, Stamped};
use crate::tui::fixture;
use crate::tui::state::State;

/// 31 October 2025, 14:06:44 UTC.
pub(super) const NOW: u64 = 1_761_919_604_000;

/// Requests of the whole pool within the window.
const REQUESTS: u64 = 50_520;

/// A dashboard over [`pool`], with what has happened lately.
pub(super) fn state() -> State {
    state_of(vec![pool()])
}

/// A dashboard over these pools; the third backend of the first is selected.
pub(super) fn state_of(pools: Vec<PoolView>) -> State {
    let selected = pools.first().and_then(|pool| pool.backends.get(2)).map(|backend| backend.id.clone());
    let live = Snapshot {
        at_unix_ms: NOW,
        uptime_ms: 11_647_000,
        listen: vec!["127.0.0.1:8080".to_owned()],
        connections: 128,
        connections_total: 48_211,
        ..fixture::snapshot(pools)
    };
    let mut state = State { live: Arc::new(live), selected, now: 11_647_000, grace: 30_000, ..State::default() };
    for (seq, (ago, event)) in (1..).zip(happenings()) {
        state.events.push(0, &Stamped { seq, at_unix_ms: NOW - ago * 1000, event });
    }
    state
}

fn happenings() -> Vec<(u64, Event)> {
    let id = |name: &str| BackendId::new("web", name);
    let refused = || "refused".to_owned();
    vec![
        (251, Event::CheckTurned { backend: id("api-6"), passed: false, streak: 1, of: 3, detail: refused() }),
        (248, Event::AttemptsFailed { backend: id("api-6"), failure: Failure::Refused, times: 17 }),
        (247, Event::HealthChanged { backend: id("api-6"), from: Verdict::Healthy, to: Verdict::Unhealthy, detail: refused() }),
        (247, Event::PoolChanged { pool: "web".into(), from: 6, to: 5, of: 7 }),
        (52, Event::WeightChanged { backend: id("api-2"), from: 10, to: 5, by: Origin::Dashboard, reason: None, for_ms: None }),
        (46, Event::CheckTurned { backend: id("api-3"), passed: false, streak: 2, of: 3, detail: "timeout after 1s".to_owned() }),
        (
            42,
            Event::StrategyChanged {
                pool: "web".into(),
                from: StrategyKind::RoundRobin,
                to: StrategyKind::WeightedRoundRobin,
                by: Origin::Dashboard,
                reason: None,
                for_ms: None,
            },
        ),
        (
            24,
            Event::ModeChanged {
                backend: id("api-5"),
                from: Mode::Up,
                to: Mode::Drain,
                by: Origin::Dashboard,
                reason: None,
                for_ms: None,
                in_flight: 31,
                cut: false,
            },
        ),
        (7, Event::Ejected { backend: id("api-7"), failures: 5, for_ms: 30_000 }),
        (7, Event::PoolChanged { pool: "web".into(), from: 5, to: 4, of: 8 }),
    ]
}

/// Four that serve (one with a failing check, one with a changed weight), and one each draining, unhealthy, ejected, off.
pub(super) fn pool() -> PoolView {
    let mut backends = vec![
        serving("api-1", 10, 0.281, 0.2857, [12, 212], [6_100, 31_000], 0),
        serving("api-2", 5, 0.139, 0.1429, [6, 105], [6_900, 33_000], 11),
        serving("api-3", 10, 0.262, 0.2857, [9, 196], [9_200, 118_000], 141),
        serving("api-4", 10, 0.319, 0.2857, [5, 225], [5_800, 29_000], 0),
        serving("api-5", 10, 0.0, 0.0, [17, 0], [8_000, 40_000], 0),
        serving("api-6", 10, 0.0, 0.0, [0, 0], [0, 0], 0),
        serving("api-7", 10, 0.0, 0.0, [0, 3], [7_000, 950_000], 60),
        serving("api-8", 10, 0.0, 0.0, [0, 0], [0, 0], 0),
    ];
    backends[1].configured_weight = 10;
    backends[2].last_check_passed = false;
    backends[2].streak = 2;
    backends[2].max_in_flight = Some(200);
    backends[2].checks = checks();
    backends[2].failures = vec![(Failure::HeadTimeout.words().to_owned(), 129), (Failure::Status5xx.words().to_owned(), 12)];
    backends[3].streak = 41;
    fixture::set_mode(&mut backends[4], Mode::Drain);
    backends[4].history = history(|at| if at < 36 { wave(200, at) } else { 0 });
    unhealthy(&mut backends[5]);
    backends[6].eligibility = Eligibility::Ejected;
    backends[6].ejected_for_ms = Some(23_400);
    backends[6].history = history(|at| if at < 53 { wave(120, at) } else { 0 });
    fixture::set_mode(&mut backends[7], Mode::Down);
    backends[7].history = Vec::new();
    let keel = Keel { deviation: 0.0333, backend: Some("api-4".into()), even: false };
    PoolView {
        strategy: StrategyKind::WeightedRoundRobin,
        in_flight: 49,
        rps: 741.0,
        windows: [traffic(REQUESTS, 212, [7_100, 41_000]), Traffic::default(), Traffic::default()],
        keel: [keel, Keel::default(), Keel::default()],
        history: (0..60).map(|at| second(wave(741, at + 4), 36_000 + (at / 9) * at % 23 * 4_000)).collect(),
        backends,
        ..fixture::pool("web", 0)
    }
}

/// A small second pool.
pub(super) fn static_pool() -> PoolView {
    let mut pool = fixture::pool("static", 2);
    pool.rps = 12.4;
    pool
}

/// Many backends, one of them in trouble far down.
pub(super) fn large_pool() -> PoolView {
    let mut pool = PoolView { backends: Vec::new(), ..pool() };
    for n in 1..=40 {
        pool.backends.push(serving(&format!("api-prod-eu-west-{n}"), 10, 0.025, 0.025, [2, 21], [6_100, 31_000], 0));
    }
    unhealthy(&mut pool.backends[36]);
    (pool.backends[36].rps, pool.backends[36].in_flight) = (0.0, 0);
    pool
}

fn unhealthy(backend: &mut BackendView) {
    backend.health = Verdict::Unhealthy;
    backend.eligibility = Eligibility::Unhealthy;
    backend.last_check_passed = false;
    backend.streak = 14;
    backend.checks =
        vec![CheckResult { at_unix_ms: NOW - 900, passed: false, detail: "refused".to_owned(), took_us: 210, body: None }];
    backend.history = Vec::new();
    backend.windows = Default::default();
}

fn serving(
    name: &str,
    weight: u32,
    share: f64,
    fair: f64,
    [in_flight, rps]: [u32; 2],
    quantiles: [u64; 2],
    errors: u64,
) -> BackendView {
    let number: u32 = name.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0);
    let requests = ((share * REQUESTS as f64) as u64).max(u64::from(rps) * 20);
    BackendView {
        url: format!("http://10.0.4.{}:8080", 10 + number),
        streak: 128,
        weight,
        configured_weight: weight,
        in_flight,
        rps: rps.into(),
        requests_total: 211_870,
        share: [share, 0.0, 0.0],
        fair_share: [fair, 0.0, 0.0],
        windows: [traffic(requests, errors, quantiles), Traffic::default(), Traffic::default()],
        histogram: [(1_500, 120), (3_200, 900), (6_100, 5_400), (12_000, 4_100), (31_000, 900), (118_000, 130)]
            .map(|(us, n)| (histogram::bucket_mid(histogram::bucket(us)), n))
            .to_vec(),
        history: history(|at| wave(rps, at + number * 3)),
        ..fixture::backend("web", name)
    }
}

fn checks() -> Vec<CheckResult> {
    let check = |ago: u64, passed, detail: &str, took_us| CheckResult {
        at_unix_ms: NOW - ago * 1000,
        passed,
        detail: detail.to_owned(),
        took_us,
        body: None,
    };
    vec![
        check(1, false, "timeout after 1s", 1_000_000),
        check(3, false, "503, want 200-399", 41_000),
        check(5, true, "200 in 3 ms", 3_100),
        check(7, true, "200 in 2 ms", 2_400),
    ]
}

fn traffic(requests: u64, errors: u64, [p50, p99]: [u64; 2]) -> Traffic {
    let quantile = |us| (requests > 0).then_some(us);
    Traffic {
        seconds: 60.0,
        requests,
        classes: [0, requests.saturating_sub(requests * 6 / 1000 + errors), requests * 4 / 1000, requests * 2 / 1000, errors],
        errors,
        cancelled: requests / 9_000,
        retries: errors / 2,
        bytes_in: requests * 310,
        bytes_out: requests * 12_400,
        p50_us: quantile(p50),
        p90_us: quantile(p50 * 2),
        p99_us: quantile(p99),
    }
}

/// Traffic that swells and ebbs.
fn wave(mean: u32, at: u32) -> u32 {
    let swing = (f64::from(at) / 9.0).sin() * 0.3 + (f64::from(at) * 1.7).sin() * 0.05;
    (f64::from(mean) * (1.0 + swing)) as u32
}

fn history(requests: impl Fn(u32) -> u32) -> Vec<Second> {
    (0..60).map(|at| second(requests(at), 30_000)).collect()
}

fn second(requests: u32, p99_us: u32) -> Second {
    Second { requests, errors: 0, p50_us: p99_us / 5, p99_us }
}
