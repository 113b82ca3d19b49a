//! From wish to command: what the guard lets through is sent, what it doubts is asked first.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};

use super::dialog;
use super::errand::Errand;
use super::guard::{Ruling, judge, reach};
use super::state::{Choice, Confirm, Overlay, Pending, State, TypeName, Wish};
use super::update::{Effect, edit};
use crate::balance::Millis;
use crate::balance::backend::Mode;
use crate::balance::snapshot::Snapshot;
use crate::command::Command;
use crate::event::Severity;

/// A dialog takes no keys for so long after it opened or after the last key that came too early: what was typed ahead
/// or repeats was not meant for it.
const ARMING: Millis = 300;

/// Asks for something on the operator's behalf.
pub(super) fn ask(state: &mut State, wish: impl Into<Wish>) -> Vec<Effect> {
    let wish = wish.into();
    let armed_at = state.now + ARMING;
    let (ruling, impact) = judge(&state.expected(), &wish.commands);
    match (ruling, impact) {
        (Ruling::Pointless(why), _) => state.say(Severity::Info, why),
        (Ruling::Ask(choices), Some(impact)) => {
            state.overlay = Overlay::Confirm(Confirm { wish, impact, choices, focus: 0, armed_at });
        }
        (Ruling::TypeName, Some(impact)) => {
            state.overlay = Overlay::TypeName(TypeName { wish, impact, typed: String::new(), armed_at });
        }
        _ => return send(state, wish, false),
    }
    Vec::new()
}

/// Sends it to every instance where it changes something.
pub(super) fn send(state: &mut State, wish: Wish, force: bool) -> Vec<Effect> {
    let Wish { commands, terms } = wish;
    let expected = state.expected();
    let errands = reach(&expected, &commands);
    if errands.is_empty() {
        state.say(Severity::Warning, "nothing is left to do there");
        return Vec::new();
    }
    let done = match (&expected[..], &errands[..]) {
        ([(_, world)], [(_, command)]) => dialog::done(command, world),
        _ => None,
    };
    let first = state.last_token + 1;
    state.last_token += errands.len() as u64;
    let missed = state.fleet.shown().filter(|(_, member)| member.fresh().is_none()).map(|(at, _)| at).collect();
    state.errands.push(Errand::new((first..=state.last_token).collect(), done, missed));
    let mut effects = Vec::new();
    for (token, (to, command)) in (first..).zip(errands) {
        state.pending.push(Pending { token, to, command: command.clone(), answered: None });
        effects.push(Effect::Send { token, to, command, terms: terms.clone(), force });
    }
    effects
}

/// If a dialog is open: when its keys begin to count.
pub(super) fn armed_at(overlay: &Overlay) -> Option<Millis> {
    match overlay {
        Overlay::Confirm(Confirm { armed_at, .. })
        | Overlay::TypeName(TypeName { armed_at, .. })
        | Overlay::Quit { armed_at } => Some(*armed_at),
        _ => None,
    }
}

/// Opens the question whether to stop serving.
pub(super) fn ask_to_quit(state: &mut State) {
    state.overlay = Overlay::Quit { armed_at: state.now + ARMING };
}

/// Begins to drain.
pub(super) fn drain(state: &mut State, reason: &'static str) -> Vec<Effect> {
    state.overlay = Overlay::None;
    state.drain_until = Some(state.now + state.grace);
    vec![Effect::Drain(reason)]
}

