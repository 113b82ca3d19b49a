//! Several instances as one: pools of the same name become one pool, backends of the same name one backend. Pure.
//!
//! What counts requests is added up. Latencies cannot be: of several percentiles the worst is shown, and labelled. Where
//! the instances differ about what an operator wants or the checks say, the most serving mode and the worst health stand
//! for all, and the difference is noted in [`Odds`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::balance::backend::{BackendId, Eligibility, Mode, Verdict};
use crate::balance::keel::{Keel, Load};
use crate::balance::snapshot::{BackendView, HISTORY, Phase, PoolView, Second, Snapshot, Traffic};

/// What the instances do not agree about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Odds {
    /// Backends with several modes: these, each once.
    pub modes: BTreeMap<BackendId, Vec<Mode>>,
    /// Backends that some find healthy and others do not.
    pub health: BTreeSet<BackendId>,
    /// Backends of several weights.
    pub weights: BTreeSet<BackendId>,
    /// Pools with several strategies.
    pub strategies: BTreeSet<Arc<str>>,
}

/// See [`merge`].
#[derive(Clone, Debug, Default)]
pub struct Merged {
    /// All instances as one.
    pub snapshot: Snapshot,
    /// What they do not agree about.
    pub odds: Odds,
}

/// Makes one of several. Pools and backends keep the order of the first instance that has them.
pub fn merge(parts: &[&Snapshot]) -> Merged {
    let mut odds = Odds::default();
    let pools = by_key(parts.iter().flat_map(|part| &part.pools), |pool| pool.name.clone());
    let troubled = parts.iter().find(|part| part.config.as_ref().is_some_and(|config| config.problem.is_some()));
    let snapshot = Snapshot {
        version: distinct(parts.iter().map(|part| part.version.clone())).join(" "),
        at_unix_ms: parts.iter().map(|part| part.at_unix_ms).max().unwrap_or_default(),
        uptime_ms: parts.iter().map(|part| part.uptime_ms).min().unwrap_or_default(),
        phase: most_serving(parts.iter().map(|part| part.phase)),
        drain_left_ms: parts.iter().map(|part| part.drain_left_ms).min().flatten(),
        listen: distinct(parts.iter().flat_map(|part| part.listen.clone())),
        workers: parts.iter().map(|part| part.workers).fold(0, usize::saturating_add),
        connections: parts.iter().map(|part| part.connections).fold(0, u64::saturating_add),
        connections_total: parts.iter().map(|part| part.connections_total).fold(0, u64::saturating_add),
        events_dropped: parts.iter().map(|part| part.events_dropped).fold(0, u64::saturating_add),
        log_lines_lost: parts.iter().map(|part| part.log_lines_lost).fold(0, u64::saturating_add),
        own_answers: add_up(parts.iter().flat_map(|part| &part.own_answers)),
        config: troubled.or(parts.first()).and_then(|part| part.config.clone()),
        pools: pools.iter().map(|(_, pools)| merge_pools(pools, &mut odds)).collect(),
        // What nobody looks at where several are one.
        ..parts.first().map(|first| (*first).clone()).unwrap_or_default()
    };
    Merged { snapshot, odds }
}

fn merge_pools(parts: &[&PoolView], odds: &mut Odds) -> PoolView {
    let groups = by_key(parts.iter().flat_map(|pool| &pool.backends), |backend| backend.id.clone());
    let mut backends: Vec<_> = groups.iter().map(|(_, backends)| merge_backends(backends, odds)).collect();
    let windows: [Traffic; 3] = std::array::from_fn(|at| merge_traffic(parts.iter().map(|pool| &pool.windows[at])));
    let mut keel: [Keel; 3] = Default::default();
    for (at, keel) in keel.iter_mut().enumerate() {
        divide(&mut backends, &groups, parts, at);
        *keel = self::keel(&backends, at);
    }
    if distinct(parts.iter().map(|pool| pool.strategy)).len() > 1 {
        odds.strategies.insert(parts[0].name.clone());
    }
    PoolView {
        strategy_override: parts.iter().find_map(|pool| pool.strategy_override.clone()),
        in_flight: parts.iter().map(|pool| pool.in_flight).fold(0, u32::saturating_add),
        queued: parts.iter().map(|pool| pool.queued).fold(0, u32::saturating_add),
        rps: parts.iter().map(|pool| pool.rps).sum(),
        failing_open: parts.iter().all(|pool| pool.failing_open),
        windows,
        keel,
        own_answers: add_up(parts.iter().flat_map(|pool| &pool.own_answers)),
        history: merge_history(parts.iter().map(|pool| &pool.history[..])),
        backends,
        ..parts[0].clone()
    }
}

