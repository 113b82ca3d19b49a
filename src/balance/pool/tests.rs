mod reload;

use super::*;
use crate::balance::backend::{Mode, Verdict};
use crate::balance::ejection::Action;
use crate::balance::fixture::{REFUSED, answered, input, name, names, pick, pool, settings, shares, spec, specs, try_pick};
use crate::balance::lease::{Lease, Signal};
use crate::balance::meter::Failure;
use crate::balance::waiters::Place;

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
fn cutting_concerns_the_running_requests_only() {
    let pool = pool(StrategyKind::RoundRobin, &[1]);
    let picker = pool.picker(0);
    let take = || picker.pick(&input(0)).expect("it is eligible");
    let running = [take(), take()];
    assert!(!running.iter().any(Lease::is_cut));
    pool.backends()[0].live.cut_epoch.fetch_add(1, Relaxed);
    assert!(running.iter().all(Lease::is_cut));
    let later = [take(), take()];
    assert!(!later.iter().any(Lease::is_cut));
    assert_eq!(pool.in_flight(), 4);
    drop((running, later));
    assert_eq!(pool.in_flight(), 0);
}

#[test]
fn what_the_operator_takes_out_gets_nothing() {
    for strategy in StrategyKind::ALL {
        let pool = pool(strategy, &[1, 1, 1]);
        pool.backends()[1].live.set_mode(Mode::Drain);
        let changes = pool.refresh(0);
        assert_eq!(changes, [Change { index: 1, from: Eligibility::Eligible, to: Eligibility::Draining }]);
        assert_eq!(shares(&pool, 100)[1], 0, "{strategy}");
    }
}

#[test]
fn says_why_nobody_was_picked() {
    let limited = Spec { max_in_flight: Some(1), ..spec("a", 1) };
    let pool = Pool::new(Settings { checked: true, ..settings(StrategyKind::default(), vec![limited]) }, 1, 0);
    let backend = pool.backends()[0].clone();
    let refusal = |tried: &[_]| try_pick(&pool, 0, tried).err();
    assert_eq!(refusal(&[]), Some(NoPick::NoneEligible), "before the first refresh");
    pool.refresh(0);
    assert_eq!(refusal(&[]), Some(NoPick::AwaitingFirstCheck));
    backend.live.set_verdict(Verdict::Unhealthy, 0);
    pool.refresh(0);
    assert_eq!(refusal(&[]), Some(NoPick::NoneEligible));
    backend.live.set_verdict(Verdict::Healthy, 0);
    pool.refresh(0);
    let lease = pick(&pool, 0);
    assert_eq!(refusal(&[]), Some(NoPick::AllFull));
    assert_eq!(refusal(&[backend]), Some(NoPick::AllTried));
    drop(lease);
    assert_eq!(refusal(&[]), None);
}

#[test]
fn backups_serve_only_while_no_other_can_take_all() {
    let spare = Spec { backup: true, ..spec("spare", 1) };
    let pool = Pool::new(settings(StrategyKind::RoundRobin, vec![spec("a", 1), spare]), 1, 0);
    let main = &pool.backends()[0].live;
    pool.refresh(0);
    assert_eq!(shares(&pool, 10), [10, 0]);
    main.set_verdict(Verdict::Unhealthy, 0);
    pool.refresh(0);
    assert_eq!(shares(&pool, 10), [0, 10]);
    main.set_verdict(Verdict::Healthy, 0);
    main.set_on_trial(true);
    pool.refresh(0);
    assert_eq!(shares(&pool, 10), [5, 5], "one on trial takes one request at a time; the backup takes the rest");
}

#[test]
fn failing_open_ignores_health_but_not_the_operator() {
    let open = Settings { all_down: AllDown::Open, checked: true, ..settings(StrategyKind::RoundRobin, specs(&[1, 1, 1, 0])) };
    let pool = Pool::new(open, 1, 0);
    let [a, b, c, _] = pool.backends() else { unreachable!() };
    c.live.set_mode(Mode::Down);
    pool.refresh(0);
    assert!(!pool.failing_open());
    assert_eq!(try_pick(&pool, 0, &[]).err(), Some(NoPick::AwaitingFirstCheck), "what is not known yet may come");
    for backend in pool.backends() {
        backend.live.set_verdict(Verdict::Unhealthy, 0);
    }
    pool.refresh(0);
    assert!(pool.failing_open());
    assert_eq!(shares(&pool, 10), [5, 5, 0, 0]);
    b.live.set_verdict(Verdict::Healthy, 0);
    pool.refresh(0);
    assert!(!pool.failing_open());
    assert_eq!(shares(&pool, 10), [0, 10, 0, 0]);
    a.live.set_mode(Mode::Down);
    b.live.set_mode(Mode::Down);
    pool.refresh(0);
    assert_eq!(try_pick(&pool, 0, &[]).err(), Some(NoPick::NoneEligible));
}

