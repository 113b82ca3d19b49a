//! What the dashboard knows and shows. Plain data, changed by [`super::update`] only, read by the view.
//!
//! Backends and pools are remembered by name, never by row: rows move while one looks at them.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::errand::Errand;
use super::events::{EventRing, Line, Marker};
use super::fleet::Fleet;
use super::guard::Impact;
use super::merge::Odds;
use super::palette::Palette;
use super::reload::Preview;
use super::rows::{Sort, matches};
use crate::balance::Millis;
use crate::balance::backend::BackendId;
use crate::balance::snapshot::{BackendView, HISTORY, PoolView, Snapshot};
use crate::balance::strategy::StrategyKind;
use crate::command::{Command, Terms};
use crate::event::Severity;

/// Everything the view may look at.
#[derive(Debug)]
pub struct State {
    /// The instances that are looked at.
    pub fleet: Fleet,
    /// How things are now: the newest snapshot, or what the newest ones of several instances come to.
    pub live: Arc<Snapshot>,
    /// What the instances do not agree about.
    pub odds: Odds,
    /// The time of the last message: the view's only clock, on the scale of [`crate::clock::now`].
    pub now: Millis,
    /// Set while the display is frozen.
    pub frozen: Option<Frozen>,
    /// What happened.
    pub events: EventRing,
    /// Sequence number of the lowest event line shown; `None` follows the newest.
    pub events_at: Option<u64>,
    /// The pool shown; see [`Self::pool`].
    pub pool: Option<Arc<str>>,
    /// The backend that keys act on.
    pub selected: Option<BackendId>,
    /// Backends of the pool shown that keys act on instead, if there are any.
    pub marked: BTreeSet<BackendId>,
    /// Order of the rows.
    pub sort: Sort,
    /// Which rows are shown.
    pub filter: Filter,
    /// Index into [`crate::balance::snapshot::WINDOWS`].
    pub window: usize,
    /// The panel that has the focus.
    pub panel: Panel,
    /// The panel to draw where only one fits below the backends: the last one that had the focus.
    pub lower: Panel,
    /// What lies on top, if anything.
    pub overlay: Overlay,
    /// The passing message above the footer.
    pub toast: Option<Toast>,
    /// Commands on their way.
    pub pending: Vec<Pending>,
    /// What has been asked for and is not answered yet.
    pub errands: Vec<Errand>,
    /// Lines given to the palette, the newest last.
    pub typed: Vec<String>,
    /// Set while evenkeel drains: when what is left is cut.
    pub drain_until: Option<Millis>,
    /// Milliseconds that requests may take to finish when evenkeel stops.
    pub grace: Millis,
    /// Events that this dashboard has lost.
    pub dropped: u64,
    /// Whether keys may change anything.
    pub read_only: bool,
    /// Whether the terminal has said that it lost the focus.
    pub unfocused: bool,
    /// Whether the terminal takes long to accept a frame.
    pub slow_tty: bool,
    /// The zone that times of day are shown in.
    pub zone: TimeZone,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The number of the last command.
    pub last_token: u64,
}

/// The display stands still; traffic goes on.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// What is shown.
    pub snapshot: Arc<Snapshot>,
    /// Since when.
    pub since: Millis,
    /// Newest event shown.
    pub seq: u64,
}

/// Text that rows must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// See [`super::rows::matches`] for what it means. Empty shows all.
    pub text: String,
    /// Whether keys go into the text.
    pub editing: bool,
}

/// The panels, in the order of their number keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Panel {
    /// Who is serving?
    #[default]
    Backends,
    /// Is it even?
    Distribution,
    /// How much, how fast?
    Throughput,
    /// What happened?
    Events,
}

impl Panel {
    /// All of them; key `1` is the first.
    pub const ALL: [Self; 4] = [Self::Backends, Self::Distribution, Self::Throughput, Self::Events];

    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Backends => "Backends",
            Self::Distribution => "Distribution",
            Self::Throughput => "Throughput & latency",
            Self::Events => "Events",
        }
    }
}

