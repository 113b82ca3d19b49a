//! The command palette: a line to type commands on, as on the command line, with every other action within reach.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::act::act;
use super::ask::ask;
use super::keymap::{self, Action, BINDINGS};
use super::line::{self, Typed, VERBS};
use super::state::{Overlay, State};
use super::update::{Effect, edit};
use crate::balance::strategy::StrategyKind;
use crate::event::Severity;

/// Lines remembered.
const MEMORY: usize = 50;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    /// What is typed.
    pub text: String,
    /// The proposal under the cursor; `None` while the cursor is on the line itself.
    pub at: Option<usize>,
}

impl Palette {
    /// Adds pasted text.
    pub fn paste(&mut self, text: impl Iterator<Item = char>) {
        self.text.extend(text);
        self.at = None;
    }
}

/// Something that the palette proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The line, or the name of the action.
    pub text: String,
    /// One line of help.
    pub help: String,
    /// What becomes of it.
    pub leads_to: LeadsTo,
}

/// What a proposal is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeadsTo {
    /// The line is filled in and may go on.
    Line,
    /// The action is done.
    Action(Action),
}

/// What could be meant by what is typed, the likeliest first.
pub fn proposals(state: &State, text: &str) -> Vec<Proposal> {
    let line = |text: String, help: &str| Proposal { text, help: help.to_owned(), leads_to: LeadsTo::Line };
    if let Some((before, word)) = text.rsplit_once(' ') {
        let words = next_words(state, before);
        let fitting = words.into_iter().filter(|next| is_like(next, word));
        return fitting.map(|next| line(format!("{before} {next}"), "")).collect();
    }
    let remembered =
        state.typed.iter().rev().filter(|typed| typed.starts_with(text)).map(|typed| line(typed.clone(), "typed before"));
    let verbs = VERBS.iter().filter(|verb| is_like(verb.word, text)).map(|verb| line(verb.word.to_owned(), verb.usage));
    let actions = BINDINGS.iter().filter(|binding| (binding.enabled)(state).is_ok() && is_like(binding.help, text));
    let actions = actions.map(|binding| {
        let keys: Vec<_> = binding.keys.iter().map(ToString::to_string).collect();
        Proposal { text: binding.help.to_owned(), help: keys.join(" "), leads_to: LeadsTo::Action(binding.action) }
    });
    remembered.chain(verbs).chain(actions).collect()
}

/// What may come after these words.
fn next_words(state: &State, before: &str) -> Vec<String> {
    let words: Vec<&str> = before.split_whitespace().collect();
    let Some((verb, rest)) = words.split_first() else { return Vec::new() };
    if rest.contains(&"because") || rest.contains(&"--reason") {
        return Vec::new();
    }
    let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    if matches!(rest.last(), Some(&("for" | "--for"))) {
        return own(&["5m", "10m", "30m", "1h"]);
    }
    match (*verb, rest) {
        ("drain", [.., "down"]) => return own(&["after", "for", "because"]),
        ("drain", [.., "after"]) => return own(&["10s", "30s", "1m", "5m"]),
        ("drain", [.., "after", _]) => return own(&["--cut", "for", "because"]),
        _ => {}
    }
    let backends = || state.live.pools.iter().flat_map(|pool| &pool.backends).map(|backend| backend.id.to_string());
    let pools = || state.live.pools.iter().map(|pool| pool.name.to_string());
    let strategies = || StrategyKind::ALL.iter().map(ToString::to_string).chain(["configured".to_owned()]);
    let terms = || own(&["for", "because"]);
    match (*verb, rest.len()) {
        ("up" | "drain", 0) => backends().chain(terms()).collect(),
        ("down", 0) => backends().chain(own(&["--cut", "for", "because"])).collect(),
        ("down", _) => own(&["--cut", "for", "because"]),
        ("drain", 1) => own(&["then down", "for", "because"]),
        ("why", 0) => backends().collect(),
        ("weight", 0) => backends().chain(own(&["configured"])).collect(),
        ("weight", 1) => own(&["configured"]).into_iter().chain(terms()).collect(),
        ("strategy", 0) => strategies().chain(pools()).collect(),
        ("strategy", 1) => strategies().chain(terms()).collect(),
        ("up" | "drain" | "weight" | "strategy", _) => terms(),
        _ => Vec::new(),
    }
}

