//! The keys: one table from which dispatch, footer, help, the README's key table and the check for duplicates derive.
//!
//! Keys that answer a dialog stand on its buttons ([`super::dialog`]) and not here.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::state::{Overlay, Panel, State};
use crate::balance::backend::Mode;

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Move the selection, or scroll what has the focus.
    Move(Step),
    /// Show the pool that many places on.
    Pool(isize),
    /// Mark the selected backend.
    Mark,
    /// Set a mode.
    SetMode(Mode),
    /// Drain, and switch off once that is done.
    DrainThenDown,
    /// Change the weight by one step.
    Weight(i32),
    /// Go back to the configured weight.
    ConfiguredWeight,
    /// Drop what an operator has set in place of the config.
    AsConfigured,
    /// Open the strategy picker.
    PickStrategy,
    /// Edit the filter.
    Filter,
    /// Sort by the next column.
    Sort,
    /// Sort the other way round.
    ReverseSort,
    /// Backends in trouble first.
    ProblemsFirst,
    /// Freeze or unfreeze the display.
    Freeze,
    /// Take the last change back.
    Undo,
    /// Do it again.
    Redo,
    /// Details of the selected backend; in a list, choose.
    Open,
    /// Why the selected backend takes requests, or why not.
    Why,
    /// List whatever differs from the config.
    Overrides,
    /// The events on the whole screen.
    Log,
    /// Type a command.
    Palette,
    /// Look at what a reload would change.
    Reload,
    /// Copy what is selected.
    Copy,
    /// Show the next instance alone, or all.
    Instance,
    /// Focus the panel that many places on.
    Panel(isize),
    /// Focus this panel.
    ShowPanel(Panel),
    /// Shorter (-1) or longer (+1) window.
    Window(isize),
    /// Keys and glossary.
    Help,
    /// Stop serving.
    Quit,
    /// Leave whatever is open.
    Leave,
    /// Drain and exit; again: cut.
    Interrupt,
    /// What Ctrl-Z would do elsewhere.
    Suspend,
    /// Draw everything anew.
    Repaint,
}

/// How far a movement goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// That many lines down; up if negative.
    Lines(isize),
    /// To the first line.
    First,
    /// To the last line.
    Last,
}

/// Where a binding holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Everywhere.
    Any,
    /// Everywhere but in dialogs; while text is typed, only keys such as arrows.
    Browse,
    /// Where a backend is at hand: the panels and the details.
    Backend,
    /// On the panels, with nothing on top.
    Panels,
    /// On the panels and in the log: where lines are filtered.
    Lists,
    /// Where a backend or a list of overrides is at hand.
    Dropping,
}

impl Context {
    fn holds(self, state: &State) -> bool {
        match (self, &state.overlay) {
            (Self::Any, _)
            | (Self::Lists, Overlay::None | Overlay::Log { .. })
            | (Self::Dropping, Overlay::None | Overlay::Details { .. } | Overlay::Why { .. } | Overlay::Overrides { .. }) => true,
            (Self::Browse, overlay) => {
                !matches!(overlay, Overlay::Confirm(_) | Overlay::TypeName(_) | Overlay::Quit { .. } | Overlay::Palette(_))
            }
            (Self::Backend, Overlay::None | Overlay::Details { .. } | Overlay::Why { .. }) | (Self::Panels, Overlay::None) => {
                !state.filter.editing
            }
            _ => false,
        }
    }
}

/// A key as it is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    ctrl: bool,
}

impl Key {
    /// The key of an event. Shift is part of the character already; Alt makes it another key, which is bound to nothing.
    pub fn of(event: KeyEvent) -> Option<Self> {
        let others = KeyModifiers::all() - KeyModifiers::SHIFT - KeyModifiers::CONTROL;
        (!event.modifiers.intersects(others))
            .then(|| Self { code: event.code, ctrl: event.modifiers.contains(KeyModifiers::CONTROL) })
    }

