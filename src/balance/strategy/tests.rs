//! What holds for every strategy, and what each one promises.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::balance::backend::{Mode, Spec};
use crate::balance::fixture::{REFUSED, answered, input, name, pick, pool, settings, shares, specs, try_pick};
use crate::balance::lease::{Lease, Outcome};
use crate::balance::pool::{NoPick, PickInput, Pool};

fn any_strategy() -> impl Strategy<Value = StrategyKind> {
    prop::sample::select(StrategyKind::ALL.to_vec())
}

/// Weights, each with whether its backend is up.
fn members(most: usize) -> impl Strategy<Value = Vec<(u32, bool)>> {
    prop::collection::vec((1u32..10, prop::bool::weighted(0.7)), 1..most)
}

/// Takes those down that are not up; returns the weights that count.
fn take_down(pool: &Pool, members: &[(u32, bool)]) -> Vec<u64> {
    for (backend, (_, up)) in pool.backends().iter().zip(members) {
        backend.live.set_mode(if *up { Mode::Up } else { Mode::Down });
    }
    pool.refresh(0);
    members.iter().map(|(weight, up)| if *up { u64::from(*weight) } else { 0 }).collect()
}

fn weights(members: &[(u32, bool)]) -> Vec<u32> {
    members.iter().map(|(weight, _)| *weight).collect()
}

proptest! {
    #[test]
    fn never_one_that_is_down_full_or_tried(
        strategy in any_strategy(),
        members in members(50),
        limits in prop::collection::vec(prop::option::of(0u32..4), 50),
        tried in prop::collection::vec(any::<bool>(), 50),
        requests in 1u64..60,
    ) {
        let limited = specs(&weights(&members)).into_iter().zip(&limits);
        let limited = limited.map(|(spec, limit)| Spec { max_in_flight: *limit, ..spec }).collect();
        let pool = Pool::new(settings(strategy, limited), 1, requests);
        take_down(&pool, &members);
        let tried: Vec<_> = pool.backends().iter().zip(&tried).filter(|(_, t)| **t).map(|(b, _)| b.clone()).collect();
        let is_tried = |backend| tried.iter().any(|t| Arc::ptr_eq(t, backend));
        let has_room = |b: &Arc<_>| {
            let b: &crate::balance::backend::Backend = b;
            b.live.mode() == Mode::Up && b.spec.max_in_flight.is_none_or(|max| b.live.in_flight() < max)
        };
        let mut held: Vec<Lease> = Vec::new();
        for n in 0..requests {
            let could: Vec<_> = pool.backends().iter().filter(|b| has_room(b) && !is_tried(b)).cloned().collect();
            match try_pick(&pool, n, &tried) {
                Ok(lease) => {
                    prop_assert!(could.iter().any(|b| Arc::ptr_eq(b, lease.backend())));
                    held.push(lease);
                }
                Err(why) => {
                    prop_assert!(could.is_empty(), "{why:?} although {} could", could.len());
                    let up: Vec<_> = pool.backends().iter().filter(|b| b.live.mode() == Mode::Up).collect();
                    prop_assert_eq!(why, match () {
                        () if up.is_empty() => NoPick::NoneEligible,
                        () if up.into_iter().all(is_tried) => NoPick::AllTried,
                        () => NoPick::AllFull,
                    });
                }
            }
        }
        prop_assert_eq!(pool.in_flight() as usize, held.len());
        drop(held);
        prop_assert_eq!(pool.in_flight(), 0);
        prop_assert!(pool.backends().iter().all(|b| b.live.in_flight() == 0));
    }

    #[test]
    fn a_preview_is_the_next_pick_and_leaves_no_trace(
        strategy in any_strategy(),
        members in members(90),
        limit in prop::option::of(0u32..3),
        requests in 1u64..60,
    ) {
        let specs = specs(&weights(&members)).into_iter().map(|spec| Spec { max_in_flight: limit, ..spec }).collect();
        let pool = Pool::new(settings(strategy, specs), 1, requests);
        take_down(&pool, &members);
        let mut held: Vec<Lease> = Vec::new();
        for n in 0..requests {
            let preview = pool.preview(&input(n));
            prop_assert_eq!(&pool.preview(&input(n)), &preview, "looking twice");
            let pick = try_pick(&pool, n, &[]);
            prop_assert_eq!(preview.map(|index| &pool.backends()[index].spec.id.backend), match &pick {
                Ok(lease) => Ok(&lease.backend().spec.id.backend),
                Err(why) => Err(*why),
            });
            held.extend(pick);
        }
    }

    #[test]
    fn turns_are_exact_over_whole_cycles_whoever_is_down(members in members(40), cycles in 1u64..4) {
        for strategy in [StrategyKind::RoundRobin, StrategyKind::WeightedRoundRobin, StrategyKind::LeastConnections] {
            let pool = pool(strategy, &weights(&members));
            let per_cycle = |weight: u64| if strategy == StrategyKind::RoundRobin { weight.min(1) } else { weight };
            let want: Vec<_> = take_down(&pool, &members).into_iter().map(|w| per_cycle(w) * cycles).collect();
            prop_assert_eq!(shares(&pool, want.iter().sum()), want, "{}", strategy);
        }
    }

    #[test]
    fn equal_latencies_are_weighted_turns(members in members(16)) {
        let pool = pool(StrategyKind::PeakEwma, &weights(&members));
        let want = take_down(&pool, &members);
        prop_assert_eq!(shares(&pool, want.iter().sum()), want);
    }

    #[test]
    fn chance_follows_the_weights_whoever_is_down(members in members(8)) {
        for strategy in [StrategyKind::Random, StrategyKind::PowerOfTwo] {
            let pool = pool(strategy, &weights(&members));
            let want = take_down(&pool, &members);
            let all: u64 = want.iter().sum();
            prop_assume!(all > 0);
            let requests = 2_000;
            let square = |(got, want): (u64, u64)| {
                let want = (want * requests) as f64 / all as f64;
                if want == 0.0 { got as f64 } else { (got as f64 - want).powi(2) / want }
            };
            let chi_square: f64 = shares(&pool, requests).into_iter().zip(want).map(square).sum();
            // Far beyond what chance produces in a lifetime of test runs.
            prop_assert!(chi_square < 60.0, "{}: chi square {}", strategy, chi_square);
        }
    }

    #[test]
    fn nobody_starves(strategy in any_strategy(), weights in prop::collection::vec(1u32..6, 1..24)) {
        let shares = shares(&pool(strategy, &weights), 4_000);
        prop_assert!(shares.iter().all(|n| *n > 0), "{} {:?}", strategy, shares);
    }
}

