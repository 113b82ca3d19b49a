//! What dialogs and answers say, in words: one place for the wording about live traffic.

use std::sync::Arc;

use super::guard::{Impact, doing, judge};
use super::state::{Choice, Confirm, Overlay, State, TypeName, Wish};
use crate::balance::Millis;
use crate::balance::backend::{Mode, Verdict};
use crate::balance::snapshot::{BackendView, Snapshot};
use crate::command::Command;

/// Ends what can be taken back.
pub const UNDO_HINT: &str = " (z undo)";

/// A dialog as text. Names in it are not escaped yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// The question.
    pub title: String,
    /// What will happen, with live numbers.
    pub facts: Vec<String>,
    /// Typed so far, when the answer is typed.
    pub typed: Option<String>,
    /// The answers.
    pub buttons: Vec<Button>,
    /// Whether keys count yet.
    pub armed: bool,
}

/// An answer on offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// Its key: `y`, `Esc`.
    pub key: &'static str,
    /// What it does.
    pub label: String,
    /// Whether Enter gives it.
    pub focused: bool,
}

/// The dialog that is open ([`Overlay::Confirm`], `TypeName` or `Quit`), if one is.
pub fn describe(state: &State) -> Option<Dialog> {
    match &state.overlay {
        Overlay::Confirm(confirm) => Some(confirmation(confirm, state)),
        Overlay::TypeName(type_name) => Some(typed(type_name, state)),
        Overlay::Quit { armed_at } => Some(quit(*armed_at, state)),
        _ => None,
    }
}

fn confirmation(confirm: &Confirm, state: &State) -> Dialog {
    let Confirm { wish, impact, choices, focus, armed_at } = confirm;
    let button =
        |(i, choice): (usize, &Choice)| Button { key: choice.key(), label: choice.label().to_owned(), focused: i == *focus };
    let running = choices.contains(&Choice::Cut);
    Dialog {
        title: if choices.contains(&Choice::Finish) || !running {
            format!("{}?", self::wish(wish, impact))
        } else {
            format!("Cut the requests of {}?", impact.subject())
        },
        facts: facts(impact, running),
        typed: None,
        buttons: choices.iter().enumerate().map(button).collect(),
        armed: *armed_at <= state.now,
    }
}

fn typed(type_name: &TypeName, state: &State) -> Dialog {
    let TypeName { wish, impact, typed, armed_at } = type_name;
    let name = impact.name();
    let mut facts = facts(impact, false);
    facts.push(if impact.backends.len() > 1 {
        "Nobody else takes requests: clients will get 503.".to_owned()
    } else {
        format!("{name} is the last one that takes requests: clients will get 503.")
    });
    facts.push(format!("Type {name} and press Enter to go on."));
    Dialog {
        title: format!("{}?", self::wish(wish, impact)),
        facts,
        typed: Some(typed.clone()),
        buttons: vec![
            Button { key: "Enter", label: "do it".to_owned(), focused: typed == name },
            Button { key: "Esc", label: Choice::Cancel.label().to_owned(), focused: typed != name },
        ],
        armed: *armed_at <= state.now,
    }
}

fn quit(armed_at: Millis, state: &State) -> Dialog {
    let button = |key, label: &str| Button { key, label: label.to_owned(), focused: key == "Esc" };
    let (title, left, buttons) = match state.drain_left() {
        None => {
            let drain = format!("drain then exit ({})", seconds(state.grace));
            let buttons = vec![button("d", &drain), button("!", "exit now"), button("Esc", "keep serving")];
            ("Stop serving?", String::new(), buttons)
        }
        Some(left) => {
            let buttons = vec![button("!", "exit now"), button("Esc", "keep draining")];
            ("Exit now?", format!(", {} left to finish", seconds(left)), buttons)
        }
    };
    Dialog {
        title: title.to_owned(),
        facts: vec![format!("{:.0} r/s, {} in flight{left}", state.rps(), state.in_flight())],
        typed: None,
        buttons,
        armed: armed_at <= state.now,
    }
}

fn seconds(ms: Millis) -> String {
    format!("{} s", ms.div_ceil(1000))
}

/// What is wished for, as a question.
fn wish(wish: &Wish, impact: &Impact) -> String {
    let subject = impact.subject();
    let what = match &wish.commands[..] {
        [Command::SetMode { mode: Mode::Up, .. }, Command::SetWeight { weight: None, .. }, ..] => {
            format!("Give {subject} back what the config says")
        }
        [Command::SetMode { mode: Mode::Up, .. }, ..] => format!("Take {subject} up"),
        [Command::SetMode { then_down: Some(_), .. }, ..] => format!("Drain {subject}, then switch it off"),
        [Command::SetMode { mode: Mode::Drain, .. }, ..] => format!("Drain {subject}"),
        [Command::SetMode { mode: Mode::Down, .. }, ..] => format!("Switch {subject} off"),
        [Command::SetWeight { weight: Some(weight), .. }] => format!("Give {subject} weight {weight}"),
        [Command::SetWeight { weight: None, .. }, ..] => format!("Give {subject} its configured weight"),
        [Command::SetWeight { .. }, ..] => format!("Change the weights of {subject}"),
        [command, ..] => command.to_string(),
        [] => String::new(),
    };
    if impact.instances > 1 { format!("{what} on {} instances", impact.instances) } else { what }
}