#[test]
fn one_request_decides_a_trial() {
    for strategy in StrategyKind::ALL {
        let pool = pool(strategy, &[1]);
        let live = &pool.backends()[0].live;
        Action::Try.apply(live, 0);
        pool.refresh(0);
        drop(pick(&pool, 0));
        let trial = pick(&pool, 1);
        assert_eq!(try_pick(&pool, 2, &[]).err(), Some(NoPick::AllFull), "{strategy}");
        assert_eq!(trial.finish(REFUSED, 0), Some(Signal::TrialFailed));
        assert_eq!(pick(&pool, 3).finish(answered(200), 0), Some(Signal::TrialPassed));
        let mut tunnel = pick(&pool, 4);
        assert_eq!(tunnel.answered(101), Some(Signal::TrialPassed), "a long answer has passed with its head");
        assert_eq!(tunnel.answered(101), None);
        Action::Readmit.apply(live, 0);
        pool.refresh(0);
        let leases = [pick(&pool, 5), pick(&pool, 6)];
        assert_eq!(live.in_flight(), 3);
        drop((leases, tunnel));
    }
}

#[test]
fn a_trial_waits_for_room_without_being_used_up() {
    let limited = Spec { max_in_flight: Some(1), ..spec("a", 1) };
    let pool = Pool::new(settings(StrategyKind::default(), vec![limited]), 1, 0);
    pool.refresh(0);
    let from_before = pick(&pool, 0);
    Action::Try.apply(&pool.backends()[0].live, 0);
    pool.refresh(0);
    assert_eq!(try_pick(&pool, 1, &[]).err(), Some(NoPick::AllFull));
    drop(from_before);
    assert_eq!(pick(&pool, 2).finish(answered(200), 0), Some(Signal::TrialPassed));
}

#[test]
fn a_lease_given_back_calls_who_waits() {
    let limited = Spec { max_in_flight: Some(1), ..spec("a", 1) };
    let pool = Pool::new(settings(StrategyKind::default(), vec![limited]), 1, 0);
    pool.refresh(0);
    let called = |place: &mut Place| {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::Pin::new(place).poll(&mut context).is_ready()
    };
    let lease = pick(&pool, 0);
    let mut place = Place::take(&pool.live().waiters);
    assert!(called(&mut place) && !called(&mut place));
    drop(lease);
    assert_eq!(try_pick(&pool, 1, &[]).err(), Some(NoPick::AllFull), "there is room, but it is another one's turn");
    assert!(called(&mut place) && !called(&mut place));
    drop(pool.picker(0).pick_in_turn(&input(2)).expect("its turn"));
    assert!(called(&mut place) && !called(&mut place));
    pool.refresh(0);
    assert!(!called(&mut place), "nothing new");
    pool.backends()[0].live.set_mode(Mode::Down);
    pool.refresh(0);
    assert!(called(&mut place), "there is something else to answer now");
}

#[test]
fn a_returning_backend_starts_slowly() {
    for strategy in [StrategyKind::RoundRobin, StrategyKind::WeightedRoundRobin, StrategyKind::LeastConnections] {
        let slow = Settings { slow_start: 10_000, checked: true, ..settings(strategy, specs(&[1, 1])) };
        let pool = Pool::new(slow, 1, 0);
        let returns = |index: usize, now| {
            pool.backends()[index].live.set_verdict(Verdict::Unhealthy, now);
            pool.backends()[index].live.set_verdict(Verdict::Healthy, now);
            pool.refresh(now);
        };
        for backend in pool.backends() {
            backend.live.set_verdict(Verdict::Healthy, 0);
        }
        pool.refresh(0);
        assert_eq!(shares(&pool, 110), [55, 55], "{strategy}: not at the start of the process");
        assert_eq!(pool.next_change(0), None);
        returns(1, 1_000);
        assert_eq!(shares(&pool, 110), [100, 10], "{strategy}: a tenth of an equal weight");
        assert_eq!(pool.rotation().ramp_percent(1), 10);
        assert_eq!(pool.next_change(1_000), Some(2_500));
        pool.refresh(6_000);
        assert_eq!(shares(&pool, 150), [100, 50], "{strategy}: half");
        returns(0, 6_000);
        assert_eq!(shares(&pool, 110), [55, 55], "{strategy}: when all are new, nobody is spared");
        pool.refresh(16_000);
        assert_eq!(pool.next_change(16_000), None);
        assert_eq!(pool.rotation().ramp_percent(1), 100);
    }
}

#[test]
fn identical_balancers_do_not_march_in_phase() {
    let starts = (0..20).map(|seed| {
        let pool = Pool::new(settings(StrategyKind::RoundRobin, specs(&[1; 5])), 1, seed);
        pool.refresh(0);
        names(&pool, 1)
    });
    let different: std::collections::HashSet<_> = starts.collect();
    assert_eq!(different.len(), 5);
}