    fn is_character(self) -> bool {
        matches!(self.code, KeyCode::Char(_))
    }
}

impl fmt::Display for Key {
    /// `u`, `Ctrl-c`, `PgDn`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("Ctrl-")?;
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(n) => write!(f, "F{n}"),
            KeyCode::PageUp => f.write_str("PgUp"),
            KeyCode::PageDown => f.write_str("PgDn"),
            KeyCode::BackTab => f.write_str("Shift-Tab"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// A line of the table.
#[derive(Debug)]
pub struct Binding {
    /// Any of these keys.
    pub keys: &'static [Key],
    /// What they do.
    pub action: Action,
    /// Where.
    pub context: Context,
    /// One line of help.
    pub help: &'static str,
    /// Rank (0 comes first) and label in the footer. Neighbours of the same label are shown as one: `u/d/x mode`.
    pub footer: Option<(u8, &'static str)>,
    /// Whether it would do anything now, and if not, why not.
    pub enabled: fn(&State) -> Result<(), &'static str>,
}

impl Binding {
    const fn new(keys: &'static [Key], action: Action, context: Context, help: &'static str) -> Self {
        Self { keys, action, context, help, footer: None, enabled: |_| Ok(()) }
    }

    const fn footer(mut self, rank: u8, label: &'static str) -> Self {
        self.footer = Some((rank, label));
        self
    }

    const fn when(mut self, enabled: fn(&State) -> Result<(), &'static str>) -> Self {
        self.enabled = enabled;
        self
    }
}

const fn key(code: KeyCode) -> Key {
    Key { code, ctrl: false }
}

const fn ch(c: char) -> Key {
    key(KeyCode::Char(c))
}

const fn ctrl(c: char) -> Key {
    Key { code: KeyCode::Char(c), ctrl: true }
}

/// Lines that a page has.
const PAGE: isize = 10;

/// Every key, in the order of the help.
pub const BINDINGS: &[Binding] = {
    use Action as A;
    use Context::{Any, Backend, Browse, Dropping, Lists, Panels};
    &[
        Binding::new(&[ch('j'), key(KeyCode::Down)], A::Move(Step::Lines(1)), Browse, "next line").footer(9, "move"),
        Binding::new(&[ch('k'), key(KeyCode::Up)], A::Move(Step::Lines(-1)), Browse, "previous line").footer(9, "move"),
        Binding::new(&[ch('g'), key(KeyCode::Home)], A::Move(Step::First), Browse, "first line"),
        Binding::new(&[ch('G'), key(KeyCode::End)], A::Move(Step::Last), Browse, "last line"),
        Binding::new(&[key(KeyCode::PageDown), ctrl('d')], A::Move(Step::Lines(PAGE)), Browse, "ten lines down"),
        Binding::new(&[key(KeyCode::PageUp), ctrl('u')], A::Move(Step::Lines(-PAGE)), Browse, "ten lines up"),
        Binding::new(&[ch('h'), key(KeyCode::Left)], A::Pool(-1), Panels, "previous pool").footer(10, "pool").when(several_pools),
        Binding::new(&[ch('l'), key(KeyCode::Right)], A::Pool(1), Panels, "next pool").footer(10, "pool").when(several_pools),
        Binding::new(&[ch(' ')], A::Mark, Panels, "mark; the keys below then act on all that are marked"),
        Binding::new(&[ch('u')], A::SetMode(Mode::Up), Backend, "up: takes requests").footer(1, "mode").when(backend),
        Binding::new(&[ch('d')], A::SetMode(Mode::Drain), Backend, "drain: no new requests, running ones finish")
            .footer(1, "mode")
            .when(backend),
        Binding::new(&[ch('x')], A::SetMode(Mode::Down), Backend, "down: off; asks whether running requests are cut")
            .footer(1, "mode")
            .when(backend),
        Binding::new(&[ch('D')], A::DrainThenDown, Backend, "drain, then down once nothing is in flight").when(backend),
        Binding::new(&[ch('+')], A::Weight(1), Backend, "one more weight").footer(2, "weight").when(backend),
        Binding::new(&[ch('-')], A::Weight(-1), Backend, "one less weight").footer(2, "weight").when(backend),
        Binding::new(&[ch('=')], A::ConfiguredWeight, Backend, "back to the configured weight").when(backend),
        Binding::new(&[ch('C')], A::AsConfigured, Dropping, "back to what the config says: drops overrides").when(writable),
        Binding::new(&[ch('b')], A::PickStrategy, Panels, "pick the pool's strategy").footer(3, "strategy").when(writable),
        Binding::new(&[ch('z')], A::Undo, Backend, "undo the last change").footer(4, "undo").when(writable),
        Binding::new(&[ch('Z')], A::Redo, Backend, "redo it").when(writable),
        Binding::new(&[key(KeyCode::Enter)], A::Open, Browse, "details of the backend; in a list: choose").footer(6, "details"),
        Binding::new(&[ch('w')], A::Why, Backend, "why it takes requests, or why not").footer(6, "why").when(subject),
        Binding::new(&[ch('O')], A::Overrides, Panels, "overrides: whatever differs from the config"),
        Binding::new(&[ch(':')], A::Palette, Backend, "type a command: drain web/a for 10m because deploy").footer(7, "command"),
        Binding::new(&[ch('/')], A::Filter, Lists, "filter: words in name, address or state; !word excludes").footer(5, "filter"),
        Binding::new(&[ch('s')], A::Sort, Panels, "sort by the next column").footer(11, "sort"),
        Binding::new(&[ch('S')], A::ReverseSort, Panels, "sort the other way round"),
        Binding::new(&[ch('!')], A::ProblemsFirst, Panels, "backends in trouble first").footer(12, "problems"),
        Binding::new(&[ch('p')], A::Freeze, Panels, "freeze the display; traffic goes on").footer(8, "freeze"),
        Binding::new(&[ch('[')], A::Window(-1), Panels, "shorter window").footer(13, "window"),
        Binding::new(&[ch(']')], A::Window(1), Panels, "longer window").footer(13, "window"),
        Binding::new(&[key(KeyCode::Tab)], A::Panel(1), Panels, "next panel").footer(14, "panel"),
        Binding::new(&[key(KeyCode::BackTab)], A::Panel(-1), Panels, "previous panel"),
        Binding::new(&[ch('1')], A::ShowPanel(Panel::Backends), Panels, "backends"),
        Binding::new(&[ch('2')], A::ShowPanel(Panel::Distribution), Panels, "distribution"),
        Binding::new(&[ch('3')], A::ShowPanel(Panel::Throughput), Panels, "throughput and latency"),
        Binding::new(&[ch('4')], A::ShowPanel(Panel::Events), Panels, "events"),
        Binding::new(&[ch('i')], A::Instance, Panels, "the next instance alone, or all (attached to several)")
            .footer(4, "instance")
            .when(several_instances),
        Binding::new(&[ch('L')], A::Log, Panels, "log: the events on the whole screen"),
        Binding::new(&[ch('R')], A::Reload, Panels, "reload the config file, after a look at what it would change")
            .when(writable),
        Binding::new(&[ch('y')], A::Copy, Browse, "copy what is selected to the terminal's clipboard"),
        Binding::new(&[ch('?'), key(KeyCode::F(1))], A::Help, Browse, "keys and glossary").footer(0, "help"),
        Binding::new(&[key(KeyCode::Esc)], A::Leave, Any, "leave whatever is open, never the program"),
        Binding::new(
            &[ch('q')],
            A::Quit,
            Browse,
            "close; on the panels: quit, asks while traffic flows (attached: leave, and all goes on)",
        )
        .footer(15, "quit"),
        Binding::new(&[ctrl('c')], A::Interrupt, Any, "drain and exit; again: cut what is left (attached: leave)"),
        Binding::new(&[ctrl('z')], A::Suspend, Any, "refused: it would freeze the proxy"),
        Binding::new(&[ctrl('l')], A::Repaint, Any, "repaint the screen"),
    ]
};

/// The binding that a key has now.
pub fn find(state: &State, event: KeyEvent) -> Option<&'static Binding> {
    let key = Key::of(event)?;
    let typed = state.is_typing() && key.is_character();
    BINDINGS.iter().find(|b| b.keys.contains(&key) && b.context.holds(state) && (b.context == Context::Any || !typed))
}

/// A hint in the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// `u/d/x`.
    pub keys: String,
    /// `mode`.
    pub label: &'static str,
    /// Whether any of them would do anything now.
    pub enabled: bool,
}

/// The hints that hold now, the most important first.
pub fn footer(state: &State) -> Vec<Hint> {
    let mut ranked: Vec<(u8, Hint)> = Vec::new();
    for binding in BINDINGS.iter().filter(|b| b.context.holds(state)) {
        let (Some((rank, label)), Some(key)) = (binding.footer, binding.keys.first()) else { continue };
        let Some(label) = label_on(&state.overlay, binding.action, label) else { continue };
        let enabled = (binding.enabled)(state).is_ok();
        match ranked.last_mut() {
            Some((_, hint)) if hint.label == label => {
                hint.keys = format!("{}/{key}", hint.keys);
                hint.enabled |= enabled;
            }
            _ => ranked.push((rank, Hint { keys: key.to_string(), label, enabled })),
        }
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, hint)| hint).collect()
}

