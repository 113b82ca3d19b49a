//! The one place where the dashboard's state changes: a message comes in, effects go out. No clock, no I/O.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::act::act;
use super::ask;
use super::expect::is_shown;
use super::fleet::Link;
use super::keymap;
use super::palette;
use super::reload;
use super::rows::rows;
use super::state::{Overlay, State, Toast};
use crate::balance::Millis;
use crate::balance::backend::BackendId;
use crate::balance::snapshot::Snapshot;
use crate::command::{Applied, Command, Terms};
use crate::event::{Severity, Stamped};
use crate::plan::Plan;

/// How long a passing message stays.
const TOAST: Millis = 6_000;

/// After so long, a snapshot that does not show what was done tells that something else has been done since.
const SETTLING: Millis = 1_000;

/// Something to react to.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key.
    Key(KeyEvent),
    /// Pasted text.
    Paste(String),
    /// The terminal has that many columns and rows now.
    Resize(u16, u16),
    /// The terminal has got or lost the focus.
    Focus(bool),
    /// The terminal has become slow, or is no longer.
    Slow(bool),
    /// How things are now.
    Snapshot {
        /// At which instance.
        from: usize,
        /// How they are.
        snapshot: Arc<Snapshot>,
    },
    /// An instance answers, or does not any more.
    Link {
        /// Which.
        from: usize,
        /// Whether it answers.
        link: Link,
    },
    /// What happened.
    Event {
        /// At which instance.
        from: usize,
        /// What it was.
        event: Arc<Stamped>,
    },
    /// That many events were lost on the way here.
    Dropped(u64),
    /// A command has been answered.
    Answered {
        /// Which.
        token: u64,
        /// What it did, or why not, in words.
        result: Result<Applied, String>,
    },
    /// An instance has said what a reload would change.
    Planned {
        /// Which.
        from: usize,
        /// Its plan, or why there is none.
        result: Result<Plan, String>,
    },
    /// evenkeel drains; milliseconds until what is left is cut.
    Draining(Millis),
    /// The process goes on after it was stopped.
    Resumed,
    /// Time has passed.
    Tick,
    /// The terminal is gone.
    Hangup,
    /// evenkeel is done; the dashboard must go.
    Finished,
}

/// Something to do outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send a command to an instance.
    Send {
        /// To be given back with the answer.
        token: u64,
        /// Which instance.
        to: usize,
        /// What to do.
        command: Command,
        /// For how long, and why.
        terms: Terms,
        /// Do it even if nobody is left to serve.
        force: bool,
    },
    /// Ask an instance what a reload would change.
    Plan {
        /// Which.
        to: usize,
    },
    /// Begin to drain, for this reason.
    Drain(&'static str),
    /// Cut what is left.
    Cut,
    /// Have the terminal copy this.
    Copy(String),
    /// Draw everything anew.
    Repaint,
    /// Leave the terminal.
    Leave(Exit),
}

/// Why the dashboard has left the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// evenkeel is done.
    Finished,
    /// The operator has quit: while there was no traffic, and the drain has begun; or a dashboard that is only attached.
    Quit,
    /// The terminal is gone.
    TerminalGone,
    /// The dashboard panicked: a bug. The proxy goes on.
    Panicked,
}

/// Reacts to a message at the time `now`.
pub fn update(state: &mut State, msg: Msg, now: Millis) -> Vec<Effect> {
    state.now = now;
    if state.toast.as_ref().is_some_and(|toast| toast.until <= now) {
        state.toast = None;
    }
    match msg {
        Msg::Key(key) => return press(state, key),
        Msg::Paste(text) => paste(state, &text),
        Msg::Resize(columns, rows) => state.size = (columns, rows),
        Msg::Focus(focus) => state.unfocused = !focus,
        Msg::Slow(slow) => state.slow_tty = slow,
        Msg::Snapshot { from, snapshot } => look(state, from, snapshot),
        Msg::Link { from, link } => relink(state, from, link),
        Msg::Event { from, event } => {
            // Each instance counts its own events; the lines on this screen have numbers of their own.
            let seq = state.events.newest() + 1;
            state.events.push(from, &Stamped { seq, ..(*event).clone() });
            let oldest = state.events.iter().next().map_or(0, |line| line.seq);
            state.events_at = state.events_at.map(|at| at.max(oldest));
        }
        Msg::Dropped(lost) => state.dropped += lost,
        Msg::Answered { token, result } => answered(state, token, result),
        Msg::Planned { from, result } => reload::planned(state, from, result),
        Msg::Draining(left) => state.drain_until = Some(now + left),
        Msg::Tick => {}
        Msg::Resumed => return vec![Effect::Repaint],
        Msg::Hangup => return vec![Effect::Leave(Exit::TerminalGone)],
        Msg::Finished => return vec![Effect::Leave(Exit::Finished)],
    }
    Vec::new()
}

