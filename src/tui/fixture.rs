//! Snapshots for the tests of this room.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::fleet::{Fleet, Link};
use super::state::State;
use super::update::{Effect, Msg, update};
use crate::balance::backend::{BackendId, Eligibility, Mode, Verdict};
use crate::balance::keel::Keel;
use crate::balance::snapshot::{BackendView, CheckResult, Override, Phase, PoolView, Snapshot, Traffic};
use crate::balance::strategy::StrategyKind;
use crate::balance::totals::Totals;

/// A healthy, idle backend that takes requests.
pub(crate) fn backend(pool: &str, name: &str) -> BackendView {
    BackendView {
        id: BackendId::new(pool, name),
        url: format!("http://{name}.internal:8080"),
        mode: Mode::Up,
        mode_override: None,
        health: Verdict::Healthy,
        checked: true,
        streak: 3,
        last_check_passed: true,
        rise: 2,
        fall: 3,
        checks: Vec::new(),
        eligibility: Eligibility::Eligible,
        ejected_for_ms: None,
        weight: 1,
        configured_weight: 1,
        weight_override: None,
        ramp_percent: 100,
        backup: false,
        max_in_flight: None,
        in_flight: 0,
        oldest_ms: None,
        totals: Totals::default(),
        drain: None,
        rps: 0.0,
        requests_total: 0,
        failures: Vec::new(),
        share: [0.0; 3],
        fair_share: [0.0; 3],
        windows: std::array::from_fn(|_| Traffic::default()),
        histogram: Vec::new(),
        history: Vec::new(),
    }
}

/// A check's result, 5 ms after its begin.
pub(crate) fn check(at_unix_ms: u64, passed: bool, detail: &str) -> CheckResult {
    CheckResult { at_unix_ms, passed, detail: detail.to_owned(), took_us: 5_000, body: None }
}

/// A pool of `n` such backends: `api-1`, `api-2`, ...
pub(crate) fn pool(name: &str, n: usize) -> PoolView {
    PoolView {
        name: name.into(),
        hosts: Vec::new(),
        path_prefix: "/".to_owned(),
        strategy: StrategyKind::LeastConnections,
        configured_strategy: StrategyKind::LeastConnections,
        strategy_override: None,
        in_flight: 0,
        queued: 0,
        rps: 0.0,
        failing_open: false,
        windows: std::array::from_fn(|_| Traffic::default()),
        keel: std::array::from_fn(|_| Keel::default()),
        own_answers: Vec::new(),
        history: Vec::new(),
        backends: (1..=n).map(|i| backend(name, &format!("api-{i}"))).collect(),
    }
}

/// A serving process with these pools.
pub(crate) fn snapshot(pools: Vec<PoolView>) -> Snapshot {
    Snapshot { version: "0.1.0".to_owned(), phase: Phase::Serving, workers: 2, pools, ..Snapshot::default() }
}

/// Sets mode and what follows from it, as the core would.
pub(crate) fn set_mode(backend: &mut BackendView, mode: Mode) {
    backend.mode = mode;
    backend.eligibility = match mode {
        Mode::Up => Eligibility::Eligible,
        Mode::Drain => Eligibility::Draining,
        Mode::Down => Eligibility::Down,
    };
}

/// What somebody has set, for a reason, until it is changed again.
pub(crate) fn set_by(by: &str, reason: Option<&str>) -> Override {
    Override { by: by.to_owned(), at_unix_ms: 0, reason: reason.map(Arc::from), until_unix_ms: None }
}

/// A dashboard that has seen one snapshot of a pool `web` with `n` backends; the first is selected.
pub(crate) fn state(n: usize) -> State {
    let live = Arc::new(snapshot(vec![pool("web", n)]));
    State { selected: Some(BackendId::new("web", "api-1")), live, grace: 30_000, ..State::default() }
}

/// The event of a key written as help writes it: `d`, `Ctrl-c`, `Enter`.
pub(crate) fn key(name: &str) -> KeyEvent {
    let (name, modifiers) = match name.strip_prefix("Ctrl-") {
        Some(name) => (name, KeyModifiers::CONTROL),
        None => (name, KeyModifiers::NONE),
    };
    let code = match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "Backspace" => KeyCode::Backspace,
        "Space" => KeyCode::Char(' '),
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "End" => KeyCode::End,
        name => KeyCode::Char(name.chars().next().unwrap()),
    };
    KeyEvent::new(code, modifiers)
}

/// Presses keys, one second apart, so that dialogs are ready for the next one. The effects of all of them.
pub(crate) fn press(state: &mut State, keys: &str) -> Vec<Effect> {
    keys.split(' ').flat_map(|name| update(state, Msg::Key(key(name)), state.now + 1_000)).collect()
}

/// Shows a changed snapshot, one second later.
pub(crate) fn change(state: &mut State, change: impl FnOnce(&mut Snapshot)) {
    let mut live = (*state.live).clone();
    change(&mut live);
    assert_eq!(update(state, Msg::Snapshot { from: 0, snapshot: live.into() }, state.now + 1_000), []);
}

/// A dashboard attached to that many instances, `10.0.0.1:9900` and so on, each with a pool `web` of `n` backends.
pub(crate) fn attached(instances: usize, n: usize) -> State {
    let names = (1..=instances).map(|at| Arc::from(format!("10.0.0.{at}:9900")));
    let mut state = State { fleet: Fleet::attached(names, 0), ..State::default() };
    for from in 0..instances {
        update(&mut state, Msg::Link { from, link: Link::Open }, 0);
        let snapshot = Arc::new(snapshot(vec![pool("web", n)]));
        update(&mut state, Msg::Snapshot { from, snapshot }, 0);
    }
    state
}

/// Shows a changed snapshot of one instance.
pub(crate) fn change_at(state: &mut State, from: usize, change: impl FnOnce(&mut Snapshot)) {
    let seen = state.fleet.members[from].snapshot.as_deref();
    let mut live = seen.expect("an attached instance has figures").clone();
    change(&mut live);
    assert_eq!(update(state, Msg::Snapshot { from, snapshot: live.into() }, state.now), []);
}

/// Types a text, all at once.
pub(crate) fn type_text(state: &mut State, text: &str) {
    for c in text.chars() {
        let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
        assert_eq!(update(state, Msg::Key(key), state.now), []);
    }
}
