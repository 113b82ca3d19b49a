//! What the keys of the table do.

use super::ask::{self, ask};
use super::browse;
use super::keymap::Action;
use super::state::{Filter, Frozen, Overlay, State};
use super::update::{Effect, Exit};
use crate::balance::backend::BackendId;
use crate::balance::snapshot::WINDOWS;
use crate::command::{Command, MAX_WEIGHT};
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
        Action::SetMode(mode) => {
            return target(state, |id| Command::SetMode { backend: id, mode, cut: false, then_down: None });
        }
        Action::Weight(by) => return change_weight(state, by),
        Action::ConfiguredWeight => return configured_weight(state),
        Action::PickStrategy => {
            if let Some(pool) = state.pool() {
                state.overlay = Overlay::Picker { pool: pool.name.clone(), strategy: pool.strategy };
            }
        }
        Action::Filter => state.filter.editing = true,
        Action::Sort => state.sort.column = state.sort.column.next(),
        Action::ReverseSort => state.sort.reverse = !state.sort.reverse,
        Action::ProblemsFirst => state.sort.problems_first = !state.sort.problems_first,
        Action::Freeze => freeze(state),
        Action::Undo => return ask(state, Command::Undo),
        Action::Redo => return ask(state, Command::Redo),
        Action::Open => return open(state),
        Action::Panel(by) => browse::next_panel(state, by),
        Action::ShowPanel(panel) => browse::focus(state, panel),
        Action::Window(by) => state.window = browse::shift(state.window, by, WINDOWS.len()),
        Action::Help => {
            let open = matches!(state.overlay, Overlay::Help { .. });
            state.overlay = if open { Overlay::None } else { Overlay::Help { scroll: 0 } };
        }
        Action::Quit => return quit(state),
        Action::Leave => leave(state),
        Action::Interrupt if state.drain_until.is_some() => return vec![Effect::Cut],
        Action::Interrupt => return ask::drain(state, "Ctrl-C"),
        Action::Suspend => {
            let text = format!("Ctrl-Z would freeze the proxy: {} in flight", state.in_flight());
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
        Action::SetMode(_) | Action::Weight(_) | Action::ConfiguredWeight | Action::PickStrategy | Action::Undo | Action::Redo
    )
}

/// Asks for a command about the selected backend.
fn target(state: &mut State, command: impl FnOnce(BackendId) -> Command) -> Vec<Effect> {
    match state.target().map(|backend| backend.id.clone()) {
        Some(id) => ask(state, command(id)),
        None => Vec::new(),
    }
}

/// The weight of the selected backend once what is on its way has arrived.
fn coming_weight(state: &State) -> Option<u32> {
    let backend = state.target()?;
    let sent = state.pending.iter().rev().find_map(|pending| match &pending.command {
        Command::SetWeight { backend: id, weight } if *id == backend.id => Some(weight.unwrap_or(backend.configured_weight)),
        _ => None,
    });
    Some(sent.unwrap_or(backend.weight))
}

fn change_weight(state: &mut State, by: i32) -> Vec<Effect> {
    let Some(weight) = coming_weight(state) else { return Vec::new() };
    let to = weight.saturating_add_signed(by).min(MAX_WEIGHT);
    if to == weight {
        state.say(Severity::Info, format!("the weight is {weight}; 0 to {MAX_WEIGHT} is allowed"));
        return Vec::new();
    }
    target(state, |backend| Command::SetWeight { backend, weight: Some(to) })
}

fn configured_weight(state: &mut State) -> Vec<Effect> {
    let configured = state.target().map(|backend| backend.configured_weight);
    if coming_weight(state) == configured {
        state.say(Severity::Info, "the weight is the configured one already");
        return Vec::new();
    }
    target(state, |backend| Command::SetWeight { backend, weight: None })
}

fn freeze(state: &mut State) {
    state.frozen = match state.frozen.take() {
        Some(_) => None,
        None => Some(Frozen { snapshot: state.live.clone(), since: state.now, seq: state.events.newest() }),
    };
}

fn open(state: &mut State) -> Vec<Effect> {
    if let Overlay::Picker { pool, strategy } = std::mem::take(&mut state.overlay) {
        return ask(state, Command::SetStrategy { pool, strategy: Some(strategy) });
    }
    if state.filter.editing {
        state.filter.editing = false;
    } else if let Some(backend) = state.target().map(|backend| backend.id.clone()) {
        state.overlay = Overlay::Details { backend, scroll: 0 };
    }
    Vec::new()
}

fn quit(state: &mut State) -> Vec<Effect> {
    if state.overlay != Overlay::None {
        state.overlay = Overlay::None;
    } else if state.drain_until.is_none() && state.in_flight() == 0 && state.rps() == 0.0 {
        return vec![Effect::Drain("quit"), Effect::Leave(Exit::Quit)];
    } else {
        ask::ask_to_quit(state);
    }
    Vec::new()
}

fn leave(state: &mut State) {
    if state.overlay != Overlay::None {
        state.overlay = Overlay::None;
    } else if state.filter.editing || !state.filter.text.is_empty() {
        state.filter = Filter::default();
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
}