/// Whether a text says what was typed, from the beginning of a word on.
fn says(text: &str, typed: &str) -> bool {
    let (text, typed) = (text.to_lowercase(), typed.to_lowercase());
    text.match_indices(&typed).any(|(at, _)| at == 0 || !text.as_bytes()[at - 1].is_ascii_alphanumeric())
}

/// Whether the characters typed occur in a text in their order, from the beginning of a word on.
fn is_like(text: &str, typed: &str) -> bool {
    let (text, typed) = (text.to_lowercase(), typed.to_lowercase());
    let mut starts = text.char_indices().filter(|(at, _)| *at == 0 || !text.as_bytes()[at - 1].is_ascii_alphanumeric());
    let follows = |from: usize| {
        let mut rest = text[from..].chars();
        typed.chars().all(|c| rest.any(|other| other == c))
    };
    let first = typed.chars().next();
    first.is_none() || starts.any(|(at, c)| Some(c) == first && follows(at))
}

/// A key while the palette is open. Esc and Ctrl-C do not come here.
pub(super) fn press(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    let Overlay::Palette(Palette { text, at }) = &state.overlay else { return Vec::new() };
    let (typed, at) = (text.clone(), *at);
    let proposals = proposals(state, &typed);
    let last = proposals.len().checked_sub(1);
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let to = |at: Option<usize>, state: &mut State| {
        if let Overlay::Palette(palette) = &mut state.overlay {
            palette.at = at;
        }
    };
    match key.code {
        KeyCode::Enter => return enter(state, &typed, at.and_then(|at| proposals.into_iter().nth(at))),
        KeyCode::Tab => {
            if let Some(Proposal { text, leads_to: LeadsTo::Line, .. }) = proposals.into_iter().nth(at.unwrap_or(0)) {
                fill_in(state, text + " ");
            }
        }
        KeyCode::Char('n') if ctrl => to(last.map(|last| at.map_or(0, |at| (at + 1).min(last))), state),
        KeyCode::Down => to(last.map(|last| at.map_or(0, |at| (at + 1).min(last))), state),
        KeyCode::Char('p') if ctrl => to(at.and_then(|at| at.checked_sub(1)), state),
        KeyCode::Up => to(at.and_then(|at| at.checked_sub(1)), state),
        _ => {
            if let Overlay::Palette(palette) = &mut state.overlay
                && edit(&mut palette.text, key)
            {
                palette.at = None;
            }
        }
    }
    Vec::new()
}

fn fill_in(state: &mut State, text: String) {
    state.overlay = Overlay::Palette(Palette { text, at: None });
}

/// Does what is chosen or typed; what is not understood stays on the line.
fn enter(state: &mut State, typed: &str, chosen: Option<Proposal>) -> Vec<Effect> {
    let typed = match chosen {
        Some(Proposal { leads_to: LeadsTo::Action(action), .. }) => return perform(state, action),
        Some(Proposal { text, .. }) => text,
        None => typed.trim().to_owned(),
    };
    if typed.is_empty() {
        state.overlay = Overlay::None;
        return Vec::new();
    }
    let parsed = match line::parse(&typed, state) {
        Ok(parsed) => parsed,
        Err(problem) => {
            // What is no verb may be a part of what an action does, if that says so letter by letter and does not end the
            // program: nobody has chosen it.
            if let Some(Proposal { leads_to: LeadsTo::Action(action), text, .. }) = proposals(state, &typed).first()
                && says(text, &typed)
                && *action != Action::Interrupt
            {
                return perform(state, *action);
            }
            state.say(Severity::Warning, problem);
            fill_in(state, typed);
            return Vec::new();
        }
    };
    state.typed.retain(|line| *line != typed);
    state.typed.push(typed);
    let forgotten = state.typed.len().saturating_sub(MEMORY);
    state.typed.drain(..forgotten);
    state.overlay = Overlay::None;
    match parsed {
        Typed::Action(action) => perform(state, action),
        Typed::Why(backend) => {
            state.overlay = Overlay::Why { backend, scroll: 0 };
            Vec::new()
        }
        Typed::Wish(wish) => match keymap::writable(state) {
            Ok(()) => ask(state, wish),
            Err(reason) => {
                state.say(Severity::Warning, reason);
                Vec::new()
            }
        },
    }
}