impl State {
    /// Shows a passing message.
    pub(super) fn say(&mut self, severity: Severity, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), severity, until: self.now + TOAST });
    }

    /// When the screen changes by itself next: a message goes, a dialog arms.
    pub fn next_change(&self) -> Option<Millis> {
        let toast = self.toast.as_ref().map(|toast| toast.until);
        let armed = ask::armed_at(&self.overlay).filter(|at| *at > self.now);
        toast.into_iter().chain(armed).min()
    }
}

fn press(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    if let Some(binding) = keymap::find(state, key) {
        if let Err(reason) = (binding.enabled)(state) {
            state.say(Severity::Warning, reason);
            return Vec::new();
        }
        return act(state, binding.action);
    }
    if ask::armed_at(&state.overlay).is_some() {
        return ask::answer(state, key);
    }
    if matches!(state.overlay, Overlay::Palette(_)) {
        return palette::press(state, key);
    }
    if matches!(state.overlay, Overlay::Reload(_)) {
        return reload::press(state, key);
    }
    if state.is_typing() {
        edit_filter(state, key);
    }
    Vec::new()
}

/// Keys that go into a filter's text. Enter and Esc are in the table.
fn edit_filter(state: &mut State, key: KeyEvent) {
    let Overlay::Log { at, filter } = &mut state.overlay else {
        if edit(&mut state.filter.text, key) {
            select_visible(state);
        }
        return;
    };
    if edit(&mut filter.text, key) {
        *at = None;
    }
}

/// Edits a line of text; whether the key meant anything.
pub(super) fn edit(text: &mut String, key: KeyEvent) -> bool {
    match (key.code, key.modifiers - KeyModifiers::SHIFT) {
        (KeyCode::Char('u'), KeyModifiers::CONTROL) => text.clear(),
        (KeyCode::Char(c), KeyModifiers::NONE) => text.push(c),
        (KeyCode::Backspace, _) => drop(text.pop()),
        _ => return false,
    }
    true
}

fn paste(state: &mut State, text: &str) {
    let plain = text.chars().filter(|c| !c.is_control());
    match &mut state.overlay {
        Overlay::Palette(palette) => palette.paste(plain),
        Overlay::Log { filter, .. } if filter.editing => filter.text.extend(plain),
        _ if state.filter.editing => {
            state.filter.text.extend(plain);
            select_visible(state);
        }
        _ => {}
    }
}

/// Takes in how things are now at an instance.
fn look(state: &mut State, from: usize, snapshot: Arc<Snapshot>) {
    let before = state.expected();
    let overdue = |answered: Millis| answered + SETTLING <= state.now;
    let settled = |command: &Command, answered: Millis| overdue(answered) || is_shown(&snapshot, command);
    state
        .pending
        .retain(|pending| pending.to != from || pending.answered.is_none_or(|answered| !settled(&pending.command, answered)));
    if let Some(member) = state.fleet.members.get_mut(from) {
        (member.snapshot, member.seen_at) = (Some(snapshot), state.now);
        state.gather();
    } else {
        state.live = snapshot;
    }
    settle(state, &before);
}

/// An instance answers, or does not any more.
fn relink(state: &mut State, from: usize, link: Link) {
    let before = state.expected();
    let Some(member) = state.fleet.members.get_mut(from) else { return };
    let (was, label) = (std::mem::replace(&mut member.link, link.clone()), state.fleet.label(from));
    match (was, link) {
        (Link::Open, Link::Lost(why)) => state.say(Severity::Error, format!("{label} is gone: {why}")),
        (Link::Lost(_), Link::Open) => state.say(Severity::Info, format!("{label} is back")),
        _ => {}
    }
    state.gather();
    settle(state, &before);
}

