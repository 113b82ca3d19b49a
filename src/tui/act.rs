//! What the keys of the table do.

use super::ask::{self, ask};
use super::keymap::{Action, Step};
use super::rows::rows;
use super::state::{Filter, Frozen, Overlay, Panel, State};
use super::update::{Effect, Exit, select_visible};
use crate::balance::backend::BackendId;
use crate::balance::snapshot::WINDOWS;
use crate::balance::strategy::StrategyKind;
use crate::command::{Command, MAX_WEIGHT};
use crate::event::Severity;

/// Lines that help and details may scroll.
const SCROLL: usize = 100;

/// Does what an enabled key stands for.
pub(super) fn act(state: &mut State, action: Action) -> Vec<Effect> {
    if changes_something(action) && state.frozen.take().is_some() {
        state.say(Severity::Info, "the display is live again; look, then press the key once more");
        return Vec::new();
    }
    match action {
        Action::Move(step) => go(state, step),
        Action::Pool(by) => switch_pool(state, by),
        Action::SetMode(mode) => {
            return target(state, |id| Command::SetMode { backend: id, mode, cut: false });
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
        Action::Panel(by) => {
            let at = Panel::ALL.iter().position(|panel| *panel == state.panel).unwrap_or(0);
            focus(state, Panel::ALL[wrap(at, by, Panel::ALL.len())]);
        }
        Action::ShowPanel(panel) => focus(state, panel),
        Action::Window(by) => state.window = shift(state.window, by, WINDOWS.len()),
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

/// Moves an index by less than `len`, round and round.
fn wrap(at: usize, by: isize, len: usize) -> usize {
    at.saturating_add(len).saturating_add_signed(by) % len.max(1)
}

/// Moves an index, but not past the ends.
fn shift(at: usize, by: isize, len: usize) -> usize {
    at.saturating_add_signed(by).min(len.saturating_sub(1))
}

fn step(at: usize, step: Step, len: usize) -> usize {
    match step {
        Step::Lines(by) => shift(at, by, len),
        Step::First => 0,
        Step::Last => len.saturating_sub(1),
    }
}

fn go(state: &mut State, by: Step) {
    match &mut state.overlay {
        Overlay::Help { scroll } | Overlay::Details { scroll, .. } => *scroll = step(*scroll, by, SCROLL),
        Overlay::Picker { strategy, .. } => {
            let at = StrategyKind::ALL.iter().position(|kind| kind == strategy).unwrap_or(0);
            *strategy = StrategyKind::ALL[step(at, by, StrategyKind::ALL.len())];
        }
        _ if state.panel == Panel::Events => scroll_events(state, by),
        _ => {
            let Some(pool) = state.pool() else { return };
            let rows = rows(pool, state);
            let at = rows.iter().position(|row| Some(&row.id) == state.selected.as_ref());
            let to = at.map_or(0, |at| step(at, by, rows.len()));
            if let Some(row) = rows.get(to) {
                state.selected = Some(row.id.clone());
            }
        }
    }
}

fn scroll_events(state: &mut State, by: Step) {
    let newest = state.frozen.as_ref().map_or(u64::MAX, |frozen| frozen.seq);
    let lines: Vec<u64> = state.events.up_to(newest).map(|line| line.seq).collect();
    let last = lines.len().saturating_sub(1);
    let at = state.events_at.map_or(last, |seq| lines.partition_point(|line| *line < seq));
    let to = step(at, by, lines.len());
    state.events_at = lines.get(to).copied().filter(|_| to < last);
}

fn switch_pool(state: &mut State, by: isize) {
    let pools = &state.shown().pools;
    let at = pools.iter().position(|pool| Some(&pool.name) == state.pool.as_ref()).unwrap_or(0);
    let to = pools.get(wrap(at, by, pools.len())).map(|pool| pool.name.clone());
    state.pool = to;
    state.selected = None;
    select_visible(state);
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
        return ask(state, Command::SetStrategy { pool, strategy });
    }
    if state.filter.editing {
        state.filter.editing = false;
    } else if let Some(backend) = state.target().map(|backend| backend.id.clone()) {
        state.overlay = Overlay::Details { backend, scroll: 0 };
    }
    Vec::new()
}

fn focus(state: &mut State, panel: Panel) {
    state.panel = panel;
    if panel != Panel::Backends {
        state.lower = panel;
    }
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
    use crate::event::{Event, Stamped};
    use crate::tui::fixture::{self, change, press};
    use crate::tui::update::{Msg, update};

    fn selected(state: &State) -> &str {
        state.selected.as_ref().map_or("", |id| &id.backend)
    }

    #[test]
    fn the_selection_moves_by_rows_as_they_are_shown() {
        for (keys, want) in [
            ("j", "api-2"),
            ("j j k", "api-2"),
            ("k", "api-1"),
            ("G", "api-30"),
            ("G j", "api-30"),
            ("G g", "api-1"),
            ("Ctrl-d", "api-11"),
            ("Ctrl-d Ctrl-d Ctrl-u", "api-11"),
            ("S", "api-1"),
            ("S j", "api-1"),
            ("S k", "api-2"),
            ("/ 1 7", "api-17"),
            ("/ 1 7 Esc", "api-17"),
            ("/ 2 Enter j j", "api-20"),
            ("/ n o n e", "api-1"),
        ] {
            let mut state = fixture::state(30);
            press(&mut state, keys);
            assert_eq!(selected(&state), want, "{keys}");
        }
    }

    #[test]
    fn the_selection_follows_its_backend_and_not_the_row() {
        let mut state = fixture::state(5);
        press(&mut state, "s s s s s j");
        assert_eq!((selected(&state), state.sort.column.name()), ("api-2", "in flight"));
        change(&mut state, |live| live.pools[0].backends[1].in_flight = 9);
        assert_eq!(selected(&state), "api-2");
        change(&mut state, |live| drop(live.pools[0].backends.remove(1)));
        assert_eq!(selected(&state), "api-1", "it is gone");
    }

    #[test]
    fn pools_go_round() {
        let mut state = fixture::state(2);
        assert_eq!(press(&mut state, "l"), []);
        assert_eq!(state.toast.take().unwrap().text, "there is only one pool");
        change(&mut state, |live| live.pools.push(fixture::pool("static", 3)));
        let shown = |state: &State| state.pool().unwrap().name.to_string();
        press(&mut state, "l");
        assert_eq!((shown(&state).as_str(), state.selected.as_ref().unwrap().to_string().as_str()), ("static", "static/api-1"));
        press(&mut state, "l");
        assert_eq!(shown(&state), "web");
        press(&mut state, "h");
        assert_eq!(shown(&state), "static");
    }

    #[test]
    fn panels_and_windows() {
        let mut state = fixture::state(2);
        press(&mut state, "4");
        assert_eq!((state.panel, state.lower), (Panel::Events, Panel::Events));
        press(&mut state, "Tab");
        assert_eq!((state.panel, state.lower), (Panel::Backends, Panel::Events));
        press(&mut state, "] ] ]");
        assert_eq!(state.window, 2);
        press(&mut state, "[ [ [");
        assert_eq!(state.window, 0);
    }

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
    fn events_scroll_and_follow_again_at_the_end() {
        let mut state = fixture::state(2);
        let event = |n: u64| Event::Drained { backend: BackendId::new("web", &n.to_string()) };
        for seq in 1..=30 {
            update(&mut state, Msg::Event(Stamped { seq, at_unix_ms: seq, event: event(seq) }.into()), seq);
        }
        press(&mut state, "4 k k");
        assert_eq!((state.events_at, state.unseen()), (Some(28), 2));
        update(&mut state, Msg::Event(Stamped { seq: 31, at_unix_ms: 31, event: event(31) }.into()), 40_000);
        assert_eq!((state.events_at, state.unseen()), (Some(28), 3));
        press(&mut state, "Ctrl-d");
        assert_eq!((state.events_at, state.unseen()), (None, 0));
        press(&mut state, "g");
        assert_eq!(state.lines().count(), 1);
        press(&mut state, "Esc");
        assert_eq!(state.events_at, None);
    }
}
