//! How far a command reaches: judged from the newest figures before it is sent, and again while a dialog is open.
//!
//! What is harmless and can be undone is done at once. What cuts requests or halves the capacity is asked
//! first. What leaves nobody to serve must be confirmed by typing the backend's name.

use super::state::Choice;
use crate::balance::backend::{BackendId, Mode, Verdict};
use crate::balance::snapshot::{BackendView, PoolView, Snapshot};
use crate::balance::strategy::StrategyKind;
use crate::command::Command;

/// When no more than this part of the serving weight would be left, the operator is asked.
const HALF: f64 = 0.5;

/// What a command would do to the traffic of a pool. Shares are 0..=1.
#[derive(Clone, Debug, PartialEq)]
pub struct Impact {
    /// The backend it is about.
    pub backend: BackendId,
    /// Its requests in flight.
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

/// What to do about a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Ruling {
    /// Send it.
    Go,
    /// Ask, with these answers.
    Ask(Vec<Choice>),
    /// Have the backend's name typed, then send it with force.
    TypeName,
    /// Nothing to do, and why.
    Pointless(String),
}

/// Judges a command, and says what it would do if it is about one backend.
pub fn judge(snapshot: &Snapshot, command: &Command) -> (Ruling, Option<Impact>) {
    let (id, mode) = match command {
        Command::SetMode { backend, mode, .. } => (backend, Some(*mode)),
        Command::SetWeight { backend, .. } => (backend, None),
        Command::SetStrategy { pool, strategy } => {
            let found = snapshot.pools.iter().find(|p| p.name == *pool);
            let same = found.filter(|p| p.strategy == strategy.unwrap_or(p.configured_strategy));
            let pointless = |p: &PoolView| Ruling::Pointless(format!("{pool} uses {} already", p.strategy));
            return (same.map_or(Ruling::Go, pointless), None);
        }
        Command::Undo | Command::Redo | Command::Reload => return (Ruling::Go, None),
    };
    let found = snapshot.pools.iter().find(|p| p.name == id.pool);
    let Some((pool, backend)) = found.and_then(|p| Some((p, p.backends.iter().find(|b| b.id == *id)?))) else {
        return (Ruling::Pointless(format!("there is no backend {id} any more")), None);
    };
    let impact = impact(pool, backend, command);
    let ruling = match mode {
        Some(mode) if backend.mode == mode && (mode != Mode::Down || backend.in_flight == 0) => {
            Ruling::Pointless(format!("{id} is {} already", doing(mode)))
        }
        Some(Mode::Down) if backend.mode == Mode::Down => Ruling::Ask(vec![Choice::Cancel, Choice::Cut]),
        _ if impact.eligible > 0 && impact.eligible_after == 0 => Ruling::TypeName,
        Some(Mode::Down) if backend.in_flight > 0 => Ruling::Ask(vec![Choice::Cancel, Choice::Finish, Choice::Cut]),
        _ if impact.weight_left <= HALF => Ruling::Ask(vec![Choice::Cancel, Choice::Proceed]),
        _ => Ruling::Go,
    };
    (ruling, Some(impact))
}

fn impact(pool: &PoolView, backend: &BackendView, command: &Command) -> Impact {
    let before: Vec<f64> = pool.backends.iter().map(|b| if serves(pool, b) { pull(pool, b, b.weight) } else { 0.0 }).collect();
    let at = pool.backends.iter().position(|b| b.id == backend.id);
    let changed = match command {
        Command::SetMode { mode: Mode::Up, .. } if could_serve(backend) => pull(pool, backend, backend.weight),
        Command::SetWeight { weight, .. } if serves(pool, backend) || backend.mode == Mode::Up && could_serve(backend) => {
            pull(pool, backend, weight.unwrap_or(backend.configured_weight))
        }
        _ => 0.0,
    };
    let mut after = before.clone();
    if let Some(at) = at {
        after[at] = changed;
    }
    let (now, then) = (shares(pool, &before), shares(pool, &after));
    let removed = at.is_some_and(|at| before[at] > 0.0 && after[at] == 0.0);
    let others: Vec<usize> = (0..then.len()).filter(|i| Some(*i) != at && (now[*i] > 0.0 || then[*i] > 0.0)).collect();
    let mean = |shares: &[f64]| others.iter().map(|i| shares[*i]).sum::<f64>() / others.len().max(1) as f64;
    let (mean_now, mean_then) = (mean(&now), mean(&then));
    Impact {
        backend: backend.id.clone(),
        in_flight: backend.in_flight,
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

    fn ruling(pool: PoolView, command: &Command) -> Ruling {
        judge(&fixture::snapshot(vec![pool]), command).0
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
            let impact = judge(&fixture::snapshot(vec![pool(letters)]), command).1.unwrap();
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
}
