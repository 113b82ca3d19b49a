//! A pool: its backends, its strategy, and the rotation that workers pick from.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Millis;
use super::backend::{Backend, Eligibility, Spec};
use super::ejection::OutlierDetection;
use super::lease::Lease;
use super::rotation::Rotation;
use super::strategy::StrategyKind;

/// What to do when no backend is eligible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AllDown {
    /// Answer 503.
    #[default]
    Fail,
    /// Ignore health and ejection and try every backend that the operator has not taken out.
    Open,
}

/// What the config says of a pool, as far as balancing goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Name, unique.
    pub name: Arc<str>,
    /// How to choose.
    pub strategy: StrategyKind,
    /// The backends, in the order of the config.
    pub backends: Vec<Spec>,
    /// Whether the backends have health checks (then they wait for the first one).
    pub checked: bool,
    /// Passive ejection; `None` = off.
    pub outlier_detection: Option<OutlierDetection>,
    /// Milliseconds over which a returning backend's weight grows; 0 = off.
    pub slow_start: Millis,
    /// When nobody is eligible.
    pub all_down: AllDown,
}

/// What the backends of one pool share.
#[derive(Debug, Default)]
pub struct PoolLive {}

/// What a strategy may look at besides the backends. No clock or randomness of its own: a pick can be replayed.
#[derive(Clone, Copy, Debug)]
pub struct PickInput<'a> {
    /// Hash of what the request is keyed by, for the hashing strategies.
    pub key: u64,
    /// 64 random bits.
    pub entropy: u64,
    /// Now.
    pub now: Millis,
    /// Index of the worker that will serve the request.
    pub worker: usize,
    /// Backends that have failed this request already.
    pub tried: &'a [Arc<Backend>],
}

/// Why nobody was picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPick {
    /// No backend is eligible.
    NoneEligible,
    /// Backends have yet to be checked for the first time; ask again when woken.
    AwaitingFirstCheck,
    /// Every eligible backend is at its `max_in_flight`; ask again when woken.
    AllFull,
    /// Every eligible backend has been tried.
    AllTried,
}

/// Eligibility of a backend before and after a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Index into [`Pool::backends`].
    pub index: usize,
    /// Before.
    pub from: Eligibility,
    /// After.
    pub to: Eligibility,
}

/// See the module.
#[derive(Debug)]
pub struct Pool {}

impl Pool {
    /// A pool with fresh backends, nobody eligible before the first [`Self::refresh`]. `seed` offsets the turns, so that
    /// identical balancers do not march in phase.
    pub fn new(_settings: Settings, _workers: usize, _seed: u64) -> Self {
        unimplemented!()
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        unimplemented!()
    }

    /// What the config said.
    pub fn settings(&self) -> &Settings {
        unimplemented!()
    }

    /// All backends, in the order of the config.
    pub fn backends(&self) -> &[Arc<Backend>] {
        unimplemented!()
    }

    /// What the backends share.
    pub fn live(&self) -> &Arc<PoolLive> {
        unimplemented!()
    }

    /// The strategy in force.
    pub fn strategy(&self) -> StrategyKind {
        unimplemented!()
    }

    /// For the control desk only; refreshes.
    pub fn set_strategy(&self, _kind: StrategyKind, _now: Millis) {
        unimplemented!()
    }

    /// Requests in flight in the whole pool.
    pub fn in_flight(&self) -> u32 {
        unimplemented!()
    }

    /// Builds and publishes a new rotation after an axis of a backend, a weight or the strategy has changed, or while a
    /// slow start runs. Wakes the waiting requests when it brought anything new. Says what changed.
    pub fn refresh(&self, _now: Millis) -> Vec<Change> {
        unimplemented!()
    }

    /// The rotation in force.
    pub fn rotation(&self) -> Arc<Rotation> {
        unimplemented!()
    }

    /// Picks a backend and takes a lease on it. No lock, no allocation.
    pub fn pick(&self, _input: &PickInput<'_>) -> Result<Lease, NoPick> {
        unimplemented!()
    }
}
