//! How far a command reaches: judged from the newest figures before it is sent, and again while a dialog is open.
//!
//! What is harmless and can be undone is done at once. What cuts requests or halves the capacity is asked
//! first. What leaves nobody to serve must be confirmed by typing the backend's name.

use std::sync::Arc;

use super::expect;
use super::state::Choice;
use crate::balance::backend::{BackendId, Mode, Verdict};
use crate::balance::snapshot::{BackendView, PoolView, Snapshot};
use crate::balance::strategy::StrategyKind;
use crate::command::Command;

/// When no more than this part of the serving weight would be left, the operator is asked.
const HALF: f64 = 0.5;

/// What commands would do to the traffic of a pool. Shares are 0..=1.
#[derive(Clone, Debug, PartialEq)]
pub struct Impact {
    /// The backends that they are about.
    pub backends: Vec<BackendId>,
    /// How many instances they reach.
    pub instances: usize,
    /// Requests in flight at these backends.
    pub in_flight: u32,
    /// Backends that may take requests now.
    pub eligible: usize,
    /// Backends that may take requests afterwards.
    pub eligible_after: usize,
    /// The part of the serving weight that is left afterwards; 1 if nothing is taken away.
    pub weight_left: f64,
    /// The mean share of the others now and afterwards, if there are others and it changes.
    pub others: Option<(f64, f64)>,
}

impl Impact {
    /// What it is about, in words: `web/api-1`, `web/api-1 and 2 more`.
    pub fn subject(&self) -> String {
        match &self.backends[..] {
            [] => String::new(),
            [only] => only.to_string(),
            [first, others @ ..] => format!("{first} and {} more", others.len()),
        }
    }

    /// What is typed to confirm the worst: the backend's name or, of several, the pool's.
    pub fn name(&self) -> &str {
        match &self.backends[..] {
            [] => "",
            [only] => &only.backend,
            [first, ..] => &first.pool,
        }
    }
}

/// What to do about a wish.
#[derive(Clone, Debug, PartialEq)]
pub enum Ruling {
    /// Nothing to do, and why.
    Pointless(String),
    /// Send it.
    Go,
    /// Ask, with these answers.
    Ask(Vec<Choice>),
    /// Have the backend's name typed, then send it with force.
    TypeName,
}

impl Ruling {
    fn gravity(&self) -> usize {
        match self {
            Self::Pointless(_) => 0,
            Self::Go => 1,
            Self::Ask(choices) => 1 + choices.len(),
            Self::TypeName => usize::MAX,
        }
    }
}

/// Judges commands that are to be given together to every one of these instances, and says what they would do if they are
/// about backends: the worst of any instance, and the requests in flight of all.
pub fn judge(worlds: &[(usize, Arc<Snapshot>)], commands: &[Command]) -> (Ruling, Option<Impact>) {
    let mut judged: Vec<_> = worlds.iter().map(|(_, world)| judge_one(world, commands)).collect();
    let reached: Vec<_> = judged.iter().filter(|(ruling, _)| ruling.gravity() > 0).collect();
    let instances = reached.len();
    let in_flight = reached.iter().filter_map(|(_, impact)| Some(impact.as_ref()?.in_flight)).fold(0, u32::saturating_add);
    // The first of the gravest.
    let worst = judged.iter().enumerate().rev().max_by_key(|(_, (ruling, _))| ruling.gravity()).map(|(at, _)| at);
    let Some(worst) = worst else { return (Ruling::Pointless("no instance can be reached".to_owned()), None) };
    let (ruling, impact) = judged.swap_remove(worst);
    (ruling, impact.map(|impact| Impact { instances, in_flight, ..impact }))
}

/// What there is to send: which command to which instance.
pub fn reach(worlds: &[(usize, Arc<Snapshot>)], commands: &[Command]) -> Vec<(usize, Command)> {
    let useful = |(at, world): &(usize, Arc<Snapshot>)| {
        let commands: Vec<_> = commands.iter().filter(|command| pointless(world, command).is_none()).cloned().collect();
        commands.into_iter().map(|command| (*at, command)).collect::<Vec<_>>()
    };
    worlds.iter().flat_map(useful).collect()
}

