//! One request's claim on a backend, held until the last byte of the answer has been handed on.
//!
//! Taking a lease counts the request as in flight; dropping it, however that comes about, gives it back. What became of the
//! request is recorded by [`Lease::finish`]; a lease dropped without it is a client that left, and blames nobody.

use std::sync::Arc;

use super::Millis;
use super::backend::Backend;
use super::meter::{Failure, Meter};

/// What became of an attempt.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Status of the answer, if one came.
    pub status: Option<u16>,
    /// Why the attempt failed, if it did. A 5xx answer is [`Failure::Status5xx`], set by the lease itself.
    pub failure: Option<Failure>,
    /// Microseconds from the pick to the last byte.
    pub latency_us: u64,
}

/// Something the outlier detector must hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The first failure after a success: worth a health check at once.
    FirstFailure,
    /// The backend has failed `consecutive_failures` times in a row (or more).
    Suspect,
    /// The trial request after an ejection went well.
    TrialPassed,
    /// The trial request after an ejection failed.
    TrialFailed,
}

/// One request in flight at a backend.
#[must_use]
#[derive(Debug)]
pub struct Lease {
    backend: Arc<Backend>,
    worker: usize,
    cut_epoch: u32,
    trial: bool,
}

impl Lease {
    /// The backend that serves the request.
    pub fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }

    /// The counters of this request's worker at its backend.
    pub fn meter(&self) -> &Meter {
        &self.backend.live.meters[self.worker]
    }

    /// Whether the operator has cut the running requests since the lease was taken.
    pub fn is_cut(&self) -> bool {
        unimplemented!()
    }

    /// Records the outcome and gives the claim back.
    pub fn finish(self, _outcome: Outcome, _now: Millis) -> Option<Signal> {
        unimplemented!()
    }
}
