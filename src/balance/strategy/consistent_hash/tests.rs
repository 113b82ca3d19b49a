use std::slice::from_ref;

use proptest::prelude::*;

use super::*;
use crate::balance::backend::Mode;
use crate::balance::fixture::{input, name, names, pick, pool, settings, shares, spec, specs, try_pick};
use crate::balance::pool::{PickInput, Pool};
use crate::balance::strategy::StrategyKind;

const KEYS: u64 = 2_000;

fn ring(weights: &[u32]) -> Pool {
    pool(StrategyKind::ConsistentHash, weights)
}

/// Everything that a stored or shared mapping relies on. If this fails, every client of every pool would move.
#[test]
fn stays_what_it_is_for_ever() {
    assert_eq!((hash_key(b""), hash_key(b"203.0.113.7")), (0x2d06_8005_38d3_94c2, 6_502_167_830_794_959_396));
    assert_eq!([0, 1, 2].map(|n| place("api-1", n)), [3_760_517_393, 2_624_064_264, 1_246_860_184]);
    assert_eq!(names(&ring(&[2, 1, 1]), 12).join(" "), "b1 b0 b1 b1 b0 b1 b0 b1 b1 b1 b0 b0");
}

#[test]
fn a_key_stays_whatever_the_other_requests_do() {
    let pool = ring(&[1, 1, 1]);
    let first = names(&pool, KEYS);
    let held: Vec<_> = (0..5).map(|n| pick(&pool, n)).collect();
    assert_eq!(names(&pool, KEYS), first);
    drop(held);
}

#[test]
fn the_order_of_the_config_does_not_matter() {
    let mut reversed = specs(&[1, 2, 3, 1]);
    reversed.reverse();
    let reversed = Pool::new(settings(StrategyKind::IpHash, reversed), 1, 7);
    reversed.refresh(0);
    assert_eq!(names(&reversed, KEYS), names(&ring(&[1, 2, 3, 1]), KEYS));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn one_that_leaves_or_comes_moves_only_its_own_keys(weights in prop::collection::vec(1u32..5, 2..12), gone: prop::sample::Index) {
        let pool = ring(&weights);
        let gone = gone.index(weights.len());
        let with = names(&pool, KEYS);
        pool.backends()[gone].live.set_mode(Mode::Drain);
        pool.refresh(0);
        let without = names(&pool, KEYS);
        let its_name = format!("b{gone}");
        for (with, without) in with.iter().zip(&without) {
            prop_assert!(with == without || *with == its_name);
            prop_assert!(*without != its_name);
        }
        pool.backends()[gone].live.set_mode(Mode::Up);
        pool.refresh(0);
        prop_assert_eq!(names(&pool, KEYS), with);
    }

    #[test]
    fn more_weight_only_draws_keys_in(weights in prop::collection::vec(1u32..5, 2..12), more in 1u32..5) {
        let pool = ring(&weights);
        let before = names(&pool, KEYS);
        pool.backends()[0].live.set_weight(weights[0] + more);
        pool.refresh(0);
        for (before, after) in before.iter().zip(names(&pool, KEYS)) {
            prop_assert!(*before == after || after == "b0");
        }
    }

    #[test]
    fn shares_follow_the_weights_roughly(weights in prop::collection::vec(1u32..5, 2..8)) {
        let all: u32 = weights.iter().sum();
        for (share, weight) in shares(&ring(&weights), KEYS).into_iter().zip(&weights) {
            let want = KEYS as f64 * f64::from(*weight) / f64::from(all);
            prop_assert!((share as f64 / want - 1.0).abs() < 0.7, "{share} for {want}");
        }
    }

    #[test]
    fn the_load_is_bounded(weights in prop::collection::vec(1u32..5, 2..12), requests in 1u64..400) {
        let pool = ring(&weights);
        let all: u32 = weights.iter().sum();
        let held: Vec<_> = (0..requests).map(|_| pick(&pool, 1)).collect();
        for (backend, weight) in pool.backends().iter().zip(&weights) {
            let bound = (1.25 * requests as f64 * f64::from(*weight) / f64::from(all)).ceil().max(8.0);
            prop_assert!(f64::from(backend.live.in_flight()) <= bound, "one hot key");
        }
        drop(held);
    }
}

#[test]
fn a_retry_goes_to_the_next_on_the_ring() {
    let pool = ring(&[1, 1, 1, 1]);
    for n in 0..50 {
        let first = pick(&pool, n).backend().clone();
        let second = |entropy| {
            let lease = pool.picker(0).pick(&PickInput { entropy, tried: from_ref(&first), ..input(n) });
            lease.map(|l| name(&l).to_owned())
        };
        assert_eq!(second(1), second(99), "the key decides, not chance");
        assert_ne!(second(1).as_deref(), Ok(&*first.spec.id.backend));
    }
}

#[test]
fn huge_pools_have_a_bounded_number_of_points() {
    let pool = Pool::new(settings(StrategyKind::ConsistentHash, (0..3_000).map(|n| spec(&n.to_string(), 2)).collect()), 1, 0);
    pool.refresh(0);
    let rotation = pool.rotation();
    let ring = Ring::new(rotation.members(), 6_000);
    assert!(ring.points.len() <= MAX_POINTS as usize);
    assert!(ring.points.len() >= 6_000);
    assert!(try_pick(&pool, 0, &[]).is_ok());
}