/// Shares of the whole: requests count where they were answered, and what a backend is owed weighs as much as the traffic of
/// the instance that owes it.
fn divide(backends: &mut [BackendView], groups: &[(BackendId, Vec<&BackendView>)], pools: &[&PoolView], at: usize) {
    let total = backends.iter().map(|backend| backend.windows[at].requests).fold(0, u64::saturating_add);
    let answered = |pool: &PoolView| pool.backends.iter().map(|b| b.windows[at].requests).fold(0, u64::saturating_add) as f64;
    for (backend, (id, parts)) in backends.iter_mut().zip(groups) {
        if total == 0 {
            let mean = |part: fn(&BackendView, usize) -> f64| parts.iter().map(|b| part(b, at)).sum::<f64>() / parts.len() as f64;
            backend.share[at] = 0.0;
            backend.fair_share[at] = mean(|b, at| b.fair_share[at]);
            continue;
        }
        backend.share[at] = backend.windows[at].requests as f64 / total as f64;
        let owed = pools.iter().filter_map(|pool| {
            let part = pool.backends.iter().find(|part| part.id == *id)?;
            Some(part.fair_share[at] * answered(pool))
        });
        backend.fair_share[at] = owed.sum::<f64>() / total as f64;
    }
}

fn keel(backends: &[BackendView], at: usize) -> Keel {
    let load = |backend: &BackendView| Load {
        backend: backend.id.backend.clone(),
        actual: backend.windows[at].requests,
        expected: backend.fair_share[at],
        eligible: backend.eligibility.is_eligible(),
    };
    Keel::of(&backends.iter().map(load).collect::<Vec<_>>())
}

fn merge_backends(parts: &[&BackendView], odds: &mut Odds) -> BackendView {
    let id = &parts[0].id;
    let mut modes = distinct(parts.iter().map(|part| part.mode));
    modes.sort_by_key(|mode| *mode as u8);
    let mode = modes[0];
    if modes.len() > 1 {
        odds.modes.insert(id.clone(), modes);
    }
    if distinct(parts.iter().map(|part| part.health)).len() > 1 {
        odds.health.insert(id.clone());
    }
    if distinct(parts.iter().map(|part| part.weight)).len() > 1 {
        odds.weights.insert(id.clone());
    }
    let rank = |health: Verdict| match health {
        Verdict::Healthy => 0,
        Verdict::Unknown => 1,
        Verdict::Unhealthy => 2,
    };
    // Whoever has it worst speaks about the checks, whoever has it best about what it takes.
    let sick = parts.iter().rev().max_by_key(|part| (rank(part.health), !part.last_check_passed)).unwrap_or(&parts[0]);
    let best = parts.iter().min_by_key(|part| standing(part.eligibility)).unwrap_or(&parts[0]);
    BackendView {
        mode,
        mode_override: parts.iter().find_map(|part| part.mode_override.clone()),
        eligibility: best.eligibility,
        ejected_for_ms: best.ejected_for_ms,
        weight_override: parts.iter().find_map(|part| part.weight_override.clone()),
        ramp_percent: best.ramp_percent,
        max_in_flight: parts.iter().map(|part| part.max_in_flight).reduce(|a, b| Some(a?.saturating_add(b?))).flatten(),
        in_flight: parts.iter().map(|part| part.in_flight).fold(0, u32::saturating_add),
        oldest_ms: parts.iter().filter_map(|part| part.oldest_ms).max(),
        drain: parts.iter().find_map(|part| part.drain),
        rps: parts.iter().map(|part| part.rps).sum(),
        requests_total: parts.iter().map(|part| part.requests_total).fold(0, u64::saturating_add),
        failures: add_up(parts.iter().flat_map(|part| &part.failures)),
        windows: std::array::from_fn(|at| merge_traffic(parts.iter().map(|part| &part.windows[at]))),
        histogram: add_up(parts.iter().flat_map(|part| &part.histogram)),
        history: merge_history(parts.iter().map(|part| &part.history[..])),
        weight: parts[0].weight,
        configured_weight: parts[0].configured_weight,
        backup: parts[0].backup,
        url: distinct(parts.iter().map(|part| part.url.clone())).join(" "),
        ..(*sick).clone()
    }
}