fn judge_one(snapshot: &Snapshot, commands: &[Command]) -> (Ruling, Option<Impact>) {
    let mut idle = None;
    let mut useful = commands.to_vec();
    useful.retain(|command| {
        let why = pointless(snapshot, command);
        let keep = why.is_none();
        idle = idle.take().or(why);
        keep
    });
    if useful.is_empty() {
        return (Ruling::Pointless(idle.unwrap_or_default()), None);
    }
    let ids: Vec<&BackendId> = useful.iter().filter_map(subject).collect();
    let pool = ids.first().and_then(|id| snapshot.pools.iter().find(|pool| pool.name == id.pool));
    let Some(pool) = pool else { return (Ruling::Go, None) };
    let impact = impact(pool, &useful);
    let downs = || useful.iter().filter(|command| matches!(command, Command::SetMode { mode: Mode::Down, .. }));
    let busy = downs().filter_map(subject).filter_map(|id| snapshot.backend(id)).any(|backend| backend.in_flight > 0);
    let all_down = downs().filter_map(subject).all(|id| snapshot.backend(id).is_some_and(|b| b.mode == Mode::Down));
    let ruling = match impact.eligible_after {
        _ if busy && all_down && downs().count() == useful.len() => Ruling::Ask(vec![Choice::Cancel, Choice::Cut]),
        0 if impact.eligible > 0 => Ruling::TypeName,
        _ if busy => Ruling::Ask(vec![Choice::Cancel, Choice::Finish, Choice::Cut]),
        _ if impact.weight_left <= HALF => Ruling::Ask(vec![Choice::Cancel, Choice::Proceed]),
        _ => Ruling::Go,
    };
    (ruling, Some(impact))
}

/// The backend that a command is about.
pub(super) fn subject(command: &Command) -> Option<&BackendId> {
    match command {
        Command::SetMode { backend, .. } | Command::SetWeight { backend, .. } => Some(backend),
        Command::SetStrategy { .. } | Command::Undo | Command::Redo | Command::Reload => None,
    }
}

/// Why a command would change nothing, if so.
fn pointless(snapshot: &Snapshot, command: &Command) -> Option<String> {
    if let Some(id) = subject(command) {
        let Some(backend) = snapshot.backend(id) else { return Some(format!("there is no backend {id} any more")) };
        return match command {
            Command::SetMode { mode: Mode::Drain, then_down: Some(_), .. } => {
                let idle = backend.mode == Mode::Down || backend.drain.is_some_and(|drain| drain.then_down);
                idle.then(|| format!("{id} goes down already"))
            }
            Command::SetMode { mode, .. } => {
                let idle = backend.mode == *mode && (*mode != Mode::Down || backend.in_flight == 0);
                idle.then(|| format!("{id} is {} already", doing(*mode)))
            }
            Command::SetWeight { weight, .. } => {
                let weight = weight.unwrap_or(backend.configured_weight);
                (backend.weight == weight).then(|| format!("{id} has weight {weight} already"))
            }
            _ => None,
        };
    }
    let Command::SetStrategy { pool: name, strategy } = command else { return None };
    let Some(pool) = snapshot.pools.iter().find(|pool| pool.name == *name) else {
        return Some(format!("there is no pool {name} any more"));
    };
    (pool.strategy == strategy.unwrap_or(pool.configured_strategy)).then(|| format!("{name} uses {} already", pool.strategy))
}