/// What a hint says while something lies on top, where some keys do something else.
fn label_on(overlay: &Overlay, action: Action, label: &'static str) -> Option<&'static str> {
    match (overlay, action) {
        (Overlay::None, _) => Some(label),
        (_, Action::Quit) | (Overlay::Help { .. }, Action::Help) => Some("close"),
        (Overlay::Picker { .. }, Action::Open) => Some("apply"),
        (Overlay::Overrides { .. }, Action::Open) => Some("go there"),
        (Overlay::Reload(_), Action::Open) => Some("reload"),
        (_, Action::Open) | (Overlay::Why { .. }, Action::Why) => None,
        (
            Overlay::Help { .. } | Overlay::Details { .. } | Overlay::Why { .. } | Overlay::Log { .. } | Overlay::Reload(_),
            Action::Move(_),
        ) => Some("scroll"),
        _ => Some(label),
    }
}

/// Every key with its help, in the order of the table: (`j Down`, `next line`).
pub fn help() -> impl ExactSizeIterator<Item = (String, &'static str)> {
    BINDINGS.iter().map(|b| (b.keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" "), b.help))
}

pub(super) fn writable(state: &State) -> Result<(), &'static str> {
    if state.read_only {
        Err("this dashboard was started with --read-only")
    } else if state.fleet.stale_since().is_some() {
        Err("nobody answers: what is shown is old, and nothing can be changed")
    } else {
        Ok(())
    }
}

