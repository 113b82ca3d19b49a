//! What the operator owns: the mode and the weight of a backend, the strategy of a pool.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::balance::backend::{BackendId, Mode};
use crate::balance::strategy::StrategyKind;

/// What can be set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A backend's mode.
    Mode(BackendId),
    /// A backend's weight.
    Weight(BackendId),
    /// A pool's strategy.
    Strategy(Arc<str>),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode(backend) => write!(f, "the mode of {backend}"),
            Self::Weight(backend) => write!(f, "the weight of {backend}"),
            Self::Strategy(pool) => write!(f, "the strategy of {pool}"),
        }
    }
}

/// What it can be set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "what")]
pub enum Setting {
    /// A backend's mode.
    Mode {
        /// Which backend.
        #[serde(flatten)]
        backend: BackendId,
        /// Its mode.
        value: Mode,
    },
    /// A backend's weight.
    Weight {
        /// Which backend.
        #[serde(flatten)]
        backend: BackendId,
        /// Its weight.
        value: u32,
    },
    /// A pool's strategy.
    Strategy {
        /// Which pool.
        pool: Arc<str>,
        /// Its strategy.
        value: StrategyKind,
    },
}

impl Setting {
    /// What is set.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Mode { backend, .. } => Subject::Mode(backend.clone()),
            Self::Weight { backend, .. } => Subject::Weight(backend.clone()),
            Self::Strategy { pool, .. } => Subject::Strategy(pool.clone()),
        }
    }

    /// The value in words.
    pub fn value(&self) -> String {
        match self {
            Self::Mode { value, .. } => value.to_string(),
            Self::Weight { value, .. } => value.to_string(),
            Self::Strategy { value, .. } => value.to_string(),
        }
    }

    /// Whose it is: `web/api-1`, `web/api-1 weight`, `web strategy`.
    pub fn label(&self) -> String {
        match self {
            Self::Mode { backend, .. } => backend.to_string(),
            Self::Weight { backend, .. } => format!("{backend} weight"),
            Self::Strategy { pool, .. } => format!("{pool} strategy"),
        }
    }

    /// `web/api-1 is already up`.
    pub(super) fn already(&self) -> String {
        match self {
            Self::Mode { backend, value: Mode::Drain } => format!("{backend} is already draining"),
            Self::Mode { backend, value } => format!("{backend} is already {value}"),
            Self::Weight { backend, value } => format!("{backend} already has weight {value}"),
            Self::Strategy { pool, value } => format!("{pool} already uses {value}"),
        }
    }
}

impl fmt::Display for Setting {
    /// `web/api-1 drain`, `web/api-1 weight 5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.label(), self.value())
    }
}