/// Does what a key would do on the panels.
fn perform(state: &mut State, action: Action) -> Vec<Effect> {
    state.overlay = Overlay::None;
    let binding = BINDINGS.iter().find(|binding| binding.action == action);
    if let Some(Err(reason)) = binding.map(|binding| (binding.enabled)(state)) {
        state.say(Severity::Warning, reason);
        return Vec::new();
    }
    act(state, action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture::{self, press, type_text};

    fn line(state: &State) -> &str {
        if let Overlay::Palette(palette) = &state.overlay { &palette.text } else { "" }
    }

    fn sent(effects: &[Effect]) -> Vec<String> {
        let told = |effect: &Effect| match effect {
            Effect::Send { command, terms, .. } => {
                let reason = terms.reason.as_deref().unwrap_or("-");
                Some(format!("{command} | {} | {reason}", terms.for_ms.unwrap_or(0)))
            }
            _ => None,
        };
        effects.iter().filter_map(told).collect()
    }

    #[test]
    fn a_typed_verb_is_sent_with_its_terms_and_remembered() {
        let mut state = fixture::state(5);
        press(&mut state, ":");
        type_text(&mut state, "drain web/api-3 for 10m because deploy of 17");
        assert_eq!(sent(&press(&mut state, "Enter")), ["drain web/api-3 | 600000 | deploy of 17"]);
        assert_eq!(state.overlay, Overlay::None);
        press(&mut state, ": d r Down");
        assert_eq!(proposals(&state, "dr")[0].help, "typed before");
        press(&mut state, "Tab");
        assert_eq!(line(&state), "drain web/api-3 for 10m because deploy of 17 ");
    }

    #[test]
    fn tab_completes_what_is_begun() {
        let mut state = fixture::state(12);
        press(&mut state, ": d r a Tab");
        assert_eq!(line(&state), "drain ");
        type_text(&mut state, "a12");
        press(&mut state, "Tab");
        assert_eq!(line(&state), "drain web/api-12 ");
        press(&mut state, "Ctrl-u");
        type_text(&mut state, "weight api-12");
        press(&mut state, "Tab c o Tab Enter");
        assert_eq!(line(&state), "", "it is the configured one already");
        assert_eq!(state.toast.unwrap().text, "web/api-12 has weight 1 already");
    }

    #[test]
    fn actions_are_found_by_what_they_do() {
        let mut state = fixture::state(5);
        press(&mut state, ": f r e e z Enter");
        assert!(state.frozen.is_some());
        for word in [": q u i t", ": e x i t"] {
            press(&mut state, word);
            assert_eq!(press(&mut state, "Enter"), [Effect::Drain("quit"), Effect::Leave(crate::tui::Exit::Quit)]);
        }
    }

    #[test]
    fn what_is_not_understood_stays_and_is_explained() {
        let mut state = fixture::state(5);
        press(&mut state, ":");
        type_text(&mut state, "drain web/api-33");
        assert_eq!(press(&mut state, "Enter"), []);
        assert_eq!(state.toast.as_ref().unwrap().text, "there is no backend web/api-33; did you mean web/api-3?");
        assert_eq!(line(&state), "drain web/api-33");
        press(&mut state, "Esc");
        state.read_only = true;
        press(&mut state, ":");
        type_text(&mut state, "drain web/api-3");
        assert_eq!(press(&mut state, "Enter"), []);
        assert!(state.toast.unwrap().text.contains("--read-only"));
    }

    #[test]
    fn a_mistyped_verb_does_nothing_else() {
        for (typed, said) in [
            ("drian", "there is no command drian; did you mean drain?"),
            ("status", "there is no command status; "),
            ("again", "there is no command again; "),
        ] {
            let mut state = fixture::state(5);
            press(&mut state, ":");
            type_text(&mut state, typed);
            assert_eq!(press(&mut state, "Enter"), []);
            let toast = state.toast.as_ref().map(|toast| toast.text.as_str());
            assert!(toast.is_some_and(|toast| toast.starts_with(said)), "{typed}: {toast:?}");
            assert_eq!(line(&state), typed);
        }
    }

    #[test]
    fn likeness_begins_where_a_word_does() {
        for (text, typed, alike) in [
            ("freeze the display", "fr", true),
            ("freeze the display", "disp", true),
            ("web/api-12", "api-12", true),
            ("web/api-12", "w12", true),
            ("web/api-12", "pi", false),
            ("drain", "", true),
        ] {
            assert_eq!(is_like(text, typed), alike, "{typed}");
        }
    }
}
