//! What the keys of the table do.

use super::ask::{self, ask};
use super::browse;
use super::copy;
use super::keymap::{Action, Step};
use super::overrides;
use super::palette::Palette;
use super::reload;
use super::state::{Filter, Frozen, Overlay, State};
use super::update::{Effect, Exit};
use crate::balance::backend::{BackendId, Mode};
use crate::balance::snapshot::WINDOWS;
use crate::command::{Command, MAX_WEIGHT, ThenDown};
use crate::event::Severity;

/// Does what an enabled key stands for.
pub(super) fn act(state: &mut State, action: Action) -> Vec<Effect> {
    if changes_something(action) && state.frozen.take().is_some() {
        state.say(Severity::Info, "the display is live again; look, then press the key once more");
        return Vec::new();
    }
    match action {
        Action::Move(step) => browse::go(state, step),
        Action::Pool(by) => browse::switch_pool(state, by),
        Action::Mark => mark(state),
        Action::SetMode(mode) => return set_mode(state, mode, None),
        Action::DrainThenDown => return set_mode(state, Mode::Drain, Some(ThenDown::default())),
        Action::Weight(by) => return change_weight(state, by),
        Action::ConfiguredWeight => return configured_weight(state),
        Action::AsConfigured => return overrides::drop_them(state),
        Action::PickStrategy => {
            if let Some(pool) = state.pool() {
                state.overlay = Overlay::Picker { pool: pool.name.clone(), strategy: pool.strategy };
            }
        }
        Action::Filter => filter(state),
        Action::Sort => state.sort.column = state.sort.column.next(),
        Action::ReverseSort => state.sort.reverse = !state.sort.reverse,
        Action::ProblemsFirst => state.sort.problems_first = !state.sort.problems_first,
        Action::Freeze => freeze(state),
        Action::Undo => return ask(state, Command::Undo),
        Action::Redo => return ask(state, Command::Redo),
        Action::Open => return open(state),
        Action::Why => {
            if let Some(backend) = state.subject().map(|backend| backend.id.clone()) {
                state.overlay = Overlay::Why { backend, scroll: 0 };
            }
        }
        Action::Overrides => state.overlay = Overlay::Overrides { at: 0 },
        Action::Log => state.overlay = Overlay::Log { at: None, filter: Filter::default() },
        Action::Palette => state.overlay = Overlay::Palette(Palette::default()),
        Action::Reload => return reload::look(state),
        Action::Copy => return copy::copy(state),
        Action::Instance => browse::next_instance(state),
        Action::Panel(by) => browse::next_panel(state, by),
        Action::ShowPanel(panel) => browse::focus(state, panel),
        Action::Window(by) => state.window = browse::shift(state.window, by, WINDOWS.len()),
        Action::Help => {
            let open = matches!(state.overlay, Overlay::Help { .. });
            state.overlay = if open { Overlay::None } else { Overlay::Help { scroll: 0 } };
        }
        Action::Quit => return quit(state),
        Action::Leave => leave(state),
        Action::Interrupt if state.fleet.is_attached() => return vec![Effect::Leave(Exit::Quit)],
        Action::Interrupt if state.drain_until.is_some() => return vec![Effect::Cut],
        Action::Interrupt => return ask::drain(state, "Ctrl-C"),
        Action::Suspend => {
            let text = if state.fleet.is_attached() {
                "Ctrl-Z is refused; q leaves, and what runs goes on".to_owned()
            } else {
                format!("Ctrl-Z would freeze the proxy: {} in flight", state.in_flight())
            };
            state.say(Severity::Warning, text);
        }
        Action::Repaint => return vec![Effect::Repaint],
    }
    Vec::new()
}

/// Nobody shall act on stale numbers.
fn changes_something(action: Action) -> bool {
    matches!(
        action,
        Action::SetMode(_)
            | Action::DrainThenDown
            | Action::Weight(_)
            | Action::ConfiguredWeight
            | Action::AsConfigured
            | Action::PickStrategy
            | Action::Undo
            | Action::Redo
            | Action::Reload
    )
}

/// The backends that a key means: the one that what lies on top is about, or the marked or selected ones.
pub(super) fn meant(state: &State) -> Vec<BackendId> {
    match &state.overlay {
        Overlay::Details { backend, .. } | Overlay::Why { backend, .. } => vec![backend.clone()],
        _ => state.targets(),
    }
}

fn set_mode(state: &mut State, mode: Mode, then_down: Option<ThenDown>) -> Vec<Effect> {
    let set = |backend| Command::SetMode { backend, mode, cut: false, then_down };
    ask(state, meant(state).into_iter().map(set).collect::<Vec<_>>())
}