fn facts(impact: &Impact, running: bool) -> Vec<String> {
    let Impact { in_flight, eligible, eligible_after, weight_left, .. } = impact;
    let mut facts = Vec::new();
    if running || *in_flight > 0 {
        let plural = if *in_flight == 1 { "" } else { "s" };
        facts.push(format!("{in_flight} request{plural} in flight there"));
    }
    if impact.instances > 1 {
        facts.push("where it matters most:".to_owned());
    }
    if eligible != eligible_after {
        facts.push(format!("backends that take requests: {eligible} -> {eligible_after}"));
    }
    if *weight_left > 0.0 && *weight_left < 1.0 {
        facts.push(format!("{:.0} % of the weight is left", weight_left * 100.0));
    }
    facts.extend(others(impact));
    facts
}

fn others(impact: &Impact) -> Option<String> {
    let (now, then) = impact.others?;
    Some(format!("others {:.0} -> {:.0} %", now * 100.0, then * 100.0))
}

/// Why a backend that is up takes no requests.
fn hindrance(backend: &BackendView) -> &'static str {
    if backend.weight == 0 {
        "its weight is 0"
    } else if backend.health == Verdict::Unhealthy {
        "unhealthy"
    } else {
        "ejected"
    }
}

/// What to say once a command is done; `None` leaves it to the desk. How many requests it finds in flight only the desk
/// knows: its event tells.
pub fn done(command: &Command, snapshot: &Arc<Snapshot>) -> Option<String> {
    let impact = judge(&[(0, Arc::clone(snapshot))], std::slice::from_ref(command)).1?;
    let backend = snapshot.backend(impact.backends.first()?)?;
    let mut parts = match command {
        Command::SetMode { backend: id, mode, cut, then_down } => {
            let mut parts = vec![format!("{id} {}", doing(*mode))];
            if then_down.is_some() {
                parts.push("then down".to_owned());
            }
            match (impact.in_flight, *mode) {
                (0, _) | (_, Mode::Up | Mode::Drain) => {}
                _ if *cut => parts.push("running requests cut".to_owned()),
                _ => parts.push("running requests finish".to_owned()),
            }
            if *mode == Mode::Up && impact.eligible == impact.eligible_after {
                parts.push(format!("but {}", hindrance(backend)));
            }
            parts
        }
        Command::SetWeight { backend: id, weight } => {
            vec![format!("{id} weight {} -> {}", backend.weight, weight.unwrap_or(backend.configured_weight))]
        }
        Command::SetStrategy { .. } | Command::Undo | Command::Redo | Command::Reload => return None,
    };
    parts.extend(others(&impact));
    Some(parts.join(", ") + UNDO_HINT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::{BackendId, Eligibility};
    use crate::tui::fixture;

    fn mode(mode: Mode, cut: bool) -> Command {
        Command::SetMode { backend: BackendId::new("web", "api-1"), mode, cut, then_down: None }
    }

    #[test]
    fn what_was_done_is_told_with_its_consequences() {
        let said = |n: usize, command: &Command, change: fn(&mut BackendView)| {
            let mut pool = fixture::pool("web", n);
            change(&mut pool.backends[0]);
            done(command, &Arc::new(fixture::snapshot(vec![pool]))).unwrap()
        };
        let busy = |b: &mut BackendView| b.in_flight = 31;
        assert_eq!(said(5, &mode(Mode::Drain, false), busy), "web/api-1 draining, others 20 -> 25 % (z undo)");
        assert_eq!(said(5, &mode(Mode::Down, true), busy), "web/api-1 down, running requests cut, others 20 -> 25 % (z undo)");
        let back = |b: &mut BackendView| fixture::set_mode(b, Mode::Drain);
        assert_eq!(said(4, &mode(Mode::Up, false), back), "web/api-1 up, others 33 -> 25 % (z undo)");
        let sick = |b: &mut BackendView| {
            fixture::set_mode(b, Mode::Down);
            b.health = Verdict::Unhealthy;
        };
        assert_eq!(said(4, &mode(Mode::Up, false), sick), "web/api-1 up, but unhealthy (z undo)");
        let out = |b: &mut BackendView| (b.eligibility, b.ejected_for_ms) = (Eligibility::Ejected, Some(9_000));
        assert_eq!(said(4, &mode(Mode::Drain, false), out), "web/api-1 draining (z undo)");
        let weight = Command::SetWeight { backend: BackendId::new("web", "api-1"), weight: Some(3) };
        assert_eq!(said(2, &weight, |_| {}), "web/api-1 weight 1 -> 3, others 50 -> 25 % (z undo)");
        assert_eq!(done(&Command::Undo, &Arc::default()), None);
    }

    #[test]
    fn the_question_before_stopping_has_live_numbers() {
        let mut state = fixture::state(2);
        state.overlay = Overlay::Quit { armed_at: 300 };
        let mut live = (*state.live).clone();
        (live.pools[0].in_flight, live.pools[0].rps) = (54, 841.7);
        state.live = live.into();
        let dialog = describe(&state).unwrap();
        assert_eq!((dialog.title.as_str(), dialog.armed), ("Stop serving?", false));
        assert_eq!(dialog.facts, ["842 r/s, 54 in flight"]);
        let buttons: Vec<_> = dialog.buttons.iter().map(|b| format!("[{}] {}", b.key, b.label)).collect();
        assert_eq!(buttons, ["[d] drain then exit (30 s)", "[!] exit now", "[Esc] keep serving"]);
        (state.now, state.drain_until) = (1_000, Some(28_000));
        let dialog = describe(&state).unwrap();
        assert_eq!((dialog.facts[0].as_str(), dialog.armed), ("842 r/s, 54 in flight, 27 s left to finish", true));
    }
}
