//! What the verbs on a running instance do. They are thin clients of its admin API: what one can do with a verb, one can do
//! with `curl`.

mod act;
pub mod complete;
mod events;
mod explain;
mod failure;
mod name;
mod plan;
mod progress;
mod status;
mod table;
mod target;
mod wait;
mod watch;

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{self, Write};

use jiff::tz::TimeZone;
use tokio::runtime::Builder;
use tokio::signal::ctrl_c;

pub use self::failure::Failure;
pub use self::target::attached;
use crate::cli::{Live, Options};
use crate::client::{Call, Client, Error};
use crate::command::{Command, Terms};
use crate::telemetry::line::Escaped;

/// Does what a verb says. Interrupted, it changes nothing more.
pub fn run(verb: Live, options: &Options) -> Result<(), Failure> {
    if options.read_only && changes_something(&verb) {
        return Err(Failure::Usage("this would change something, and --read-only is set".to_owned()));
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))?;
    let desk = Desk { client: target::client(options)?, json: options.json, zone: TimeZone::system(), left: RefCell::default() };
    runtime.block_on(async {
        tokio::select! {
            biased;
            _ = ctrl_c() => Err(Failure::Interrupted(desk.left.take())),
            done = obey(&desk, verb, options) => done,
        }
    })
}

const fn changes_something(verb: &Live) -> bool {
    !matches!(verb, Live::Status(_) | Live::Plan | Live::Explain(_) | Live::Events(_))
}

async fn obey(desk: &Desk, verb: Live, options: &Options) -> Result<(), Failure> {
    let step = async |command, force| act::command(desk, &command, &Terms::default(), force).await;
    match verb {
        Live::Status(of) => status::run(desk, &of).await,
        Live::Up(up) => act::up(desk, &up).await,
        Live::Drain(drain) => act::drain(desk, &drain).await,
        Live::Down(down) => act::down(desk, &down).await,
        Live::Weight(weight) => act::weight(desk, &weight).await,
        Live::Strategy(strategy) => act::strategy(desk, &strategy).await,
        Live::Undo(forced) => step(Command::Undo, forced.force).await,
        Live::Redo(forced) => step(Command::Redo, forced.force).await,
        Live::Reload(forced) => step(Command::Reload, forced.force).await,
        Live::Plan => plan::run(desk, options.config.as_deref()).await,
        Live::Explain(request) => explain::run(desk, &request).await,
        Live::Events(events) => events::run(desk, events).await,
    }
}

/// Who to talk to, and how to tell what was said.
#[derive(Debug)]
struct Desk {
    client: Client,
    json: bool,
    zone: TimeZone,
    /// How things are left by who leaves now; for whoever waits.
    left: RefCell<Option<String>>,
}

impl Desk {
    /// What a call is answered with. For scripts, a no is an answer like any other.
    async fn call(&self, call: &Call) -> Result<String, Error> {
        let answer = self.client.call(call).await;
        if let (true, Err(Error::Refused { json, .. })) = (self.json, &answer) {
            say(json);
        }
        answer
    }
}

/// Prints a line, or several. Whoever has closed stdout has read enough; what was asked for is done all the same.
fn say(text: impl Display) {
    let _ = try_to_say(text);
}

/// Prints several lines, each without power over the terminal.
fn say_lines(text: &str) {
    let lines: Vec<_> = text.lines().map(|line| Escaped(line).to_string()).collect();
    say(lines.join("\n"));
}

/// Prints a line, or several, and tells whether anybody reads.
fn try_to_say(text: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