fn impact(pool: &PoolView, commands: &[Command]) -> Impact {
    let mut after = [pool.clone()];
    for command in commands {
        expect::apply(&mut after, command);
    }
    let pulls = |pool: &PoolView| -> Vec<f64> {
        pool.backends.iter().map(|b| if serves(pool, b) { pull(pool, b, b.weight) } else { 0.0 }).collect()
    };
    let (before, after) = (pulls(pool), pulls(&after[0]));
    let (now, then) = (shares(pool, &before), shares(pool, &after));
    let is_touched = |i: usize| commands.iter().filter_map(subject).any(|id| *id == pool.backends[i].id);
    let touched: Vec<usize> = (0..before.len()).filter(|i| is_touched(*i)).collect();
    let removed = touched.iter().any(|at| before[*at] > 0.0 && after[*at] == 0.0);
    let others: Vec<usize> = (0..then.len()).filter(|i| !is_touched(*i) && (now[*i] > 0.0 || then[*i] > 0.0)).collect();
    let mean = |shares: &[f64]| others.iter().map(|i| shares[*i]).sum::<f64>() / others.len().max(1) as f64;
    let (mean_now, mean_then) = (mean(&now), mean(&then));
    Impact {
        backends: touched.iter().map(|at| pool.backends[*at].id.clone()).collect(),
        instances: 1,
        in_flight: touched.iter().map(|at| pool.backends[*at].in_flight).fold(0, u32::saturating_add),
        eligible: before.iter().filter(|w| **w > 0.0).count(),
        eligible_after: after.iter().filter(|w| **w > 0.0).count(),
        weight_left: if removed { (serving(pool, &after) / serving(pool, &before)).min(1.0) } else { 1.0 },
        others: (!others.is_empty() && (mean_now - mean_then).abs() >= 0.005).then_some((mean_now, mean_then)),
    }
}

/// The mode as what a backend is or does.
pub(super) fn doing(mode: Mode) -> &'static str {
    match mode {
        Mode::Up => "up",
        Mode::Drain => "draining",
        Mode::Down => "down",
    }
}

/// Whether requests may go there now.
fn serves(pool: &PoolView, backend: &BackendView) -> bool {
    backend.eligibility.is_eligible() || pool.failing_open && backend.mode == Mode::Up && backend.weight > 0
}

/// Whether nothing but mode and weight stands in its way.
pub(super) fn could_serve(backend: &BackendView) -> bool {
    backend.health != Verdict::Unhealthy && backend.ejected_for_ms.is_none()
}

/// What counts when the pool's strategy divides the traffic.
fn pull(pool: &PoolView, backend: &BackendView, weight: u32) -> f64 {
    match (weight, pool.strategy) {
        (0, _) => 0.0,
        (_, StrategyKind::RoundRobin) => 1.0,
        _ => f64::from(weight) * f64::from(backend.ramp_percent.max(1)) / 100.0,
    }
}

/// Backups count only when nobody else does.
fn counts(pool: &PoolView, pulls: &[f64], i: usize) -> bool {
    let primary = |i: usize| pulls[i] > 0.0 && !pool.backends[i].backup;
    pulls[i] > 0.0 && (primary(i) || !(0..pulls.len()).any(primary))
}

fn serving(pool: &PoolView, pulls: &[f64]) -> f64 {
    (0..pulls.len()).filter(|i| counts(pool, pulls, *i)).map(|i| pulls[i]).sum()
}

