//! What may be asked of a running evenkeel, and the door to the one who does it: the control desk.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::balance::backend::{BackendId, Mode};
use crate::balance::strategy::StrategyKind;

/// Heaviest weight.
pub const MAX_WEIGHT: u32 = 256;

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
        /// The new strategy.
        strategy: StrategyKind,
    },
    /// Take the last change back.
    Undo,
    /// Do the last undone change again.
    Redo,
}

impl fmt::Display for Command {
    /// The command as one would type it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetMode { backend, mode, cut } => write!(f, "{mode} {backend}{}", if *cut { " --cut" } else { "" }),
            Self::SetWeight { backend, weight: Some(weight) } => write!(f, "weight {backend} {weight}"),
            Self::SetWeight { backend, weight: None } => write!(f, "weight {backend} configured"),
            Self::SetStrategy { pool, strategy } => write!(f, "strategy {pool} {strategy}"),
            Self::Undo => f.write_str("undo"),
            Self::Redo => f.write_str("redo"),
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A key in the dashboard.
    Dashboard,
    /// The demo's own choreography.
    Demo,
}

/// Why a command was refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such pool.
    #[error("there is no pool {0}")]
    NoPool(Arc<str>),
    /// No such backend.
    #[error("there is no backend {0}")]
    NoBackend(BackendId),
    /// Weight out of range.
    #[error("weight {0} is out of range; 0 to {MAX_WEIGHT} is allowed")]
    Weight(u32),
    /// The command would leave nobody to serve, and was not forced.
    #[error("{0} is the last eligible backend of its pool; clients would get 503")]
    LastEligible(BackendId),
    /// Nothing to undo or redo.
    #[error("nothing to {0}")]
    Nothing(&'static str),
    /// What would be undone has been changed since.
    #[error("cannot {what}: {subject} has been changed since, by {by}")]
    MovedOn {
        /// `undo` or `redo`.
        what: &'static str,
        /// What has been changed.
        subject: String,
        /// By whom.
        by: Origin,
    },
    /// Nobody is there to do it any more.
    #[error("evenkeel is shutting down")]
    Gone,
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
    /// Do it even if nobody is left to serve.
    pub force: bool,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Applied, CommandError>>,
}

/// The door to the desk.
pub type Desk = mpsc::Sender<Ask>;