/// What lies on top of the panels. Esc closes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// Keys and glossary.
    Help {
        /// Lines scrolled past.
        scroll: usize,
    },
    /// The strategy picker.
    Picker {
        /// For which pool.
        pool: Arc<str>,
        /// The one under the cursor.
        strategy: StrategyKind,
    },
    /// All about one backend.
    Details {
        /// Which.
        backend: BackendId,
        /// Lines scrolled past.
        scroll: usize,
    },
    /// Why a backend takes requests, or why not.
    Why {
        /// Which.
        backend: BackendId,
        /// Lines scrolled past.
        scroll: usize,
    },
    /// Whatever differs from the config.
    Overrides {
        /// Index of the line under the cursor.
        at: usize,
    },
    /// The events on the whole screen.
    Log {
        /// Sequence number of the lowest line shown; `None` follows the newest.
        at: Option<u64>,
        /// Which lines are shown.
        filter: Filter,
    },
    /// A line to type commands on.
    Palette(Palette),
    /// What a reload would change.
    Reload(Preview),
    /// A question before something that cuts work or capacity.
    Confirm(Confirm),
    /// A question that is answered by typing the backend's name.
    TypeName(TypeName),
    /// Stop serving?
    Quit {
        /// Keys count from then on.
        armed_at: Millis,
    },
}

/// What the operator wants: a command, or several that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// What to do. All about one pool.
    pub commands: Vec<Command>,
    /// For how long, and why.
    pub terms: Terms,
}

impl From<Vec<Command>> for Wish {
    fn from(commands: Vec<Command>) -> Self {
        Self { commands, terms: Terms::default() }
    }
}

impl From<Command> for Wish {
    fn from(command: Command) -> Self {
        vec![command].into()
    }
}

/// A question with a few answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirm {
    /// What was asked for; `choices` may vary it.
    pub wish: Wish,
    /// What it would do now; computed anew with every snapshot.
    pub impact: Impact,
    /// The answers; the first is always [`Choice::Cancel`].
    pub choices: Vec<Choice>,
    /// Index of the answer that Enter gives. Starts at Cancel.
    pub focus: usize,
    /// Keys count from then on.
    pub armed_at: Millis,
}

/// An answer to a [`Confirm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Leave all as it is.
    Cancel,
    /// Do what was asked for.
    Proceed,
    /// Switch off, but let running requests finish.
    Finish,
    /// Switch off and break the running requests.
    Cut,
}

impl Choice {
    /// The key that gives this answer.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Cancel => "n",
            Self::Proceed => "y",
            Self::Finish => "f",
            Self::Cut => "c",
        }
    }

    /// What stands on the button.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Proceed => "yes, do it",
            Self::Finish => "let them finish",
            Self::Cut => "cut them",
        }
    }
}

/// Asks for the name of the backend (or, of several, of the pool), because nobody would be left to serve.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeName {
    /// What is sent (with force) once the name is right.
    pub wish: Wish,
    /// What it would do now.
    pub impact: Impact,
    /// Typed so far.
    pub typed: String,
    /// Keys count from then on.
    pub armed_at: Millis,
}

/// A passing message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// One line.
    pub text: String,
    /// How grave.
    pub severity: Severity,
    /// Gone from then on.
    pub until: Millis,
}

/// A command on its way: not answered yet, or not to be seen in a snapshot yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Ties the answer to the command.
    pub token: u64,
    /// To which instance it was sent.
    pub to: usize,
    /// What was sent.
    pub command: Command,
    /// When it was done, if only a snapshot is missing to show it.
    pub answered: Option<Millis>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            fleet: Fleet::default(),
            live: Arc::default(),
            odds: Odds::default(),
            now: 0,
            frozen: None,
            events: EventRing::default(),
            events_at: None,
            pool: None,
            selected: None,
            marked: BTreeSet::new(),
            sort: Sort::default(),
            filter: Filter::default(),
            window: 0,
            panel: Panel::Backends,
            lower: Panel::Distribution,
            overlay: Overlay::None,
            toast: None,
            pending: Vec::new(),
            errands: Vec::new(),
            typed: Vec::new(),
            drain_until: None,
            grace: 0,
            dropped: 0,
            read_only: false,
            unfocused: false,
            slow_tty: false,
            zone: TimeZone::UTC,
            size: (80, 24),
            last_token: 0,
        }
    }
}