fn shares(pool: &PoolView, pulls: &[f64]) -> Vec<f64> {
    let total = serving(pool, pulls);
    (0..pulls.len()).map(|i| if counts(pool, pulls, i) { pulls[i] / total } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::Eligibility;
    use crate::tui::fixture;

    const ASK: fn() -> Ruling = || Ruling::Ask(vec![Choice::Cancel, Choice::Proceed]);

    fn mode(name: &str, mode: Mode) -> Command {
        Command::SetMode { backend: BackendId::new("web", name), mode, cut: false, then_down: None }
    }

    fn weight(name: &str, weight: u32) -> Command {
        Command::SetWeight { backend: BackendId::new("web", name), weight: Some(weight) }
    }

    fn world(pool: PoolView) -> (usize, Arc<Snapshot>) {
        (0, Arc::new(fixture::snapshot(vec![pool])))
    }

    fn ruling(pool: PoolView, command: &Command) -> Ruling {
        judge(&[world(pool)], std::slice::from_ref(command)).0
    }

    /// A pool from one letter per backend: `u`p, `d`raining, `x` down, `!` unhealthy, `b`ackup; a capital is busy.
    fn pool(letters: &str) -> PoolView {
        let mut pool = fixture::pool("web", letters.len());
        for (backend, letter) in pool.backends.iter_mut().zip(letters.chars()) {
            backend.in_flight = if letter.is_uppercase() { 7 } else { 0 };
            match letter.to_ascii_lowercase() {
                'd' => fixture::set_mode(backend, Mode::Drain),
                'x' => fixture::set_mode(backend, Mode::Down),
                'b' => backend.backup = true,
                '!' => (backend.health, backend.eligibility) = (Verdict::Unhealthy, Eligibility::Unhealthy),
                _ => {}
            }
        }
        pool
    }

    #[test]
    fn modes_are_judged_by_what_is_left() {
        let (ask, finish_or_cut) = (ASK(), Ruling::Ask(vec![Choice::Cancel, Choice::Finish, Choice::Cut]));
        let cases = [
            ("uuuuu", Mode::Drain, Ruling::Go),
            ("Uuuuu", Mode::Drain, Ruling::Go),
            ("uuu", Mode::Drain, Ruling::Go),
            ("uu", Mode::Drain, ask.clone()),
            ("u!u", Mode::Drain, ask.clone()),
            ("u!dx", Mode::Drain, Ruling::TypeName),
            ("u", Mode::Drain, Ruling::TypeName),
            ("U", Mode::Down, Ruling::TypeName),
            ("ub", Mode::Drain, Ruling::Go),
            ("bu", Mode::Drain, Ruling::Go),
            ("!u", Mode::Drain, Ruling::Go),
            ("uuuuu", Mode::Down, Ruling::Go),
            ("Uuuuu", Mode::Down, finish_or_cut.clone()),
            ("Du", Mode::Down, finish_or_cut),
            ("Xu", Mode::Down, Ruling::Ask(vec![Choice::Cancel, Choice::Cut])),
            ("xu", Mode::Down, Ruling::Pointless("web/api-1 is down already".to_owned())),
            ("du", Mode::Drain, Ruling::Pointless("web/api-1 is draining already".to_owned())),
            ("du", Mode::Up, Ruling::Go),
            ("uu", Mode::Up, Ruling::Pointless("web/api-1 is up already".to_owned())),
        ];
        for (letters, to, want) in cases {
            assert_eq!(ruling(pool(letters), &mode("api-1", to)), want, "{letters} {to}");
        }
        let mut heavy = pool("uuu");
        heavy.backends[0].weight = 5;
        assert_eq!(ruling(heavy.clone(), &mode("api-1", Mode::Drain)), ask, "2 of 7 would be left");
        heavy.strategy = StrategyKind::RoundRobin;
        assert_eq!(ruling(heavy, &mode("api-1", Mode::Drain)), Ruling::Go, "equal turns do not mind the weight");
    }

    #[test]
    fn a_weight_matters_only_when_it_takes_the_backend_out() {
        let mut two = pool("uu");
        two.backends[0].weight = 9;
        assert_eq!(ruling(two.clone(), &weight("api-1", 1)), Ruling::Go);
        assert_eq!(ruling(two, &weight("api-1", 0)), ASK());
        assert_eq!(ruling(pool("ud"), &weight("api-1", 0)), Ruling::TypeName);
        assert_eq!(ruling(pool("du"), &weight("api-1", 0)), Ruling::Go);
    }

    #[test]
    fn failing_open_the_last_one_tried_is_guarded_too() {
        let mut open = pool("!!");
        open.failing_open = true;
        assert_eq!(ruling(open.clone(), &mode("api-1", Mode::Drain)), ASK());
        fixture::set_mode(&mut open.backends[1], Mode::Down);
        assert_eq!(ruling(open, &mode("api-1", Mode::Drain)), Ruling::TypeName);
    }

    #[test]
    fn shares_of_the_others_are_told() {
        let told = |letters: &str, command: &Command| {
            let impact = judge(&[world(pool(letters))], std::slice::from_ref(command)).1.unwrap();
            impact.others.map(|(now, then)| ((now * 100.0).round() as u32, (then * 100.0).round() as u32))
        };
        assert_eq!(told("uuuuu", &mode("api-5", Mode::Drain)), Some((20, 25)));
        assert_eq!(told("duuuu", &mode("api-1", Mode::Up)), Some((25, 20)));
        assert_eq!(told("uu", &weight("api-1", 3)), Some((50, 25)));
        assert_eq!(told("uub", &mode("api-1", Mode::Down)), Some((50, 100)));
        assert_eq!(told("ub", &mode("api-1", Mode::Down)), Some((0, 100)), "the backup takes over");
        assert_eq!(told("u", &mode("api-1", Mode::Down)), None);
        assert_eq!(told("!uu", &mode("api-1", Mode::Drain)), None);
    }

    #[test]
    fn what_is_gone_or_so_already_is_pointless() {
        assert!(matches!(ruling(pool("u"), &mode("api-9", Mode::Drain)), Ruling::Pointless(_)));
        let same = Command::SetStrategy { pool: "web".into(), strategy: Some(StrategyKind::LeastConnections) };
        assert!(matches!(ruling(pool("u"), &same), Ruling::Pointless(_)));
        let other = Command::SetStrategy { pool: "web".into(), strategy: Some(StrategyKind::Random) };
        assert_eq!(ruling(pool("u"), &other), Ruling::Go);
    }

    #[test]
    fn several_backends_are_judged_by_what_is_left_of_all() {
        let drains = |names: &[&str]| names.iter().map(|name| mode(name, Mode::Drain)).collect::<Vec<_>>();
        let cases: [(&str, &[&str], Ruling); 5] = [
            ("uuuuu", &["api-1", "api-2"], Ruling::Go),
            ("uuuuu", &["api-1", "api-2", "api-3"], ASK()),
            ("uuu", &["api-1", "api-2", "api-3"], Ruling::TypeName),
            ("ddu", &["api-1", "api-2"], Ruling::Pointless("web/api-1 is draining already".to_owned())),
            ("duuuu", &["api-1", "api-2"], Ruling::Go),
        ];
        for (letters, names, want) in cases {
            assert_eq!(judge(&[world(pool(letters))], &drains(names)).0, want, "{letters} {names:?}");
        }
        let impact = judge(&[world(pool("UUuuu"))], &drains(&["api-1", "api-2"])).1.unwrap();
        assert_eq!((impact.in_flight, impact.subject().as_str(), impact.name()), (14, "web/api-1 and 1 more", "web"));
    }

    #[test]
    fn the_worst_instance_decides_and_only_those_are_reached_where_something_changes() {
        let worlds = |letters: [&str; 3]| (0..).zip(letters).map(|(at, l)| (at, world(pool(l)).1)).collect::<Vec<_>>();
        let drain = [mode("api-1", Mode::Drain)];
        assert_eq!(judge(&worlds(["uuu", "uu", "uuu"]), &drain).0, ASK());
        assert_eq!(judge(&worlds(["uuu", "Uxx", "uu"]), &drain).0, Ruling::TypeName);
        let (ruling, impact) = judge(&worlds(["Uuu", "duu", "Uuu"]), &drain);
        assert_eq!((ruling, impact.map(|i| (i.instances, i.in_flight))), (Ruling::Go, Some((2, 14))));
        assert_eq!(reach(&worlds(["uuu", "duu", "uuu"]), &drain).iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 2]);
        assert!(matches!(judge(&worlds(["d", "d", "d"]), &drain).0, Ruling::Pointless(_)));
        assert!(matches!(judge(&[], &drain).0, Ruling::Pointless(_)));
    }
}
