//! Pools and picks for the tests of this room.

use std::sync::Arc;

use super::backend::{Backend, BackendId, Spec};
use super::ejection::OutlierDetection;
use super::lease::{Lease, Outcome};
use super::meter::Failure;
use super::pool::{AllDown, NoPick, PickInput, Pool, Settings};
use super::strategy::{StrategyKind, mix};

pub(super) fn spec(name: &str, weight: u32) -> Spec {
    let id = BackendId::new("web", name);
    Spec { id, host: "127.0.0.1".to_owned(), port: 9001, weight, max_in_flight: None, backup: false }
}

/// Unchecked, ejecting after 3 failures, without slow start.
pub(super) fn settings(strategy: StrategyKind, backends: Vec<Spec>) -> Settings {
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

/// Backends `b0`, `b1`, ... of these weights for one worker, refreshed at 0.
pub(super) fn pool(strategy: StrategyKind, weights: &[u32]) -> Pool {
    let pool = Pool::new(settings(strategy, specs(weights)), 1, 0);
    pool.refresh(0);
    pool
}

pub(super) fn specs(weights: &[u32]) -> Vec<Spec> {
    (0..).zip(weights).map(|(n, weight)| spec(&format!("b{n}"), *weight)).collect()
}

/// The `n`-th of many different requests.
pub(super) fn input(n: u64) -> PickInput<'static> {
    PickInput { key: mix(n), entropy: mix(!n), now: 0, tried: &[] }
}

pub(super) fn try_pick(pool: &Pool, n: u64, tried: &[Arc<Backend>]) -> Result<Lease, NoPick> {
    pool.picker(0).pick(&PickInput { tried, ..input(n) })
}

pub(super) fn pick(pool: &Pool, n: u64) -> Lease {
    try_pick(pool, n, &[]).expect("somebody is eligible")
}

pub(super) fn name(lease: &Lease) -> &str {
    &lease.backend().spec.id.backend
}

/// Who gets each of so many requests, one after the other.
pub(super) fn names(pool: &Pool, requests: u64) -> Vec<String> {
    (0..requests).map(|n| name(&pick(pool, n)).to_owned()).collect()
}

/// How many of so many requests, one after the other, each backend gets.
pub(super) fn shares(pool: &Pool, requests: u64) -> Vec<u64> {
    let mut shares = vec![0; pool.backends().len()];
    for n in 0..requests {
        let lease = pick(pool, n);
        shares[pool.backends().iter().position(|b| Arc::ptr_eq(b, lease.backend())).expect("it is one of them")] += 1;
    }
    shares
}

pub(super) const fn answered(status: u16) -> Outcome {
    Outcome { status: Some(status), failure: None, latency_us: 1_000 }
}

pub(super) const REFUSED: Outcome = Outcome { status: None, failure: Some(Failure::Refused), latency_us: 100 };