/// Caddy's weighted round robin gives the neighbour of a dead backend all of its turns: 6 to 1 among equals.
#[test]
fn the_turns_of_one_that_is_down_do_not_fall_to_its_neighbour() {
    let pool = pool(StrategyKind::WeightedRoundRobin, &[1, 5, 1]);
    pool.backends()[1].live.set_mode(Mode::Down);
    pool.refresh(0);
    assert_eq!(shares(&pool, 100), [50, 0, 50]);
}

/// Nor when it is only full or busy.
#[test]
fn the_turns_of_a_busy_one_do_not_fall_to_its_neighbour() {
    for members in [4, 100] {
        for (strategy, limit) in [(StrategyKind::RoundRobin, Some(1)), (StrategyKind::LeastConnections, None)] {
            let mut specs = specs(&vec![1; members]);
            specs[1].max_in_flight = limit;
            let pool = Pool::new(settings(strategy, specs), 1, 0);
            pool.refresh(0);
            let busy = (0..100).map(|n| pick(&pool, n)).find(|lease| name(lease) == "b1");
            let shares = shares(&pool, 10 * (members - 1) as u64);
            assert!(shares.iter().enumerate().all(|(i, n)| *n == if i == 1 { 0 } else { 10 }), "{strategy} {shares:?}");
            drop(busy);
        }
    }
}

/// Holds so many requests at each of two backends.
fn loaded(strategy: StrategyKind, weights: &[u32], loads: &[usize]) -> (Pool, Vec<Lease>) {
    let pool = pool(strategy, weights);
    let load_one = |(index, load): (usize, &usize)| {
        let others: Vec<_> = pool.backends().iter().enumerate().filter(|(i, _)| *i != index).map(|(_, b)| b.clone()).collect();
        (0..*load).map(|n| try_pick(&pool, n as u64, &others).expect("one is left")).collect::<Vec<_>>()
    };
    let held = loads.iter().enumerate().flat_map(load_one).collect();
    (pool, held)
}

#[test]
fn of_two_the_less_loaded_always_wins() {
    for strategy in [StrategyKind::PowerOfTwo, StrategyKind::LeastConnections] {
        for (weights, loads, want) in [([1, 1], [5, 3], [0, 100]), ([1, 1], [3, 5], [100, 0]), ([4, 1], [5, 3], [100, 0])] {
            let (pool, held) = loaded(strategy, &weights, &loads);
            assert_eq!(shares(&pool, 100), want, "{strategy} {weights:?} {loads:?}");
            drop(held);
        }
    }
}

#[test]
fn of_many_the_least_loaded_gets_it() {
    let loads = [3, 2, 2, 1, 2, 1, 4];
    let (pool, held) = loaded(StrategyKind::LeastConnections, &[1; 7], &loads);
    assert_eq!(shares(&pool, 10), [0, 0, 0, 5, 0, 5, 0]);
    drop(held);
}

