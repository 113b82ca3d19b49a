//! What may be asked of a running evenkeel, and the door to the one who does it: the control desk.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::balance::backend::{BackendId, Mode};
use crate::balance::strategy::StrategyKind;
use crate::clock::for_humans;

/// Heaviest weight.
pub const MAX_WEIGHT: u32 = 256;

/// The longest reason, in characters.
pub const LONGEST_REASON: usize = 200;

/// An operator's words on why, for one line.
///
/// # Errors
/// They do not fit there.
pub fn reason(text: &str) -> Result<Arc<str>, String> {
    if text.chars().count() > LONGEST_REASON || text.chars().any(char::is_control) {
        return Err(format!("a reason is one line of at most {LONGEST_REASON} characters"));
    }
    Ok(text.trim().into())
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Set a backend's mode. `cut` breaks its running requests (with `Mode::Down` only).
    SetMode {
        /// Which backend.
        backend: BackendId,
        /// What it shall be.
        mode: Mode,
        /// Break the running requests.
        cut: bool,
        /// With `Mode::Drain` only: switch it off by itself afterwards.
        then_down: Option<ThenDown>,
    },
    /// Set a backend's weight, 0..=[`MAX_WEIGHT`]; `None` goes back to the configured one.
    SetWeight {
        /// Which backend.
        backend: BackendId,
        /// Its new weight.
        weight: Option<u32>,
    },
    /// Switch a pool's strategy.
    SetStrategy {
        /// Which pool.
        pool: Arc<str>,
        /// The new strategy; `None` goes back to the configured one.
        strategy: Option<StrategyKind>,
    },
    /// Take the last change back.
    Undo,
    /// Do the last undone change again.
    Redo,
    /// Read the config file again and apply what has changed.
    Reload,
}

/// How a drain ends by itself: in `down`, when nothing is in flight any more or when its time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThenDown {
    /// Milliseconds after which the backend goes down with requests in flight; `None` = waits for the last of them.
    pub after_ms: Option<u64>,
    /// Break those requests then.
    pub cut: bool,
}

impl fmt::Display for Command {
    /// The command as one would type it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetMode { backend, mode, cut, then_down } => {
                write!(f, "{mode} {backend}")?;
                if let Some(ThenDown { after_ms, .. }) = then_down {
                    after_ms.map_or(Ok(()), |ms| write!(f, " --wait {}", for_humans(ms)))?;
                    f.write_str(" --then down")?;
                }
                let cut = *cut || then_down.is_some_and(|then| then.cut);
                f.write_str(if cut { " --cut" } else { "" })
            }
            Self::SetWeight { backend, weight: Some(weight) } => write!(f, "weight {backend} {weight}"),
            Self::SetWeight { backend, weight: None } => write!(f, "weight {backend} configured"),
            Self::SetStrategy { pool, strategy: Some(strategy) } => write!(f, "strategy {pool} {strategy}"),
            Self::SetStrategy { pool, strategy: None } => write!(f, "strategy {pool} configured"),
            Self::Undo => f.write_str("undo"),
            Self::Redo => f.write_str("redo"),
            Self::Reload => f.write_str("reload"),
        }
    }
}

/// Who asks. Everybody undoes their own changes only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Origin {
    /// A key in the dashboard of this process.
    Dashboard,
    /// A key in the dashboard of another process: who, and from where.
    Attach(Arc<str>),
    /// A verb on the command line: whose.
    Cli(Arc<str>),
    /// A call of the admin API: from which address.
    Api(Arc<str>),
    /// A signal.
    Signal,
    /// The config file has changed.
    File,
    /// The time of an override was over.
    Expiry,
    /// The state file, at the start.
    StateFile,
    /// The demo's own choreography.
    Demo,
}

impl Origin {
    /// Longest name of who asks, in bytes.
    pub const MAX_NAME: usize = 64;
}

impl fmt::Display for Origin {
    /// `dashboard`, `cli:alice`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dashboard => "dashboard",
            Self::Attach(who) => return write!(f, "attach:{who}"),
            Self::Cli(who) => return write!(f, "cli:{who}"),
            Self::Api(from) => return write!(f, "api:{from}"),
            Self::Signal => "signal",
            Self::File => "file",
            Self::Expiry => "expiry",
            Self::StateFile => "state file",
            Self::Demo => "demo",
        })
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("{text:?} names nobody who could ask");
        let (surface, who) = text.split_once(':').unwrap_or((text, ""));
        let plain = |c: char| c.is_ascii_graphic();
        if who.len() > Self::MAX_NAME || !who.chars().all(plain) {
            return Err(unknown());
        }
        Ok(match (surface, who) {
            ("dashboard", "") => Self::Dashboard,
            ("attach", who) if !who.is_empty() => Self::Attach(who.into()),
            ("cli", who) if !who.is_empty() => Self::Cli(who.into()),
            ("api", who) if !who.is_empty() => Self::Api(who.into()),
            ("signal", "") => Self::Signal,
            ("file", "") => Self::File,
            ("expiry", "") => Self::Expiry,
            ("state file", "") => Self::StateFile,
            ("demo", "") => Self::Demo,
            _ => return Err(unknown()),
        })
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// On what terms something is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Milliseconds after which it goes back by itself to what the config says.
    pub for_ms: Option<u64>,
    /// Why, in the operator's words.
    pub reason: Option<Arc<str>>,
}

