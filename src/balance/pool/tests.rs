use std::collections::HashMap;

use super::*;
use crate::balance::backend::{BackendId, Mode, Verdict};
use crate::balance::lease::{Outcome, Signal};
use crate::balance::meter::Failure;

fn spec(name: &str, weight: u32) -> Spec {
    let id = BackendId::new("web", name);
    Spec { id, host: "127.0.0.1".to_owned(), port: 9001, weight, max_in_flight: None, backup: false }
}

fn settings(strategy: StrategyKind, backends: Vec<Spec>) -> Settings {
    Settings {
        name: "web".into(),
        strategy,
        backends,
        checked: false,
        outlier_detection: Some(OutlierDetection { consecutive_failures: 3, ..OutlierDetection::default() }),
        slow_start: 0,
        all_down: AllDown::Fail,
    }
}

/// Backends a, b, c, ... of these weights, refreshed at 0.
fn pool(strategy: StrategyKind, weights: &[u32]) -> Pool {
    let backends = ('a'..).zip(weights).map(|(name, weight)| spec(&name.to_string(), *weight)).collect();
    let pool = Pool::new(settings(strategy, backends), 1, 0);
    pool.refresh(0);
    pool
}

fn pick_with(pool: &Pool, n: u64, tried: &[Arc<Backend>]) -> Result<Lease, NoPick> {
    pool.pick(&PickInput { key: mix(n), entropy: mix(!n), now: 0, worker: 0, tried })
}

fn pick(pool: &Pool, n: u64) -> Lease {
    pick_with(pool, n, &[]).unwrap()
}

fn name(lease: &Lease) -> String {
    lease.backend().spec.id.backend.to_string()
}

const fn answered(status: u16) -> Outcome {
    Outcome { status: Some(status), failure: None, latency_us: 1_000 }
}

const REFUSED: Outcome = Outcome { status: None, failure: Some(Failure::Refused), latency_us: 100 };

#[test]
fn a_lease_counts_while_it_lives() {
    let pool = pool(StrategyKind::RoundRobin, &[1, 1]);
    let leases: Vec<_> = (0..5).map(|n| pick(&pool, n)).collect();
    assert_eq!(pool.in_flight(), 5);
    assert_eq!(pool.backends().iter().map(|b| b.live.in_flight()).sum::<u32>(), 5);
    for (lease, status) in leases.into_iter().zip([200, 301, 404, 500, 200]) {
        lease.finish(answered(status), 0);
    }
    assert_eq!(pool.in_flight(), 0);
    let count = |class: usize| pool.backends().iter().map(|b| b.live.meters[0].classes[class].load(Relaxed)).sum::<u64>();
    assert_eq!([0, 1, 2, 3, 4].map(count), [0, 2, 1, 1, 1]);
}

#[test]
fn a_client_that_leaves_blames_nobody() {
    let pool = pool(StrategyKind::RoundRobin, &[1]);
    drop(pick(&pool, 0));
    let live = &pool.backends()[0].live;
    assert_eq!((live.in_flight(), pool.in_flight()), (0, 0));
    assert_eq!(live.consecutive_failures.load(Relaxed), 0);
    let meter = &live.meters[0];
    assert_eq!((meter.picked.load(Relaxed), meter.cancelled.load(Relaxed)), (1, 1));
}

#[test]
fn failures_in_a_row_are_signalled_and_a_success_ends_the_row() {
    let pool = pool(StrategyKind::RoundRobin, &[1]);
    let finish = |outcome| pick(&pool, 0).finish(outcome, 0);
    assert_eq!(finish(REFUSED), Some(Signal::FirstFailure));
    assert_eq!(finish(answered(500)), None);
    assert_eq!(finish(REFUSED), Some(Signal::Suspect));
    assert_eq!(finish(REFUSED), Some(Signal::Suspect));
    assert_eq!(finish(answered(404)), None);
    assert_eq!(finish(REFUSED), Some(Signal::FirstFailure));
    let failures = &pool.backends()[0].live.meters[0].failures;
    assert_eq!(failures[Failure::Refused as usize].load(Relaxed), 4);
    assert_eq!(failures[Failure::Status5xx as usize].load(Relaxed), 1);
}

#[test]
fn idle_pools_take_exact_turns() {
    for (strategy, weights, want) in [
        (StrategyKind::RoundRobin, [3, 1, 1], [2, 2, 2]),
        (StrategyKind::LeastConnections, [1, 1, 1], [2, 2, 2]),
        (StrategyKind::LeastConnections, [4, 1, 1], [4, 1, 1]),
        (StrategyKind::WeightedRoundRobin, [4, 1, 1], [4, 1, 1]),
    ] {
        let pool = pool(strategy, &weights);
        let mut counts = HashMap::<String, u32>::new();
        for n in 0..6 {
            let lease = pick(&pool, n);
            *counts.entry(name(&lease)).or_default() += 1;
        }
        assert_eq!(["a", "b", "c"].map(|name| counts[name]), want, "{strategy}");
    }
}

#[test]
fn what_the_operator_takes_out_gets_nothing() {
    for strategy in StrategyKind::ALL {
        let pool = pool(strategy, &[1, 1, 1]);
        pool.backends()[1].live.set_mode(Mode::Drain);
        let changes = pool.refresh(0);
        assert_eq!(changes, [Change { index: 1, from: Eligibility::Eligible, to: Eligibility::Draining }]);
        assert!((0..100).all(|n| name(&pick(&pool, n)) != "b"), "{strategy}");
    }
}

#[test]
fn says_why_nobody_was_picked() {
    let mut first = spec("a", 1);
    first.max_in_flight = Some(1);
    let pool = Pool::new(Settings { checked: true, ..settings(StrategyKind::default(), vec![first]) }, 1, 0);
    let backend = pool.backends()[0].clone();
    let pick = || pick_with(&pool, 0, &[]);
    let err = |result: Result<Lease, NoPick>| result.map(drop).unwrap_err();
    pool.refresh(0);
    assert_eq!(err(pick()), NoPick::AwaitingFirstCheck);
    backend.live.set_verdict(Verdict::Unhealthy, 0);
    pool.refresh(0);
    assert_eq!(err(pick()), NoPick::NoneEligible);
    backend.live.set_verdict(Verdict::Healthy, 0);
    pool.refresh(0);
    let lease = pick().unwrap();
    assert_eq!(err(pick()), NoPick::AllFull);
    assert_eq!(err(pick_with(&pool, 0, &[backend])), NoPick::AllTried);
    drop(lease);
    assert!(pick().is_ok());
}
