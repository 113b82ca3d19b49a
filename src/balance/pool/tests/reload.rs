//! One pool takes another's place: what is known stays known, and nobody picks who is gone.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Waker};

use proptest::prelude::*;

use super::*;

/// The pool that takes this one's place, refreshed, with these backends.
fn succeeded(pool: &Pool, backends: Vec<Spec>) -> Pool {
    let successor = pool.succeeded_by(Settings { backends, ..pool.settings().clone() });
    successor.refresh(0);
    successor
}

#[test]
fn a_reload_keeps_what_is_known_of_a_backend() {
    let pool = pool(StrategyKind::RoundRobin, &[1, 1]);
    let (lease, [a, b]) = (pick(&pool, 0), [0, 1].map(|index| Arc::clone(&pool.backends()[index])));
    let (a, b) = if name(&lease) == "b0" { (a, b) } else { (b, a) };
    let [at_a, at_b] = [&a, &b].map(|backend| &*backend.spec.id.backend);
    b.live.set_mode(Mode::Drain);
    let later = succeeded(&pool, vec![spec(at_b, 7), spec("b2", 1), spec(at_a, 1)]);
    let [later_b, fresh, later_a] = later.backends() else { panic!("three") };
    assert!(Arc::ptr_eq(&a, later_a), "nothing of it has changed");
    assert!(Arc::ptr_eq(&b.live, &later_b.live));
    assert_eq!((later_b.live.weight(), later_b.eligibility()), (7, Eligibility::Draining));
    assert_eq!((later_a.live.in_flight(), fresh.live.in_flight(), later.in_flight()), (1, 0, 1));
    lease.finish(answered(200), 0);
    assert_eq!((later_a.live.in_flight(), later.in_flight()), (0, 0));
    assert_eq!(later_a.live.meters[0].classes[1].load(Relaxed), 1);
}

#[test]
fn another_address_is_another_backend() {
    let pool = pool(StrategyKind::RoundRobin, &[1]);
    let later = succeeded(&pool, vec![Spec { port: 1, ..spec("b0", 1) }]);
    assert!(!Arc::ptr_eq(&pool.backends()[0].live, &later.backends()[0].live));
}

#[test]
fn what_the_operator_has_set_outlives_a_reload() {
    let pool = pool(StrategyKind::RoundRobin, &[1, 1]);
    pool.set_strategy(StrategyKind::Random, 0);
    pool.backends()[0].live.set_weight(9);
    let settings = Settings { strategy: StrategyKind::IpHash, backends: specs(&[2, 2]), ..pool.settings().clone() };
    let later = pool.succeeded_by(settings.clone());
    assert_eq!((later.strategy(), later.settings().strategy), (StrategyKind::Random, StrategyKind::IpHash));
    assert_eq!([0, 1].map(|index| later.backends()[index].live.weight()), [9, 2]);
    later.set_strategy(StrategyKind::IpHash, 0);
    let last = later.succeeded_by(Settings { strategy: StrategyKind::PeakEwma, ..settings });
    assert_eq!(last.strategy(), StrategyKind::PeakEwma, "it was as configured again");
}

#[test]
fn whoever_picks_from_an_old_pool_gets_what_there_is_now() {
    for strategy in StrategyKind::ALL {
        let pool = pool(strategy, &[1, 1]);
        let picker = pool.picker(0);
        drop(picker.pick(&input(0)));
        let later = succeeded(&pool, vec![spec("b2", 1)]);
        pool.backends()[0].live.set_weight(3);
        assert_eq!(pool.refresh(0), [], "it has nothing to say any more");
        for n in 0..20 {
            assert_eq!(name(&picker.pick(&input(n)).expect("one")), "b2", "{strategy}");
        }
        assert_eq!((later.in_flight(), later.rotation().members().len()), (0, 1));
    }
}