/// In a pool too large to look at everybody, too.
#[test]
fn nobody_gets_a_second_request_while_one_whose_turn_is_near_has_none() {
    let pool = pool(StrategyKind::LeastConnections, &[1; 200]);
    let mut held: Vec<_> = (0..200).map(|n| pick(&pool, n)).collect();
    assert!(pool.backends().iter().all(|b| b.live.in_flight() == 1), "idle ones first");
    for turn in (20..200).step_by(20).rev() {
        drop(held.swap_remove(turn));
    }
    held.extend((0..9).map(|n| pick(&pool, n)));
    assert!(pool.backends().iter().all(|b| b.live.in_flight() == 1));
}

/// One request per millisecond for some seconds; a good answer takes 10 ms, `failing` fails at once. Returns the shares.
fn with_a_fast_failure(strategy: StrategyKind, backends: usize, failing: &str) -> f64 {
    let pool = pool(strategy, &vec![1; backends]);
    let mut running: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
    let mut leases = std::collections::HashMap::new();
    let mut failed = 0;
    for now in 0..10_000 {
        while let Some(Reverse((end, id))) = running.peek().copied().filter(|Reverse((end, _))| *end <= now) {
            running.pop();
            let lease: Lease = leases.remove(&id).expect("it runs");
            lease.finish(Outcome { latency_us: 10_000, ..answered(200) }, end);
        }
        let lease = pool.picker(0).pick(&PickInput { now, ..input(now) }).expect("all are eligible");
        if name(&lease) == failing {
            failed += 1;
            lease.finish(REFUSED, now);
        } else {
            running.push(Reverse((now + 10, now)));
            leases.insert(now, lease);
        }
    }
    f64::from(failed) / 10_000.0
}

#[test]
fn failing_fast_is_no_black_hole() {
    for strategy in [StrategyKind::LeastConnections, StrategyKind::PowerOfTwo, StrategyKind::PeakEwma] {
        for backends in [3, 100] {
            let share = with_a_fast_failure(strategy, backends, "b1");
            assert!(share < 0.5 / backends as f64, "{strategy} of {backends}: {share}");
        }
    }
}

#[test]
fn a_backend_that_was_slow_once_is_tried_again() {
    for backends in [3, 20] {
        let pool = pool(StrategyKind::PeakEwma, &vec![1; backends]);
        let answer = |now, latency_us| {
            let lease = pool.picker(0).pick(&PickInput { now, ..input(now) }).expect("all are eligible");
            let slow = name(&lease) == "b1";
            lease.finish(Outcome { latency_us: if slow { latency_us } else { 10_000 }, ..answered(200) }, now);
            slow
        };
        let slow = (0..).step_by(10).find(|now| answer(*now, 1_000_000)).expect("everybody is tried");
        let next = (slow + 10..).step_by(10).find(|now| answer(*now, 10_000)).expect("it is tried again");
        assert!(next > slow + 5_000, "of {backends}: shunned for {} ms", next - slow);
        assert!(next < slow + 60_000, "of {backends}: shunned for {} ms", next - slow);
    }
}

#[test]
fn noise_in_the_latency_decides_nothing() {
    let pool = pool(StrategyKind::PeakEwma, &[1, 1, 1]);
    for (backend, latency_us) in pool.backends().iter().zip([12_500, 13_000, 14_000]) {
        backend.live.ewma.observe(Some(latency_us), 600_000);
    }
    assert_eq!(shares(&pool, 30), [10, 10, 10]);
}

#[test]
fn a_backend_long_unheard_of_is_not_stormed() {
    let pool = pool(StrategyKind::PeakEwma, &[1, 1, 1]);
    let now = 600_000;
    for backend in &pool.backends()[1..] {
        backend.live.ewma.observe(Some(20_000), now);
    }
    let held: Vec<_> = (0..60).map(|n| pool.picker(0).pick(&PickInput { now, ..input(n) }).expect("all are eligible")).collect();
    let newcomer = held.iter().filter(|l| name(l) == "b0").count();
    assert!((1..40).contains(&newcomer), "{newcomer} of 60");
}

#[test]
fn slower_backends_get_less_by_latency() {
    let pool = pool(StrategyKind::PeakEwma, &[1, 1, 1]);
    let mut counts = [0_u32; 3];
    for n in 0..3_000 {
        let lease = pool.picker(0).pick(&PickInput { now: n * 5, ..input(n) }).expect("all are eligible");
        let index = pool.backends().iter().position(|b| Arc::ptr_eq(b, lease.backend())).expect("it is one of them");
        counts[index] += 1;
        lease.finish(Outcome { latency_us: [5_000, 5_000, 100_000][index], ..answered(200) }, n * 5);
    }
    assert!(counts[2] > 0 && counts[2] < 300, "{counts:?}");
    assert!(counts[0].abs_diff(counts[1]) < 600, "{counts:?}");
}
