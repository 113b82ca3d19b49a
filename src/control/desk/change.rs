//! A change to what the operator owns: mode, weight, strategy. From one value to another, so that it can be turned round.

use std::fmt;
use std::sync::Arc;

use crate::balance::backend::{BackendId, Mode};
use crate::balance::strategy::StrategyKind;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Of a backend's mode.
    Mode { backend: BackendId, from: Mode, to: Mode },
    /// Of a backend's weight.
    Weight { backend: BackendId, from: u32, to: u32 },
    /// Of a pool's strategy.
    Strategy { pool: Arc<str>, from: StrategyKind, to: StrategyKind },
}

impl Change {
    /// The change that takes this one back.
    pub(super) fn reversed(self) -> Self {
        match self {
            Self::Mode { backend, from, to } => Self::Mode { backend, from: to, to: from },
            Self::Weight { backend, from, to } => Self::Weight { backend, from: to, to: from },
            Self::Strategy { pool, from, to } => Self::Strategy { pool, from: to, to: from },
        }
    }

    /// Whether it changes anything.
    pub(super) fn is_idle(&self) -> bool {
        match self {
            Self::Mode { from, to, .. } => from == to,
            Self::Weight { from, to, .. } => from == to,
            Self::Strategy { from, to, .. } => from == to,
        }
    }

    /// What is changed.
    pub(super) fn subject(&self) -> Subject {
        match self {
            Self::Mode { backend, .. } => Subject::Mode(backend.clone()),
            Self::Weight { backend, .. } => Subject::Weight(backend.clone()),
            Self::Strategy { pool, .. } => Subject::Strategy(pool.clone()),
        }
    }
}

impl fmt::Display for Change {
    /// `web/api-1 up -> drain`; or, when it changes nothing, `web/api-1 is already up`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode { backend, from, to } if from == to => {
                let state = if *to == Mode::Drain { "draining" } else { to.word() };
                write!(f, "{backend} is already {state}")
            }
            Self::Weight { backend, from, to } if from == to => write!(f, "{backend} already has weight {to}"),
            Self::Strategy { pool, from, to } if from == to => write!(f, "{pool} already uses {to}"),
            Self::Mode { backend, from, to } => write!(f, "{backend} {from} -> {to}"),
            Self::Weight { backend, from, to } => write!(f, "{backend} weight {from} -> {to}"),
            Self::Strategy { pool, from, to } => write!(f, "{pool} strategy {from} -> {to}"),
        }
    }
}

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
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