/// A key in a dialog. Esc and Ctrl-C do not come here: they count at once.
pub(super) fn answer(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    let now = state.now;
    match &mut state.overlay {
        Overlay::Confirm(Confirm { armed_at, .. })
        | Overlay::TypeName(TypeName { armed_at, .. })
        | Overlay::Quit { armed_at }
            if *armed_at > now =>
        {
            *armed_at = now + ARMING;
            return Vec::new();
        }
        _ if key.kind == KeyEventKind::Repeat => return Vec::new(),
        _ => {}
    }
    match &mut state.overlay {
        Overlay::Confirm(confirm) => {
            let Some(choice) = choose(confirm, key) else { return Vec::new() };
            let mut wish = confirm.wish.clone();
            state.overlay = Overlay::None;
            match choice {
                Choice::Cancel => return Vec::new(),
                Choice::Cut => wish.commands.iter_mut().for_each(cut),
                Choice::Proceed | Choice::Finish => {}
            }
            send(state, wish, false)
        }
        Overlay::TypeName(TypeName { typed, impact, wish, .. }) => {
            if key.code != KeyCode::Enter {
                edit(typed, key);
                return Vec::new();
            }
            let name = impact.name().to_owned();
            if *typed != name {
                typed.clear();
                state.say(Severity::Warning, format!("that is not {name}; Esc leaves"));
                return Vec::new();
            }
            let wish = wish.clone();
            state.overlay = Overlay::None;
            send(state, wish, true)
        }
        Overlay::Quit { .. } => match key.code {
            KeyCode::Char('d') if state.drain_until.is_none() => drain(state, "quit"),
            KeyCode::Char('!') => {
                state.overlay = Overlay::None;
                vec![Effect::Cut]
            }
            KeyCode::Char('n') | KeyCode::Enter => {
                state.overlay = Overlay::None;
                Vec::new()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn cut(command: &mut Command) {
    if let Command::SetMode { mode: Mode::Down, cut, .. } = command {
        *cut = true;
    }
}

/// Moves the focus, or gives an answer.
fn choose(confirm: &mut Confirm, key: KeyEvent) -> Option<Choice> {
    let count = confirm.choices.len();
    match key.code {
        KeyCode::Enter => return confirm.choices.get(confirm.focus).copied(),
        KeyCode::Char(c) if confirm.choices.iter().any(|choice| choice.key().starts_with(c)) => {
            return confirm.choices.iter().copied().find(|choice| choice.key().starts_with(c));
        }
        KeyCode::Tab | KeyCode::Right | KeyCode::Down => confirm.focus = (confirm.focus + 1) % count,
        KeyCode::BackTab | KeyCode::Left | KeyCode::Up => confirm.focus = (confirm.focus + count - 1) % count,
        _ => {}
    }
    None
}

/// Looks at an open question again, because what is expected has changed since `before`.
pub(super) fn reconsider(state: &mut State, before: &[(usize, Arc<Snapshot>)]) {
    let now = state.expected();
    let (wish, impact, typed) = match &mut state.overlay {
        Overlay::Confirm(Confirm { wish, impact, .. }) => (&*wish, impact, false),
        Overlay::TypeName(TypeName { wish, impact, .. }) => (&*wish, impact, true),
        _ => return,
    };
    let subject = impact.subject();
    let axes = |worlds: &[(usize, Arc<Snapshot>)]| -> Vec<_> {
        let axes = |world: &Snapshot, id| world.backend(id).map(|b| (b.mode, b.health, b.eligibility, b.weight));
        let of_world =
            |(at, world): &(usize, Arc<Snapshot>)| (*at, impact.backends.iter().map(|id| axes(world, id)).collect::<Vec<_>>());
        worlds.iter().map(of_world).collect()
    };
    let has_changed = axes(before) != axes(&now);
    let (ruling, anew) = judge(&now, &wish.commands);
    let why = match anew {
        _ if has_changed => format!("{subject} has changed meanwhile; nothing was done"),
        Some(anew) if typed == (ruling == Ruling::TypeName) => {
            *impact = anew;
            return;
        }
        _ if typed => format!("{subject} is no longer the last one; nothing was done"),
        _ => format!("{subject} has become the last eligible one; nothing was done"),
    };
    state.overlay = Overlay::None;
    state.say(Severity::Warning, why);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::{Eligibility, Verdict};
    use crate::balance::snapshot::BackendView;
    use crate::tui::fixture::{self, change, key, press};
    use crate::tui::update::{Msg, update};

    /// `n` backends; the first one, selected, has requests in flight.
    fn busy(n: usize) -> State {
        let mut state = fixture::state(n);
        change(&mut state, |live| live.pools[0].backends[0].in_flight = 17);
        state
    }

    /// The commands among the effects, as one would type them; `!` marks force.
    fn sent(effects: &[Effect]) -> Vec<String> {
        let mark = |force: &bool| if *force { "!" } else { "" };
        let send = |effect: &Effect| match effect {
            Effect::Send { command, force, .. } => Some(format!("{command}{}", mark(force))),
            _ => None,
        };
        effects.iter().filter_map(send).collect()
    }

    #[test]
    fn keys_become_commands_as_far_as_the_guard_lets_them() {
        let cases: &[(usize, &str, &[&str])] = &[
            (5, "d", &["drain web/api-1"]),
            (5, "j d", &["drain web/api-2"]),
            (5, "d d", &["drain web/api-1"]),
            (5, "u", &[]),
            (5, "x", &[]),
            (5, "x Enter", &[]),
            (5, "x n", &[]),
            (5, "x Esc", &[]),
            (5, "x y", &[]),
            (5, "x f", &["down web/api-1"]),
            (5, "x c", &["down web/api-1 --cut"]),
            (5, "x Tab Enter", &["down web/api-1"]),
            (5, "x Tab Tab Enter", &["down web/api-1 --cut"]),
            (5, "x Tab Tab Tab Enter", &[]),
            (5, "j x", &["down web/api-2"]),
            (2, "d", &[]),
            (2, "d y", &["drain web/api-1"]),
            (2, "d n", &[]),
            (1, "d y Enter", &[]),
            (1, "d a p i - 1 Enter", &["drain web/api-1!"]),
            (1, "d a p i - 2 Enter", &[]),
            (1, "d a p i - 2 Backspace 1 Enter", &["drain web/api-1!"]),
            (1, "d a p i - 1 Esc", &[]),
            (1, "x a p i - 1 Enter", &["down web/api-1!"]),
            (1, "- a p i - 1 Enter", &["weight web/api-1 0!"]),
            (3, "d j d", &["drain web/api-1"]),
            (3, "d j d y", &["drain web/api-1", "drain web/api-2"]),
            (3, "d u d", &["drain web/api-1", "up web/api-1", "drain web/api-1"]),
            (2, "d y j d y", &["drain web/api-1"]),
            (5, "+ +", &["weight web/api-1 2", "weight web/api-1 3"]),
            (5, "+ -", &["weight web/api-1 2", "weight web/api-1 1"]),
            (5, "+ =", &["weight web/api-1 2", "weight web/api-1 configured"]),
            (5, "- -", &["weight web/api-1 0"]),
            (5, "=", &[]),
            (5, "b j Enter", &["strategy web power_of_two"]),
            (5, "b Enter", &[]),
            (5, "b G Esc", &[]),
            (5, "z z Z", &["undo", "undo", "redo"]),
            (5, "Enter d", &["drain web/api-1"]),
            (5, "/ a p i - 3 Enter d", &["drain web/api-3"]),
            (5, "/ d", &[]),
            (5, "? d", &[]),
            (5, "p d", &[]),
            (5, "p d d", &["drain web/api-1"]),
            (5, "Space Space d", &["drain web/api-1", "drain web/api-2"]),
            (5, "Space Space Space d", &[]),
            (5, "Space Space Space d y", &["drain web/api-1", "drain web/api-2", "drain web/api-3"]),
            (5, "Space Space k Space d", &["drain web/api-1"]),
            (5, "Space Space Esc d", &["drain web/api-3"]),
            (5, "Space Space +", &["weight web/api-1 2", "weight web/api-2 2"]),
            (5, "Space Space x", &[]),
            (5, "Space Space x c", &["down web/api-1 --cut", "down web/api-2 --cut"]),
            (2, "Space Space d w e b Enter", &["drain web/api-1!", "drain web/api-2!"]),
            (5, "Space / 3 Enter d", &["drain web/api-3"]),
            (5, "+ C", &["weight web/api-1 2", "weight web/api-1 configured"]),
            (5, "d + C", &["drain web/api-1", "weight web/api-1 2", "up web/api-1", "weight web/api-1 configured"]),
            (5, "C", &[]),
        ];
        for (n, keys, want) in cases {
            assert_eq!(sent(&press(&mut busy(*n), keys)), *want, "{n} backends, {keys}");
        }
    }

    #[test]
    fn a_read_only_dashboard_sends_nothing_and_says_why() {
        for keys in ["d", "u", "x", "+", "-", "=", "b", "z", "Z", "Enter d"] {
            let mut state = busy(5);
            state.read_only = true;
            assert_eq!(press(&mut state, keys), [], "{keys}");
            assert!(state.toast.unwrap().text.contains("--read-only"), "{keys}");
        }
    }

    #[test]
    fn a_dialog_takes_nothing_that_was_typed_ahead_or_repeats() {
        let mut state = busy(5);
        press(&mut state, "x");
        let opened = state.now;
        for early in [10, 200, 400, 600] {
            assert_eq!(update(&mut state, Msg::Key(key("c")), opened + early), [], "each early key starts the wait anew");
        }
        let mut held = key("c");
        held.kind = KeyEventKind::Repeat;
        assert_eq!(update(&mut state, Msg::Key(held), opened + 2_000), []);
        assert_eq!(sent(&update(&mut state, Msg::Key(key("c")), opened + 2_000)), ["down web/api-1 --cut"]);
    }

    #[test]
    fn esc_counts_at_once() {
        let mut state = busy(5);
        press(&mut state, "x");
        let now = state.now;
        assert_eq!(update(&mut state, Msg::Key(key("Esc")), now), []);
        assert_eq!(state.overlay, Overlay::None);
    }

    #[test]
    fn open_questions_follow_the_numbers() {
        let mut state = busy(5);
        press(&mut state, "x");
        change(&mut state, |live| live.pools[0].backends[0].in_flight = 3);
        let Overlay::Confirm(confirm) = &state.overlay else { panic!("{:?}", state.overlay) };
        assert_eq!(confirm.impact.in_flight, 3);
        change(&mut state, |live| live.pools[0].backends[0].in_flight = 0);
        assert_eq!(sent(&press(&mut state, "f")), ["down web/api-1"]);
    }

    #[test]
    fn questions_about_another_world_close_themselves() {
        let fails = |b: &mut BackendView| (b.health, b.eligibility) = (Verdict::Unhealthy, Eligibility::Unhealthy);
        let mut target_failed = busy(5);
        press(&mut target_failed, "x");
        change(&mut target_failed, |live| fails(&mut live.pools[0].backends[0]));

        let mut others_failed = busy(2);
        press(&mut others_failed, "x");
        change(&mut others_failed, |live| fails(&mut live.pools[0].backends[1]));

        let mut other_came_back = busy(2);
        change(&mut other_came_back, |live| fails(&mut live.pools[0].backends[1]));
        press(&mut other_came_back, "d");
        assert!(matches!(other_came_back.overlay, Overlay::TypeName(_)));
        change(&mut other_came_back, |live| live.pools[0].backends[1] = fixture::backend("web", "api-2"));

        for (state, why) in [
            (target_failed, "web/api-1 has changed meanwhile; nothing was done"),
            (others_failed, "web/api-1 has become the last eligible one; nothing was done"),
            (other_came_back, "web/api-1 is no longer the last one; nothing was done"),
        ] {
            assert_eq!(state.overlay, Overlay::None);
            assert_eq!(state.toast.unwrap().text, why);
        }
    }
}
