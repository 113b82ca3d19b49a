//! Metrics of pools, and of answers that belong to no backend.

use std::iter;

use super::page::Page;
use crate::balance::snapshot::{PoolView, Snapshot};
use crate::tally::Cause;

/// A figure of a pool.
type Figure = fn(&PoolView) -> f64;

const GAUGES: [(&str, &str, Figure); 6] = [
    ("evenkeel_queue_depth", "Requests that wait for a backend with room.", |pool| pool.queued.into()),
    ("evenkeel_pool_backends", "Backends in the pool.", |pool| pool.backends.len() as f64),
    ("evenkeel_pool_backends_eligible", "Backends that may take requests.", |pool| pool.eligible() as f64),
    ("evenkeel_pool_failing_open", "1 while nobody is eligible and all are tried (all_down: open).", |pool| {
        u8::from(pool.failing_open).into()
    }),
    ("evenkeel_keel_ratio", "Worst deviation of a backend's share from its fair share over the last minute.", |pool| {
        pool.keel[0].deviation
    }),
    ("evenkeel_keel_even", "1 while chance alone explains the keel, 0 while it does not.", |pool| {
        u8::from(pool.keel[0].even).into()
    }),
];

/// Writes them.
pub(super) fn write(page: &mut Page, snapshot: &Snapshot) {
    let mut info = page.gauge("evenkeel_pool_info", "1, with the strategy in force.");
    for pool in &snapshot.pools {
        info.sample(&[("pool", &pool.name), ("strategy", pool.strategy.name())], 1);
    }
    for (name, help, figure) in GAUGES {
        let mut family = page.gauge(name, help);
        for pool in &snapshot.pools {
            family.sample(&[("pool", &pool.name)], figure(pool));
        }
    }
    let mut own =
        page.counter("evenkeel_own_answers_total", "Answers that evenkeel gave itself; without a pool, before one was found.");
    for (pool, answers) in own_answers(snapshot) {
        for (cause, count) in by_cause(answers) {
            own.sample(&[("pool", pool), ("reason", cause.code())], count);
        }
    }
}

/// The answers that evenkeel gave itself, by pool; those before a pool was found are nobody's.
pub(super) fn own_answers(snapshot: &Snapshot) -> impl Iterator<Item = (&str, &[(String, u64)])> {
    let of_pools = snapshot.pools.iter().map(|pool| (&*pool.name, &pool.own_answers[..]));
    iter::once(("", &snapshot.own_answers[..])).chain(of_pools)
}

/// Every cause with its count.
pub(super) fn by_cause(answers: &[(String, u64)]) -> impl Iterator<Item = (Cause, u64)> {
    let count = |cause: Cause| answers.iter().find(|(words, _)| *words == cause.words()).map_or(0, |(_, count)| *count);
    Cause::ALL.into_iter().map(move |cause| (cause, count(cause)))
}