#[test]
fn who_waits_hears_of_room_that_a_reload_makes() {
    let limited = Spec { max_in_flight: Some(1), ..spec("b0", 1) };
    let pool = Pool::new(settings(StrategyKind::RoundRobin, vec![limited]), 1, 0);
    pool.refresh(0);
    let picker = pool.picker(0);
    let _running = picker.pick(&input(0)).expect("the first");
    let mut place = Place::take(&pool.live().waiters);
    let mut called = || Pin::new(&mut place).poll(&mut Context::from_waker(Waker::noop())).is_ready();
    assert!(called() && !called());
    let _later = succeeded(&pool, vec![spec("b0", 1)]);
    assert!(called());
    assert_eq!(name(&picker.pick_in_turn(&input(1)).expect("no limit")), "b0");
}

/// What happens to a pool.
#[derive(Clone, Debug)]
enum Deed {
    /// A reload: these backends with these weights.
    Reload(BTreeMap<u8, u32>),
    /// A request comes.
    Begin,
    /// One of those that run ends.
    End(prop::sample::Index),
    /// The operator drains a backend or brings it back.
    Turn(prop::sample::Index),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        prop::collection::btree_map(0..6_u8, 0..4_u32, 1..5).prop_map(Deed::Reload),
        Just(Deed::Begin),
        Just(Deed::Begin),
        any::<prop::sample::Index>().prop_map(Deed::End),
        any::<prop::sample::Index>().prop_map(Deed::Turn),
    ]
}

fn named((name, weight): (&u8, &u32)) -> Spec {
    spec(&format!("b{name}"), *weight)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_reloaded_everything_is_counted_once_and_nobody_gone_is_picked(deeds in prop::collection::vec(deed(), 1..60)) {
        let mut pool = pool(StrategyKind::LeastConnections, &[1, 1, 1]);
        // One of them stays with the first pool for ever, as a request that waits does.
        let pickers = [pool.picker(0), pool.picker(0)];
        let mut running: Vec<Lease> = Vec::new();
        let mut begun: BTreeMap<usize, u64> = BTreeMap::new();
        for (n, deed) in (0..).zip(deeds) {
            match deed {
                Deed::Reload(backends) => pool = succeeded(&pool, backends.iter().map(named).collect()),
                Deed::Begin => {
                    let eligible = pool.backends().iter().filter(|backend| backend.eligibility().is_eligible()).count();
                    let picked = pickers[n as usize % 2].pick(&input(n));
                    prop_assert_eq!(picked.is_ok(), eligible > 0);
                    if let Ok(lease) = picked {
                        let here = pool.backends().iter().find(|backend| Arc::ptr_eq(backend, lease.backend()));
                        prop_assert!(here.is_some_and(|backend| backend.eligibility().is_eligible()));
                        *begun.entry(Arc::as_ptr(&lease.backend().live).addr()).or_default() += 1;
                        running.push(lease);
                    }
                }
                Deed::End(which) if !running.is_empty() => {
                    let at = which.index(running.len());
                    running.swap_remove(at).finish(answered(200), n);
                }
                Deed::End(_) => {}
                Deed::Turn(which) => {
                    let live = &which.get(pool.backends()).live;
                    live.set_mode(if live.mode() == Mode::Up { Mode::Drain } else { Mode::Up });
                    pool.refresh(n);
                }
            }
            prop_assert_eq!(pool.in_flight() as usize, running.len());
            for backend in pool.backends() {
                let leases = running.iter().filter(|lease| Arc::ptr_eq(&lease.backend().live, &backend.live)).count();
                prop_assert_eq!(backend.live.in_flight() as usize, leases);
                // A backend that has gone and come back is a fresh one; that its address is another's of old is possible.
                let picked = backend.live.meters[0].picked.load(Relaxed);
                prop_assert!(picked <= begun.get(&Arc::as_ptr(&backend.live).addr()).copied().unwrap_or_default());
            }
        }
    }
}
