//! Getting about: rows, pools, panels, and whatever scrolls.

use super::keymap::Step;
use super::overrides;
use super::rows::rows;
use super::state::{Overlay, Panel, State};
use super::update::select_visible;
use super::view;
use crate::balance::strategy::StrategyKind;

/// Moves an index by less than `len`, round and round.
fn wrap(at: usize, by: isize, len: usize) -> usize {
    at.saturating_add(len).saturating_add_signed(by) % len.max(1)
}

/// Moves an index, but not past the ends.
pub(super) fn shift(at: usize, by: isize, len: usize) -> usize {
    at.saturating_add_signed(by).min(len.saturating_sub(1))
}

fn step(at: usize, step: Step, len: usize) -> usize {
    match step {
        Step::Lines(by) => shift(at, by, len),
        Step::First => 0,
        Step::Last => len.saturating_sub(1),
    }
}

/// Moves the selection, or scrolls what lies on top or has the focus.
pub(super) fn go(state: &mut State, by: Step) {
    let scrollable = view::max_scroll(state) + 1;
    let overridden = overrides::list(&state.live).len();
    match &mut state.overlay {
        Overlay::Help { scroll } | Overlay::Details { scroll, .. } | Overlay::Why { scroll, .. } => {
            *scroll = step(*scroll, by, scrollable);
        }
        Overlay::Reload(preview) => preview.scroll = step(preview.scroll, by, scrollable),
        Overlay::Overrides { at } => *at = step(*at, by, overridden),
        Overlay::Log { .. } => scroll_log(state, by),
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
    state.events_at = scroll(&lines, state.events_at, by);
}

fn scroll_log(state: &mut State, by: Step) {
    let lines: Vec<u64> = state.log().map(|line| line.seq).collect();
    if let Overlay::Log { at, .. } = &mut state.overlay {
        *at = scroll(&lines, *at, by);
    }
}

/// The new lowest line of those numbered; `None` at the end, which follows the newest.
fn scroll(lines: &[u64], at: Option<u64>, by: Step) -> Option<u64> {
    let last = lines.len().saturating_sub(1);
    let at = at.map_or(last, |seq| lines.partition_point(|line| *line < seq));
    let to = step(at, by, lines.len());
    lines.get(to).copied().filter(|_| to < last)
}

/// Shows the next instance alone, or all of them after the last.
pub(super) fn next_instance(state: &mut State) {
    state.fleet.turn();
    state.gather();
    select_visible(state);
}

/// Shows the pool that many places on.
pub(super) fn switch_pool(state: &mut State, by: isize) {
    let pools = &state.shown().pools;
    let at = pools.iter().position(|pool| Some(&pool.name) == state.pool.as_ref()).unwrap_or(0);
    let to = pools.get(wrap(at, by, pools.len())).map(|pool| pool.name.clone());
    state.pool = to;
    state.selected = None;
    state.marked.clear();
    select_visible(state);
}

/// Focuses the panel that many places on.
pub(super) fn next_panel(state: &mut State, by: isize) {
    let at = Panel::ALL.iter().position(|panel| *panel == state.panel).unwrap_or(0);
    focus(state, Panel::ALL[wrap(at, by, Panel::ALL.len())]);
}

/// Focuses a panel.
pub(super) fn focus(state: &mut State, panel: Panel) {
    state.panel = panel;
    if panel != Panel::Backends {
        state.lower = panel;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::BackendId;
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
    fn events_scroll_and_follow_again_at_the_end() {
        let mut state = fixture::state(2);
        let event = |n: u64| Event::Drained { backend: BackendId::new("web", &n.to_string()) };
        for seq in 1..=30 {
            update(&mut state, Msg::Event { from: 0, event: Stamped { seq, at_unix_ms: seq, event: event(seq) }.into() }, seq);
        }
        press(&mut state, "4 k k");
        assert_eq!((state.events_at, state.unseen()), (Some(28), 2));
        update(&mut state, Msg::Event { from: 0, event: Stamped { seq: 31, at_unix_ms: 31, event: event(31) }.into() }, 40_000);
        assert_eq!((state.events_at, state.unseen()), (Some(28), 3));
        press(&mut state, "Ctrl-d");
        assert_eq!((state.events_at, state.unseen()), (None, 0));
        press(&mut state, "g");
        assert_eq!(state.lines().count(), 1);
        press(&mut state, "Esc");
        assert_eq!(state.events_at, None);
    }

    #[test]
    fn help_scrolls_as_far_as_it_goes_and_back_at_once() {
        let mut state = fixture::state(2);
        press(&mut state, "? G k");
        assert_eq!(state.overlay, Overlay::Help { scroll: view::max_scroll(&state) - 1 });
    }
}