/// Marks the selected backend or takes its mark away, and goes on to the next.
fn mark(state: &mut State) {
    let Some(id) = state.target().map(|backend| backend.id.clone()) else { return };
    if !state.marked.remove(&id) {
        state.marked.insert(id);
    }
    browse::go(state, Step::Lines(1));
}

/// The present and the configured weight of a backend once what is on its way has arrived.
fn coming_weight(state: &State, id: &BackendId) -> Option<(u32, u32)> {
    let backend = state.live.backend(id)?;
    let sent = state.pending.iter().rev().find_map(|pending| match &pending.command {
        Command::SetWeight { backend: sent, weight } if sent == id => Some(weight.unwrap_or(backend.configured_weight)),
        _ => None,
    });
    Some((sent.unwrap_or(backend.weight), backend.configured_weight))
}

fn change_weight(state: &mut State, by: i32) -> Vec<Effect> {
    let mut commands = Vec::new();
    let mut limit = None;
    for backend in meant(state) {
        let Some((weight, _)) = coming_weight(state, &backend) else { continue };
        match weight.saturating_add_signed(by).min(MAX_WEIGHT) {
            to if to == weight => limit = Some(weight),
            to => commands.push(Command::SetWeight { backend, weight: Some(to) }),
        }
    }
    match (&commands[..], limit) {
        ([], Some(weight)) => state.say(Severity::Info, format!("the weight is {weight}; 0 to {MAX_WEIGHT} is allowed")),
        ([], None) => {}
        _ => return ask(state, commands),
    }
    Vec::new()
}

fn configured_weight(state: &mut State) -> Vec<Effect> {
    let mut backends = meant(state);
    backends.retain(|id| coming_weight(state, id).is_some_and(|(weight, configured)| weight != configured));
    if backends.is_empty() {
        state.say(Severity::Info, "the weight is the configured one already");
        return Vec::new();
    }
    ask(state, backends.into_iter().map(|backend| Command::SetWeight { backend, weight: None }).collect::<Vec<_>>())
}

fn filter(state: &mut State) {
    match &mut state.overlay {
        Overlay::Log { filter, .. } => filter.editing = true,
        _ => state.filter.editing = true,
    }
}

fn freeze(state: &mut State) {
    state.frozen = match state.frozen.take() {
        Some(_) => None,
        None => Some(Frozen { snapshot: state.live.clone(), since: state.now, seq: state.events.newest() }),
    };
}

fn open(state: &mut State) -> Vec<Effect> {
    if matches!(state.overlay, Overlay::Reload(_)) {
        return reload::apply(state);
    }
    match std::mem::take(&mut state.overlay) {
        Overlay::Picker { pool, strategy } => return ask(state, Command::SetStrategy { pool, strategy: Some(strategy) }),
        Overlay::Overrides { at } => overrides::go_to(state, at),
        Overlay::Log { at, filter } => {
            state.overlay = Overlay::Log { at, filter: Filter { editing: false, ..filter } };
        }
        _ => open_details(state),
    }
    Vec::new()
}

fn open_details(state: &mut State) {
    if state.filter.editing {
        state.filter.editing = false;
    } else if let Some(backend) = state.target().map(|backend| backend.id.clone()) {
        state.overlay = Overlay::Details { backend, scroll: 0 };
    }
}

fn quit(state: &mut State) -> Vec<Effect> {
    if state.overlay != Overlay::None {
        state.overlay = Overlay::None;
    } else if state.fleet.is_attached() {
        return vec![Effect::Leave(Exit::Quit)];
    } else if state.drain_until.is_none() && state.in_flight() == 0 && state.rps() == 0.0 {
        return vec![Effect::Drain("quit"), Effect::Leave(Exit::Quit)];
    } else {
        ask::ask_to_quit(state);
    }
    Vec::new()
}