/// How far a backend is from taking requests.
fn standing(eligibility: Eligibility) -> u8 {
    match eligibility {
        Eligibility::Eligible => 0,
        Eligibility::OnTrial => 1,
        Eligibility::AwaitingFirstCheck => 2,
        Eligibility::Ejected => 3,
        Eligibility::Unhealthy => 4,
        Eligibility::NoWeight => 5,
        Eligibility::Draining => 6,
        Eligibility::Down => 7,
    }
}

fn most_serving(phases: impl Iterator<Item = Phase>) -> Phase {
    let rank = |phase: &Phase| match phase {
        Phase::Starting => 0,
        Phase::Draining => 1,
        Phase::Serving => 2,
    };
    phases.max_by_key(rank).unwrap_or_default()
}

fn merge_traffic<'a>(parts: impl Iterator<Item = &'a Traffic>) -> Traffic {
    let mut sum = Traffic::default();
    for part in parts {
        sum.seconds = sum.seconds.max(part.seconds);
        let sums = [
            (&mut sum.requests, part.requests),
            (&mut sum.errors, part.errors),
            (&mut sum.cancelled, part.cancelled),
            (&mut sum.retries, part.retries),
            (&mut sum.bytes_in, part.bytes_in),
            (&mut sum.bytes_out, part.bytes_out),
        ];
        let classes = sum.classes.iter_mut().zip(part.classes);
        sums.into_iter().chain(classes).for_each(|(sum, n)| *sum = sum.saturating_add(n));
        sum.p50_us = sum.p50_us.max(part.p50_us);
        sum.p90_us = sum.p90_us.max(part.p90_us);
        sum.p99_us = sum.p99_us.max(part.p99_us);
    }
    sum
}

/// Seconds that end now, added up from their end.
fn merge_history<'a>(parts: impl Iterator<Item = &'a [Second]>) -> Vec<Second> {
    let mut sums: Vec<Second> = Vec::new();
    for part in parts {
        let seconds = part.iter().rev().take(HISTORY);
        sums.resize(sums.len().max(seconds.len()), Second::default());
        for (sum, second) in sums.iter_mut().zip(seconds) {
            sum.requests = sum.requests.saturating_add(second.requests);
            sum.errors = sum.errors.saturating_add(second.errors);
            sum.p50_us = sum.p50_us.max(second.p50_us);
            sum.p99_us = sum.p99_us.max(second.p99_us);
        }
    }
    sums.reverse();
    sums
}

/// Counts by what they count, added up.
fn add_up<'a, K: Clone + Ord + 'a>(counts: impl Iterator<Item = &'a (K, u64)>) -> Vec<(K, u64)> {
    let mut sums = BTreeMap::new();
    for (what, n) in counts {
        let sum: &mut u64 = sums.entry(what.clone()).or_default();
        *sum = sum.saturating_add(*n);
    }
    sums.into_iter().collect()
}

/// Items of the same key together, in the order in which the keys come.
fn by_key<'a, T, K: Eq>(items: impl Iterator<Item = &'a T>, key: impl Fn(&T) -> K) -> Vec<(K, Vec<&'a T>)> {
    let mut groups: Vec<(K, Vec<&T>)> = Vec::new();
    for item in items {
        let key = key(item);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(item),
            None => groups.push((key, vec![item])),
        }
    }
    groups
}

fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    fn traffic(requests: u64, p99_us: u64) -> Traffic {
        Traffic { requests, classes: [0, requests, 0, 0, 0], p99_us: Some(p99_us), ..Traffic::default() }
    }

    /// An instance whose two backends have answered so many requests.
    fn instance(requests: [u64; 2], p99_us: u64) -> Snapshot {
        let mut pool = fixture::pool("web", 2);
        for (backend, requests) in pool.backends.iter_mut().zip(requests) {
            backend.windows[0] = traffic(requests, p99_us);
            backend.fair_share[0] = 0.5;
            backend.in_flight = 3;
            backend.histogram = vec![(100, requests), (900, 1)];
        }
        (pool.in_flight, pool.rps, pool.windows[0]) = (6, 10.0, traffic(requests.iter().sum(), p99_us));
        pool.history = vec![Second { requests: 5, errors: 0, p50_us: 1, p99_us: p99_us as u32 }; 2];
        fixture::snapshot(vec![pool])
    }

    #[test]
    fn counts_are_added_and_of_percentiles_the_worst_is_kept() {
        let (a, mut b) = (instance([100, 100], 5_000), instance([300, 100], 90_000));
        b.pools[0].history.push(Second { requests: 7, errors: 1, p50_us: 2, p99_us: 3 });
        let Merged { snapshot, odds } = merge(&[&a, &b]);
        let pool = &snapshot.pools[0];
        assert_eq!((pool.in_flight, pool.rps, pool.windows[0].requests), (12, 20.0, 600));
        assert_eq!((pool.windows[0].classes[1], pool.windows[0].p99_us), (600, Some(90_000)));
        let first = &pool.backends[0];
        assert_eq!((first.in_flight, first.windows[0].requests, &first.histogram[..]), (6, 400, &[(100, 400), (900, 2)][..]));
        assert!((first.share[0] - 400.0 / 600.0).abs() < 1e-9 && (first.fair_share[0] - 0.5).abs() < 1e-9);
        assert_eq!((pool.keel[0].backend.as_deref(), pool.keel[0].even), (Some("api-2"), false));
        assert_eq!(pool.history.iter().map(|s| s.requests).collect::<Vec<_>>(), [5, 10, 12], "they end at the same second");
        assert_eq!((odds, snapshot.workers), (Odds::default(), 4));
    }

    #[test]
    fn pools_and_backends_that_only_some_have_are_shown() {
        let mut a = fixture::snapshot(vec![fixture::pool("web", 2)]);
        a.own_answers = vec![("malformed request".to_owned(), 2)];
        let mut b = fixture::snapshot(vec![fixture::pool("static", 1), fixture::pool("web", 3)]);
        b.own_answers = vec![("malformed request".to_owned(), 3)];
        let merged = merge(&[&a, &b]).snapshot;
        let names: Vec<_> = merged.pools.iter().map(|pool| (&*pool.name, pool.backends.len())).collect();
        assert_eq!(names, [("web", 3), ("static", 1)]);
        assert_eq!(merged.own_answers, [("malformed request".to_owned(), 5)]);
    }

    #[test]
    fn what_a_backend_is_owed_goes_by_who_owes_it() {
        let (a, mut b) = (instance([90, 10], 1), instance([0, 0], 1));
        b.pools[0].backends.remove(0);
        let pool = merge(&[&a, &b]).snapshot.pools.remove(0);
        assert!((pool.backends[1].fair_share[0] - 0.5).abs() < 1e-9, "the other instance has no traffic to share");
    }

    #[test]
    fn differences_are_noted() {
        let (a, mut b) = (fixture::snapshot(vec![fixture::pool("web", 3)]), fixture::snapshot(vec![fixture::pool("web", 3)]));
        let pool = &mut b.pools[0];
        pool.strategy = crate::balance::strategy::StrategyKind::Random;
        fixture::set_mode(&mut pool.backends[0], Mode::Drain);
        (pool.backends[1].health, pool.backends[1].eligibility) = (Verdict::Unhealthy, Eligibility::Unhealthy);
        (pool.backends[1].streak, pool.backends[1].last_check_passed) = (14, false);
        pool.backends[2].weight = 7;
        let Merged { snapshot, odds } = merge(&[&a, &b]);
        let id = |n: usize| BackendId::new("web", &format!("api-{n}"));
        assert_eq!(odds.modes, [(id(1), vec![Mode::Up, Mode::Drain])].into());
        assert_eq!((odds.health, odds.weights), ([id(2)].into(), [id(3)].into()));
        assert_eq!(odds.strategies, [Arc::from("web")].into());
        let backends = &snapshot.pools[0].backends;
        assert_eq!((backends[0].mode, backends[0].eligibility), (Mode::Up, Eligibility::Eligible));
        assert_eq!((backends[1].health, backends[1].streak), (Verdict::Unhealthy, 14));
        assert_eq!(snapshot.pools[0].eligible(), 3, "somebody sends requests to each");
    }

    #[test]
    fn one_that_drains_does_not_stop_the_others() {
        let serving = fixture::snapshot(Vec::new());
        let mut draining = serving.clone();
        (draining.phase, draining.drain_left_ms) = (Phase::Draining, Some(9_000));
        let merged = merge(&[&serving, &draining]).snapshot;
        assert_eq!((merged.phase, merged.drain_left_ms), (Phase::Serving, None));
        assert_eq!(merge(&[&draining, &draining]).snapshot.drain_left_ms, Some(9_000));
        assert_eq!(merge(&[]).snapshot.pools.len(), 0);
    }
}
