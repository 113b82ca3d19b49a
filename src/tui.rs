//! The dashboard: a pure core ([`state`], [`keymap`], [`guard`], [`mod@update`], [`view`]) and two threads that talk to the
//! terminal: one reads keys, the other draws.
//!
//! Keys, snapshots and events become messages; [`update::update`] turns a message into new state and effects; [`view`]
//! draws the state. Nothing here changes the world: whatever the operator wants goes to the desk as a command.

mod act;
mod ask;
mod bridge;
mod browse;
mod copy;
pub mod dialog;
mod errand;
mod event_loop;
pub mod events;
mod expect;
#[cfg(test)]
pub(crate) mod fixture;
pub mod fleet;
pub mod guard;
mod input;
pub mod keymap;
pub mod layout;
mod line;
pub mod merge;
pub mod overrides;
mod pace;
pub mod palette;
pub mod reload;
mod report;
pub mod rows;
mod safe;
pub mod state;
mod terminal;
pub mod theme;
pub mod update;
pub mod view;

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use self::event_loop::EventLoop;
use self::fleet::{Fleet, Link};
use self::state::State;
pub use self::terminal::install_panic_hook;
use self::theme::Theme;
pub use self::update::Exit;
use crate::balance::Millis;
use crate::balance::snapshot::Snapshot;
use crate::clock;
use crate::command::{Applied, Command, Terms};
use crate::event::{Event, EventBus, Severity, Stamped};
use crate::plan::Plan;
use crate::running::Follow;
use crate::shutdown::Shutdown;

/// What the command line says about the dashboard.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How it looks.
    pub looks: theme::Options,
    /// Whether keys may change anything.
    pub read_only: bool,
    /// Milliseconds between two looks at the figures.
    pub refresh: Millis,
}

impl Default for Options {
    fn default() -> Self {
        Self { looks: theme::Options::default(), read_only: false, refresh: 250 }
    }
}

/// All that the dashboard sees and reaches of the rest of evenkeel, and of others.
#[derive(Debug)]
pub struct Door {
    /// The instances that it shows: the only one of this process, or those that it is attached to.
    pub instances: Vec<Instance>,
    /// What ends with the dashboard; `None` when it is attached to others, which go on.
    pub home: Option<Home>,
    /// Cancelled when evenkeel is done and the dashboard must go.
    pub finished: CancellationToken,
    /// Where waiting for answers and signals is done.
    pub runtime: Handle,
}

/// A running evenkeel: how it is, what happens, and how to ask it for something.
#[derive(Debug)]
pub struct Instance {
    /// Its address.
    pub name: Arc<str>,
    /// How things are; looked at, never waited for.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// What happened. Subscribe before anything is published that the operator should see.
    pub events: broadcast::Receiver<Arc<Stamped>>,
    /// Whether it answers.
    pub link: watch::Receiver<Link>,
    /// Who does what keys ask for.
    pub orders: mpsc::Sender<Order>,
}

/// The evenkeel that the dashboard lives in.
#[derive(Debug)]
pub struct Home {
    /// Where the dashboard tells what it does itself, and how many events it has lost.
    pub bus: EventBus,
    /// How keys stop evenkeel.
    pub shutdown: Shutdown,
    /// What it runs: how long requests may take to finish then.
    pub running: Follow,
}

impl Home {
    /// Milliseconds that requests may take to finish.
    fn grace(&self) -> Millis {
        self.running.borrow().config.shutdown_grace.as_millis() as Millis
    }
}

/// What a key asks an instance for.
#[derive(Debug)]
pub enum Order {
    /// To do something.
    Do {
        /// What to do.
        command: Command,
        /// For how long, and why.
        terms: Terms,
        /// Do it even if nobody is left to serve.
        force: bool,
        /// Where the answer goes: what was done, or why not, in words.
        reply: oneshot::Sender<Result<Applied, String>>,
    },
    /// To say what a reload would change.
    Plan {
        /// Where the answer goes: the plan, or why there is none, a line for each reason.
        reply: oneshot::Sender<Result<Plan, String>>,
    },
}

/// Runs the dashboard on this thread until there is a reason to leave. Standard output must be a terminal; it is as before
/// afterwards, with a short report below.
///
/// A terminal that does not read holds this thread up (but nothing else): whoever ends the process should not wait for it
/// for long.
pub fn run(options: Options, door: Door) -> Exit {
    let theme = Theme::resolve(&options.looks, |name| std::env::var(name).ok());
    let mut state = State { read_only: options.read_only, zone: TimeZone::system(), ..State::default() };
    match &door.home {
        Some(home) => state.grace = home.grace(),
        None => state.fleet = Fleet::attached(door.instances.iter().map(|instance| instance.name.clone()), clock::now()),
    }
    let bus = door.home.as_ref().map(|home| home.bus.clone()).unwrap_or_default();
    let at_work = || EventLoop::start(&mut state, theme, options.refresh, door).and_then(|mut dashboard| dashboard.run());
    match catch_unwind(AssertUnwindSafe(at_work)) {
        Ok(Ok(Exit::TerminalGone)) => Exit::TerminalGone,
        Ok(Ok(exit)) => {
            // The terminal may be gone by now; the report was for whoever sat there.
            let _ = io::stdout().write_all(report::report(&state).as_bytes());
            exit
        }
        Ok(Err(error)) => {
            bus.publish(Event::Note { text: format!("the terminal is gone: {error}"), severity: Severity::Warning });
            Exit::TerminalGone
        }
        Err(_) => Exit::Panicked,
    }
}