fn backend(state: &State) -> Result<(), &'static str> {
    writable(state)?;
    match (state.targets().is_empty(), &state.selected) {
        (false, _) => Ok(()),
        (true, Some(_)) => Err("the selected backend is hidden by the filter"),
        (true, None) => Err("no backend is selected"),
    }
}

fn subject(state: &State) -> Result<(), &'static str> {
    if state.subject().is_some() { Ok(()) } else { Err("no backend is selected") }
}

fn several_instances(state: &State) -> Result<(), &'static str> {
    if state.fleet.is_plural() { Ok(()) } else { Err("there is only one instance") }
}

fn several_pools(state: &State) -> Result<(), &'static str> {
    if state.shown().pools.len() > 1 { Ok(()) } else { Err("there is only one pool") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    fn press(c: char) -> KeyEvent {
        KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)
    }

    #[test]
    fn no_key_is_bound_twice() {
        let keys: Vec<Key> = BINDINGS.iter().flat_map(|b| b.keys.iter().copied()).collect();
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key), "{key} is bound twice");
        }
    }

    #[test]
    fn shift_is_part_of_the_character_and_alt_is_another_key() {
        let state = fixture::state(2);
        let shifted = |c, modifiers| find(&state, KeyEvent::new(KeyCode::Char(c), modifiers)).map(|b| b.action);
        assert_eq!(shifted('G', KeyModifiers::SHIFT), Some(Action::Move(Step::Last)));
        assert_eq!(shifted('x', KeyModifiers::ALT), None);
        assert_eq!(shifted('d', KeyModifiers::CONTROL), Some(Action::Move(Step::Lines(PAGE))));
        let back = KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT);
        assert_eq!(find(&state, back).map(|b| b.action), Some(Action::Panel(-1)));
    }

    #[test]
    fn keys_hold_where_they_should() {
        let mut state = fixture::state(2);
        let holds = |state: &State, c| find(state, press(c)).is_some();
        assert!(holds(&state, 'd') && holds(&state, 'p') && holds(&state, 'j'));
        state.filter.editing = true;
        assert!(!holds(&state, 'd') && !holds(&state, 'j') && !holds(&state, '?'));
        assert!(find(&state, KeyEvent::from(KeyCode::Down)).is_some(), "arrows move while one types");
        state.filter.editing = false;
        state.overlay = Overlay::Details { backend: state.selected.clone().unwrap(), scroll: 0 };
        assert!(holds(&state, 'd') && !holds(&state, 'p') && holds(&state, 'j'));
        state.overlay = Overlay::Help { scroll: 0 };
        assert!(!holds(&state, 'd') && holds(&state, 'j'));
        state.overlay = Overlay::Quit { armed_at: 0 };
        assert!(!holds(&state, 'd') && !holds(&state, 'j') && !holds(&state, 'q'));
        assert!(find(&state, KeyEvent::from(KeyCode::Esc)).is_some());
    }

    #[test]
    fn the_footer_joins_neighbours_and_tells_what_is_disabled() {
        let mut state = fixture::state(2);
        let hint = |state: &State, label| footer(state).into_iter().find(|h| h.label == label).unwrap();
        assert_eq!(footer(&state)[0].label, "help");
        assert_eq!(footer(&state)[1], Hint { keys: "u/d/x".to_owned(), label: "mode", enabled: true });
        assert!(!hint(&state, "pool").enabled, "one pool only");
        state.read_only = true;
        assert!(!hint(&state, "mode").enabled && !hint(&state, "strategy").enabled && hint(&state, "filter").enabled);
    }

    #[test]
    fn the_footer_says_what_keys_do_to_what_lies_on_top() {
        let mut state = fixture::state(2);
        let hints = |state: &State| footer(state).into_iter().map(|h| format!("{} {}", h.keys, h.label)).collect::<Vec<_>>();
        state.overlay = Overlay::Help { scroll: 0 };
        assert_eq!(hints(&state), ["?/q close", "j/k scroll"]);
        state.overlay = Overlay::Picker { pool: "web".into(), strategy: crate::balance::strategy::StrategyKind::Random };
        assert_eq!(hints(&state), ["? help", "Enter apply", "j/k move", "q close"]);
        state.overlay = Overlay::Quit { armed_at: 0 };
        assert!(hints(&state).is_empty());
    }

    #[test]
    fn every_key_has_a_name_and_help() {
        for (keys, help) in help() {
            assert!(keys.is_ascii() && !keys.is_empty() && !help.is_empty(), "{keys}: {help}");
        }
        assert!(help().any(|(keys, _)| keys == "PgDn Ctrl-d"));
    }
}