/// A name that nobody has, and the one that was probably meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown<T> {
    /// What was written.
    pub name: T,
    /// What is most like it, if anything is.
    pub near: Option<T>,
}

impl<T: fmt::Display> fmt::Display for Unknown<T> {
    /// `web/api-33; did you mean web/api-3?`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        self.near.as_ref().map_or(Ok(()), |near| write!(f, "; did you mean {near}?"))
    }
}

/// Why a command was refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such pool.
    #[error("there is no pool {0}")]
    NoPool(Unknown<Arc<str>>),
    /// No such backend.
    #[error("there is no backend {0}")]
    NoBackend(Unknown<BackendId>),
    /// The terms make no sense.
    #[error("{0}")]
    Terms(String),
    /// Weight out of range.
    #[error("weight {0} is out of range; 0 to {MAX_WEIGHT} is allowed")]
    Weight(u32),
    /// The command would leave nobody to serve, and was not forced.
    #[error("{backend} is the last eligible backend of {of}, with {in_flight} in flight; clients would get 503")]
    LastEligible {
        /// Which.
        backend: BackendId,
        /// Backends of its pool.
        of: usize,
        /// Requests in flight at it.
        in_flight: u32,
    },
    /// Nothing to undo or redo.
    #[error("nothing to {0}")]
    Nothing(&'static str),
    /// What would be undone has been changed since.
    #[error("cannot {what}: {subject} has been changed since, by {by}{}", instead(.what, .next.as_deref()))]
    MovedOn {
        /// `undo` or `redo`.
        what: &'static str,
        /// What has been changed.
        subject: String,
        /// By whom.
        by: Origin,
        /// What the same command would do now.
        next: Option<String>,
    },
    /// The config cannot be applied; a line for each reason.
    #[error("nothing has been reloaded: {}", .0.join("; "))]
    Reload(Vec<String>),
    /// Nobody is there to do it any more.
    #[error("evenkeel is shutting down")]
    Gone,
}

fn instead(what: &str, next: Option<&str>) -> String {
    next.map(|next| format!("; the next {what} would be {next}")).unwrap_or_default()
}

/// What a command did, in words: `web/api-1 up -> drain`.
pub type Applied = String;

/// A command on its way to the desk.
#[derive(Debug)]
pub struct Ask {
    /// What to do.
    pub command: Command,
    /// Who asks.
    pub by: Origin,
    /// For how long, and why.
    pub terms: Terms,
    /// Do it even if nobody is left to serve.
    pub force: bool,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Applied, CommandError>>,
}

/// The door to the desk.
pub type Desk = mpsc::Sender<Ask>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_reads_as_it_is_written() {
        let who = |name: &str| Arc::<str>::from(name);
        for origin in [
            Origin::Dashboard,
            Origin::Attach(who("alice@host:1")),
            Origin::Cli(who("alice")),
            Origin::Api(who("127.0.0.1")),
            Origin::Signal,
            Origin::File,
            Origin::Expiry,
            Origin::StateFile,
            Origin::Demo,
        ] {
            assert_eq!(origin.to_string().parse(), Ok(origin));
        }
        let long = format!("cli:{}", "a".repeat(65));
        for text in ["", "cli", "cli:", "dashboard:alice", "cli:a b", "cli:\u{1b}[2J", "root:alice", &long] {
            text.parse::<Origin>().unwrap_err();
        }
    }
    #[test]
    fn a_command_reads_as_it_is_typed() {
        let set =
            |mode, cut, then_down| Command::SetMode { backend: BackendId::new("web", "a"), mode, cut, then_down }.to_string();
        assert_eq!(set(Mode::Up, false, None), "up web/a");
        assert_eq!(set(Mode::Down, true, None), "down web/a --cut");
        assert_eq!(set(Mode::Drain, false, Some(ThenDown::default())), "drain web/a --then down");
        let timed = ThenDown { after_ms: Some(90_000), cut: true };
        assert_eq!(set(Mode::Drain, false, Some(timed)), "drain web/a --wait 1m30s --then down --cut");
    }
}