#[test]
fn a_picker_sees_each_new_rotation() {
    let pool = pool(StrategyKind::RoundRobin, &[1, 1]);
    let pickers = [pool.picker(0), pool.picker(0)];
    for (out, left) in [("b0", "b1"), ("b1", "b0")] {
        for backend in pool.backends() {
            backend.live.set_mode(if *backend.spec.id.backend == *out { Mode::Down } else { Mode::Up });
        }
        pool.refresh(0);
        for picker in pickers.iter().chain(&pickers) {
            assert_eq!(picker.pick(&input(0)).map(|lease| name(&lease).to_owned()).as_deref(), Ok(left));
        }
    }
}

#[test]
fn turns_go_on_when_a_rotation_is_rebuilt() {
    let pool = pool(StrategyKind::RoundRobin, &[1, 1, 1]);
    let first = names(&pool, 1);
    pool.refresh(0);
    let second = names(&pool, 1);
    pool.refresh(0);
    let third = names(&pool, 1);
    assert!(first != second && second != third && first != third);
}

#[test]
fn switching_strategies_in_mid_flight_loses_no_request() {
    let pool = pool(StrategyKind::RoundRobin, &[3, 2, 1]);
    let mut leases = Vec::new();
    for (n, strategy) in (0..).zip(StrategyKind::ALL) {
        pool.set_strategy(strategy, 0);
        assert_eq!(pool.strategy(), strategy);
        leases.extend((0..10).map(|i| pick(&pool, n * 10 + i)));
    }
    assert_eq!(pool.in_flight(), 80);
    assert_eq!(pool.backends().iter().map(|b| b.live.meters[0].picked.load(Relaxed)).sum::<u64>(), 80);
    leases.clear();
    assert_eq!(pool.in_flight(), 0);
    assert!(pool.backends().iter().all(|b| b.live.in_flight() == 0));
}

#[test]
fn no_backend_ever_has_more_in_flight_than_it_may() {
    for strategy in StrategyKind::ALL {
        let limited = specs(&[1, 2, 3]).into_iter().map(|s| Spec { max_in_flight: Some(2), ..s }).collect();
        let pool = Pool::new(settings(strategy, limited), 4, 0);
        pool.refresh(0);
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let pool = &pool;
                scope.spawn(move || {
                    let picker = pool.picker(worker);
                    let mut held = Vec::new();
                    for n in 0..2_000 {
                        held.extend(picker.pick(&input(n)));
                        assert!(pool.backends().iter().all(|b| b.live.in_flight() <= 2), "{strategy}");
                        if n % 3 == 0 {
                            held.clear();
                        }
                    }
                });
            }
        });
        assert_eq!(pool.in_flight(), 0);
    }
}

#[test]
fn a_pick_and_its_lease_allocate_nothing() {
    for strategy in StrategyKind::ALL {
        for members in [5, 100] {
            let pool = pool(strategy, &vec![2; members]);
            let picker = pool.picker(0);
            let warm = picker.pick(&input(0)).expect("all are eligible");
            let tried = [warm.backend().clone()];
            // Each backend's first latency makes its histogram.
            pool.backends().iter().for_each(|backend| backend.live.meters[0].latency.record(0));
            let allocated = allocation_counter::measure(|| {
                for n in 0..100 {
                    if let Ok(lease) = picker.pick(&PickInput { tried: &tried, ..input(n) }) {
                        lease.finish(answered(200), n);
                    }
                }
            });
            assert_eq!(allocated.count_total, 0, "{strategy} of {members}");
            assert_eq!(name(&warm), &*tried[0].spec.id.backend);
        }
    }
}

#[test]
fn a_session_goes_back_to_its_backend_while_that_may_take_it() {
    let mut specs = specs(&[1, 1, 1]);
    specs[1].max_in_flight = Some(1);
    let pool = Pool::new(settings(StrategyKind::RoundRobin, specs), 1, 0);
    pool.refresh(0);
    let picker = pool.picker(0);
    let backend = &pool.backends()[1];
    let again = |keep| picker.pick_again(1, backend, keep).map(|lease| name(&lease).to_owned());
    assert_eq!(again(false).as_deref(), Some("b1"));
    let taken = picker.pick_again(0, backend, false).expect("found wherever it is");
    assert_eq!((name(&taken), backend.live.in_flight(), again(true)), ("b1", 1, None), "counted, and full");
    drop(taken);
    for (mode, keeps) in [(Mode::Up, true), (Mode::Drain, true), (Mode::Down, false)] {
        backend.live.set_mode(mode);
        assert_eq!((again(true).is_some(), again(false).is_some()), (keeps, mode == Mode::Up), "{mode}");
    }
    backend.live.set_mode(Mode::Drain);
    backend.live.set_verdict(Verdict::Unhealthy, 1);
    assert_eq!(again(true), None, "nobody goes where nobody answers");
    backend.live.set_verdict(Verdict::Healthy, 2);
    backend.live.set_mode(Mode::Up);
    backend.live.set_weight(0);
    assert_eq!((again(true).is_some(), again(false).is_some()), (true, false));
}
