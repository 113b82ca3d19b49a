//! Picks: by every strategy, from pools of 3, 100 and 10,000 backends, of equal weights and of unequal ones, alone and with
//! all cores picking.

use std::hint::black_box;
use std::iter::{repeat, zip};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use evenkeel::balance::backend::{BackendId, Spec};
use evenkeel::balance::lease::{Lease, Outcome};
use evenkeel::balance::picker::Picker;
use evenkeel::balance::pool::{AllDown, PickInput, Pool, Settings};
use evenkeel::balance::strategy::StrategyKind;

use crate::stopwatch::timed;
use crate::{Case, Run};

/// How many backends, and whether their weights are equal.
const SHAPES: [(usize, bool); 5] = [(3, true), (100, true), (100, false), (10_000, true), (10_000, false)];

/// Most instructions for a pick and its end, by shape: a tenth more than were counted on x86-64. Where memory is what a pick
/// waits for, a count says little.
const LIMITS: [(StrategyKind, [u64; 3]); 8] = [
    (StrategyKind::RoundRobin, [381, 381, 381]),
    (StrategyKind::WeightedRoundRobin, [381, 381, 385]),
    (StrategyKind::LeastConnections, [426, 455, 460]),
    (StrategyKind::PowerOfTwo, [474, 474, 507]),
    (StrategyKind::PeakEwma, [1_007, 580, 614]),
    (StrategyKind::Random, [374, 374, 385]),
    (StrategyKind::IpHash, [418, 419, 426]),
    (StrategyKind::ConsistentHash, [418, 419, 426]),
];

/// Requests in flight while picks are timed on their own.
const HELD: usize = 64;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (strategy, limits) in LIMITS {
        for ((size, equal), limit) in zip(SHAPES, limits.map(Some).into_iter().chain(repeat(None))) {
            let shape = format!("{size}{}", if equal { "" } else { " unequal" });
            let mut case = |what: &str, limit, run: fn(&Arc<Pool>) -> Run| {
                let prepare = Box::new(move || run(&pool(strategy, size, equal)));
                cases.push(Case { name: format!("{what} {strategy} {shape}"), limit, prepare });
            };
            case("pick", None, picks);
            case("pick busy", None, picks_when_busy);
            case("pick+finish", limit, picks_and_ends);
            case("pick+finish all-cores", None, on_all_cores);
            case("refresh", None, refreshes);
        }
    }
    cases
}

/// A pool of so many idle backends, all of weight 1 or of 1, 2 and 3.
fn pool(strategy: StrategyKind, backends: usize, equal: bool) -> Arc<Pool> {
    let spec = |n: usize| Spec {
        id: BackendId::new("web", &format!("b{n}")),
        host: "127.0.0.1".to_owned(),
        port: 9001,
        weight: if equal { 1 } else { n as u32 * 37 % 256 + 1 },
        max_in_flight: None,
        backup: false,
    };
    let settings = Settings {
        name: "web".into(),
        strategy,
        backends: (0..backends).map(spec).collect(),
        checked: false,
        outlier_detection: None,
        slow_start: 0,
        all_down: AllDown::Fail,
    };
    let pool = Pool::new(settings, cores(), 0);
    pool.refresh(0);
    Arc::new(pool)
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The pick alone, while up to [`HELD`] requests are in flight.
fn picks(pool: &Arc<Pool>) -> Run {
    let picker = pool.picker(0);
    let mut leases = Vec::with_capacity(HELD);
    let mut n = 0;
    Box::new(move |calls| {
        let mut sum = Duration::ZERO;
        for _ in 0..calls.div_ceil(HELD as u64) {
            let start = Instant::now();
            for _ in 0..HELD {
                n += 1;
                leases.push(pick(&picker, n));
            }
            sum += start.elapsed();
            leases.drain(..).for_each(finish);
        }
        sum
    })
}

/// The pick alone, while every backend has requests in flight.
fn picks_when_busy(pool: &Arc<Pool>) -> Run {
    let picker = pool.picker(0);
    let held: Vec<_> = (0..4 * pool.backends().len() as u64).map(|n| pick(&picker, n)).collect();
    let mut run = picks(pool);
    Box::new(move |calls| {
        black_box(&held);
        run(calls)
    })
}

/// A pick and its end, one request after the other.
fn picks_and_ends(pool: &Arc<Pool>) -> Run {
    let picker = pool.picker(0);
    timed(move |n| finish(pick(&picker, n)))
}

/// The same on every core at once, each its own worker; the mean of them.
fn on_all_cores(pool: &Arc<Pool>) -> Run {
    let (pool, cores) = (Arc::clone(pool), cores());
    Box::new(move |calls| {
        let barrier = Barrier::new(cores);
        let (pool, barrier) = (&pool, &barrier);
        let on_one = move |worker: usize| {
            let picker = pool.picker(worker);
            barrier.wait();
            let start = Instant::now();
            (0..calls).for_each(|n| finish(pick(&picker, n * cores as u64 + worker as u64)));
            start.elapsed()
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..cores).map(|worker| scope.spawn(move || on_one(worker))).collect();
            threads.into_iter().map(|thread| thread.join().expect("it does not panic")).sum::<Duration>() / cores as u32
        })
    })
}

/// A rotation is built, as when the health of a backend changes.
fn refreshes(pool: &Arc<Pool>) -> Run {
    let pool = Arc::clone(pool);
    timed(move |n| drop(black_box(pool.refresh(n))))
}

/// The `n`-th of many different requests, one per microsecond.
fn pick(picker: &Picker, n: u64) -> Lease {
    let bits = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let input = PickInput { key: bits, entropy: bits, now: n / 1_000, tried: &[] };
    picker.pick(black_box(&input)).expect("all are eligible")
}

fn finish(lease: Lease) {
    let outcome = Outcome { status: Some(200), failure: None, latency_us: 1_000 };
    lease.finish(black_box(outcome), 1_000);
}