fn leave(state: &mut State) {
    match &mut state.overlay {
        Overlay::None => {}
        Overlay::Log { filter, .. } if *filter != Filter::default() => return *filter = Filter::default(),
        _ => return state.overlay = Overlay::None,
    }
    if state.filter.editing || !state.filter.text.is_empty() {
        state.filter = Filter::default();
    } else if !state.marked.is_empty() {
        state.marked.clear();
    } else {
        state.events_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture::{self, change, press};
    use crate::tui::update::{Msg, update};

    #[test]
    fn a_frozen_display_stands_still_until_something_is_to_be_changed() {
        let mut state = fixture::state(5);
        press(&mut state, "p");
        change(&mut state, |live| live.pools[0].backends[0].in_flight = 9);
        assert_eq!(state.shown().pools[0].backends[0].in_flight, 0);
        assert_eq!(state.in_flight(), 0, "the pool's own figure was not changed");
        press(&mut state, "d");
        assert_eq!(state.frozen.as_ref().map(|_| ()), None);
        assert_eq!(state.shown().pools[0].backends[0].in_flight, 9);
    }

    #[test]
    fn esc_leaves_one_thing_at_a_time_and_never_the_program() {
        let mut state = fixture::state(5);
        press(&mut state, "/ a Enter ?");
        assert!(matches!(state.overlay, Overlay::Help { .. }));
        press(&mut state, "Esc");
        assert_eq!((&state.overlay, state.filter.text.as_str()), (&Overlay::None, "a"));
        press(&mut state, "Esc");
        assert_eq!(state.filter, Filter::default());
        assert_eq!(press(&mut state, "Esc Esc"), []);
    }

    #[test]
    fn quitting_asks_while_traffic_flows() {
        let busy = || {
            let mut state = fixture::state(2);
            change(&mut state, |live| live.pools[0].rps = 0.2);
            state
        };
        assert_eq!(press(&mut fixture::state(2), "q"), [Effect::Drain("quit"), Effect::Leave(Exit::Quit)]);
        for (keys, want) in [
            ("q", vec![]),
            ("q q", vec![]),
            ("q Enter", vec![]),
            ("q Esc", vec![]),
            ("q d", vec![Effect::Drain("quit")]),
            ("q !", vec![Effect::Cut]),
            ("? q", vec![]),
            ("Ctrl-c", vec![Effect::Drain("Ctrl-C")]),
            ("Ctrl-c Ctrl-c", vec![Effect::Drain("Ctrl-C"), Effect::Cut]),
            ("x Ctrl-c", vec![Effect::Drain("Ctrl-C")]),
            ("/ Ctrl-c", vec![Effect::Drain("Ctrl-C")]),
            ("q d q d", vec![Effect::Drain("quit")]),
            ("q d q !", vec![Effect::Drain("quit"), Effect::Cut]),
            ("Ctrl-z", vec![]),
            ("Ctrl-l", vec![Effect::Repaint]),
        ] {
            assert_eq!(press(&mut busy(), keys), want, "{keys}");
        }
    }

    #[test]
    fn the_drain_counts_down() {
        let mut state = fixture::state(2);
        press(&mut state, "Ctrl-c");
        assert_eq!(state.drain_left(), Some(30_000));
        let now = state.now;
        update(&mut state, Msg::Tick, now + 4_000);
        assert_eq!(state.drain_left(), Some(26_000));
        update(&mut state, Msg::Draining(12_000), now + 5_000);
        assert_eq!(state.drain_left(), Some(12_000));
    }

    #[test]
    fn ctrl_z_is_refused_with_a_reason() {
        let mut state = fixture::state(2);
        change(&mut state, |live| live.pools[0].in_flight = 54);
        press(&mut state, "Ctrl-z");
        assert_eq!(state.toast.unwrap().text, "Ctrl-Z would freeze the proxy: 54 in flight");
    }

    #[test]
    fn what_is_attached_goes_on_when_the_dashboard_leaves() {
        for keys in ["q", "Ctrl-c", "/ Ctrl-c", "x Ctrl-c", ": Ctrl-c", "? q q"] {
            let mut state = fixture::attached(2, 5);
            for at in 0..2 {
                fixture::change_at(&mut state, at, |live| {
                    (live.pools[0].rps, live.pools[0].backends[0].in_flight) = (800.0, 50);
                });
            }
            assert_eq!(press(&mut state, keys), [Effect::Leave(Exit::Quit)], "{keys}");
        }
    }

    #[test]
    fn marks_belong_to_a_pool_and_esc_takes_them_away() {
        let mut state = fixture::state(3);
        change(&mut state, |live| live.pools.push(fixture::pool("static", 3)));
        press(&mut state, "Space Space");
        assert_eq!((state.marked.len(), state.targets().len()), (2, 2));
        change(&mut state, |live| drop(live.pools[0].backends.remove(0)));
        assert_eq!(state.marked.len(), 1, "one is gone");
        press(&mut state, "l");
        assert!(state.marked.is_empty());
        press(&mut state, "Space Esc");
        assert!(state.marked.is_empty());
    }
}