impl State {
    /// The snapshot to draw: the frozen one, or the newest.
    pub fn shown(&self) -> &Snapshot {
        self.frozen.as_ref().map_or(&self.live, |frozen| &frozen.snapshot)
    }

    /// The pool to draw: the chosen one, or the first. `None` before the first snapshot.
    pub fn pool(&self) -> Option<&PoolView> {
        let pools = &self.shown().pools;
        pools.iter().find(|pool| Some(&pool.name) == self.pool.as_ref()).or(pools.first())
    }

    /// The backend that keys act on, if it is on the screen.
    pub fn target(&self) -> Option<&BackendView> {
        let selected = self.selected.as_ref()?;
        let backend = self.pool()?.backends.iter().find(|backend| backend.id == *selected)?;
        matches(backend, &self.filter.text).then_some(backend)
    }

    /// The backends that keys act on: the marked ones on the screen, or else the selected one.
    pub fn targets(&self) -> Vec<BackendId> {
        let backends = self.pool().map_or(&[][..], |pool| &pool.backends);
        let shown = backends.iter().filter(|backend| matches(backend, &self.filter.text));
        let marked: Vec<_> = shown.map(|backend| &backend.id).filter(|id| self.marked.contains(id)).cloned().collect();
        if marked.is_empty() { self.target().map(|backend| backend.id.clone()).into_iter().collect() } else { marked }
    }

    /// The backend that what lies on top is about, or else the selected one.
    pub fn subject(&self) -> Option<&BackendView> {
        let id = match &self.overlay {
            Overlay::Details { backend, .. } | Overlay::Why { backend, .. } => backend,
            _ => self.selected.as_ref()?,
        };
        self.shown().backend(id)
    }

    /// The event lines to draw, oldest first; the last one is the lowest on the screen.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        let newest = self.frozen.as_ref().map_or(u64::MAX, |frozen| frozen.seq);
        self.events.up_to(self.events_at.unwrap_or(newest).min(newest))
    }

    /// The event lines that match the log's filter, oldest first.
    pub fn log(&self) -> impl DoubleEndedIterator<Item = &Line> {
        let filter = match &self.overlay {
            Overlay::Log { filter, .. } => filter.text.to_lowercase(),
            _ => String::new(),
        };
        self.events.iter().filter(move |line| line.matches(&filter))
    }

    /// Whether characters go into a text.
    pub fn is_typing(&self) -> bool {
        match &self.overlay {
            Overlay::Palette(_) => true,
            Overlay::Log { filter, .. } => filter.editing,
            _ => self.filter.editing,
        }
    }

    /// Event lines that are newer than the lowest one shown.
    pub fn unseen(&self) -> usize {
        self.events.iter().len() - self.lines().count()
    }

    /// What to mark on the time axis of the pool shown: the last [`HISTORY`] seconds before the snapshot.
    pub fn markers(&self) -> Vec<Marker> {
        let Some(pool) = self.pool() else { return Vec::new() };
        let until = self.shown().at_unix_ms;
        self.events.markers(&pool.name, until.saturating_sub(HISTORY as u64 * 1000), until)
    }

    /// Whether a command about this backend is on its way.
    pub fn is_pending(&self, id: &BackendId) -> bool {
        self.pending.iter().any(|pending| match &pending.command {
            Command::SetMode { backend, .. } | Command::SetWeight { backend, .. } => backend == id,
            Command::SetStrategy { .. } | Command::Undo | Command::Redo | Command::Reload => false,
        })
    }

    /// While evenkeel drains: milliseconds until what is left is cut.
    pub fn drain_left(&self) -> Option<Millis> {
        self.drain_until.map(|until| until.saturating_sub(self.now))
    }

    /// Requests in flight over all pools, now.
    pub fn in_flight(&self) -> u32 {
        self.live.pools.iter().map(|pool| pool.in_flight).fold(0, u32::saturating_add)
    }

    /// Finished requests per second over all pools, over the last 5 s.
    pub fn rps(&self) -> f64 {
        self.live.pools.iter().map(|pool| pool.rps).sum()
    }
}