/// Sees to what a new look at things brings with it.
fn settle(state: &mut State, before: &[(usize, Arc<Snapshot>)]) {
    ask::reconsider(state, before);
    let gone = |id: &BackendId| state.live.backend(id).is_none();
    if matches!(&state.overlay, Overlay::Details { backend, .. } | Overlay::Why { backend, .. } if gone(backend)) {
        state.overlay = Overlay::None;
    }
    let marked = state.marked.iter().filter(|id| !gone(id)).cloned().collect();
    let lost = state.selected.as_ref().is_none_or(gone);
    state.marked = marked;
    if lost {
        state.selected = None;
        select_visible(state);
    }
}

/// Selects the first row if the selected one is not to be seen.
pub(super) fn select_visible(state: &mut State) {
    if state.target().is_none()
        && let Some(first) = state.pool().and_then(|pool| Some(rows(pool, state).first()?.id.clone()))
    {
        state.selected = Some(first);
    }
}

fn answered(state: &mut State, token: u64, result: Result<Applied, String>) {
    let Some(at) = state.pending.iter().position(|pending| pending.token == token) else { return };
    let (to, command) = (state.pending[at].to, state.pending[at].command.clone());
    if result.is_ok() {
        state.pending[at].answered = Some(state.now);
    } else {
        state.pending.remove(at);
    }
    let Some(at) = state.errands.iter().position(|errand| errand.open.contains(&token)) else { return };
    if state.errands[at].answer(token, to, command, result) {
        let (severity, text) = state.errands.remove(at).outcome(&state.fleet);
        state.say(severity, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::BackendId;
    use crate::tui::fixture::{self, change, press};

    fn answer(state: &mut State, token: u64, result: Result<&str, &str>) {
        let now = state.now + 50;
        let result = result.map(str::to_owned).map_err(str::to_owned);
        let effects = update(state, Msg::Answered { token, result }, now);
        assert_eq!(effects, []);
    }

    #[test]
    fn a_row_is_pending_until_a_snapshot_shows_what_was_done() {
        let mut state = fixture::state(5);
        let id = BackendId::new("web", "api-1");
        press(&mut state, "d");
        change(&mut state, |_| {});
        assert!(state.is_pending(&id));
        answer(&mut state, 1, Ok("web/api-1 up -> drain"));
        assert_eq!(state.toast.as_ref().unwrap().text, "web/api-1 draining, others 20 -> 25 % (z undo)");
        let old = state.live.clone();
        let now = state.now + 100;
        update(&mut state, Msg::Snapshot { from: 0, snapshot: old }, now);
        assert!(state.is_pending(&id), "a snapshot from before the answer");
        let mut new = (*state.live).clone();
        fixture::set_mode(&mut new.pools[0].backends[0], crate::balance::backend::Mode::Drain);
        update(&mut state, Msg::Snapshot { from: 0, snapshot: new.into() }, now + 100);
        assert!(!state.is_pending(&id));
    }

    #[test]
    fn what_somebody_else_has_changed_since_is_not_pending_for_ever() {
        let mut state = fixture::state(5);
        press(&mut state, "d");
        answer(&mut state, 1, Ok("web/api-1 up -> drain"));
        change(&mut state, |_| {});
        assert!(state.pending.is_empty());
    }

    #[test]
    fn a_refusal_is_told_and_nothing_is_pending() {
        let mut state = fixture::state(5);
        press(&mut state, "z");
        answer(&mut state, 1, Err("nothing to undo"));
        let toast = state.toast.clone().unwrap();
        assert_eq!((toast.text.as_str(), toast.severity), ("nothing to undo", Severity::Error));
        assert!(state.pending.is_empty());
        answer(&mut state, 1, Ok("an answer that nobody waits for"));
        assert_eq!(state.toast, Some(toast));
    }

    #[test]
    fn undo_says_what_the_desk_says() {
        let mut state = fixture::state(5);
        press(&mut state, "z");
        answer(&mut state, 1, Ok("web/api-1 drain -> up"));
        assert_eq!(state.toast.as_ref().unwrap().text, "undone: web/api-1 drain -> up");
        press(&mut state, "Z");
        answer(&mut state, 2, Ok("web/api-1 up -> drain"));
        assert_eq!(state.toast.unwrap().text, "redone: web/api-1 up -> drain");
    }

    #[test]
    fn messages_pass_and_dialogs_arm_by_themselves() {
        let mut state = fixture::state(1);
        press(&mut state, "Ctrl-z");
        assert_eq!(state.next_change(), Some(state.now + TOAST));
        press(&mut state, "d");
        assert_eq!(state.next_change(), Some(state.now + 300));
        let late = state.now + TOAST;
        update(&mut state, Msg::Tick, late);
        assert_eq!((state.toast.as_ref(), state.next_change()), (None, None));
    }

    #[test]
    fn pasted_text_goes_into_the_filter_or_nowhere() {
        let mut state = fixture::state(3);
        assert_eq!(update(&mut state, Msg::Paste("dxq".to_owned()), 5), []);
        assert_eq!(state.filter.text, "");
        press(&mut state, "/");
        update(&mut state, Msg::Paste("api\u{1b}-2\n".to_owned()), 5);
        assert_eq!(state.filter.text, "api-2");
        assert_eq!(state.target().map(|b| b.id.to_string()).as_deref(), Some("web/api-2"));
    }

    #[test]
    fn the_end_of_the_terminal_or_of_the_process_ends_the_dashboard() {
        let mut state = fixture::state(1);
        assert_eq!(update(&mut state, Msg::Hangup, 1), [Effect::Leave(Exit::TerminalGone)]);
        assert_eq!(update(&mut state, Msg::Finished, 1), [Effect::Leave(Exit::Finished)]);
        assert_eq!(update(&mut state, Msg::Resumed, 1), [Effect::Repaint]);
    }

    #[test]
    fn one_key_reaches_every_instance_and_each_result_is_told() {
        let mut state = fixture::attached(2, 5);
        let effects = press(&mut state, "d");
        let to: Vec<_> = effects.iter().map(|e| if let Effect::Send { to, .. } = e { *to } else { usize::MAX }).collect();
        assert_eq!(to, [0, 1]);
        answer(&mut state, 1, Ok("web/api-1 up -> drain"));
        assert_eq!(state.toast, None, "one is still to answer");
        answer(&mut state, 2, Ok("web/api-1 up -> drain"));
        assert_eq!(state.toast.take().unwrap().text, "2 of 2: web/api-1 up -> drain");
        press(&mut state, "j d");
        answer(&mut state, 3, Ok("web/api-2 up -> drain"));
        answer(&mut state, 4, Err("no answer in time"));
        let toast = state.toast.take().unwrap();
        assert_eq!(toast.text, "1 of 2: #2 10.0.0.2:9900 refused: no answer in time; web/api-2 up -> drain");
        press(&mut state, "i");
        assert_eq!(press(&mut state, "j d").len(), 1, "one instance alone");
    }

    #[test]
    fn a_lost_instance_is_left_out_and_the_others_go_on() {
        let mut state = fixture::attached(2, 5);
        fixture::change_at(&mut state, 0, |live| live.pools[0].in_flight = 3);
        fixture::change_at(&mut state, 1, |live| live.pools[0].in_flight = 4);
        assert_eq!(state.in_flight(), 7);
        update(&mut state, Msg::Link { from: 1, link: Link::Lost("connection refused".into()) }, 9_000);
        assert_eq!(state.in_flight(), 3);
        assert_eq!(state.toast.take().unwrap().text, "#2 10.0.0.2:9900 is gone: connection refused");
        assert_eq!(press(&mut state, "d").len(), 1);
        update(&mut state, Msg::Link { from: 0, link: Link::Lost("connection refused".into()) }, 10_000);
        assert_eq!(press(&mut state, "j d"), []);
        assert!(state.toast.take().unwrap().text.contains("nobody answers"));
        update(&mut state, Msg::Link { from: 1, link: Link::Open }, 20_000);
        assert_eq!(state.in_flight(), 4);
    }
}
