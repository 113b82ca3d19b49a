//! How far a command reaches: judged from the live snapshot before it is sent, and again while a dialog is open.

use crate::balance::backend::BackendId;

/// What a command would do to the traffic of a pool. Shares are 0..=1.
#[derive(Clone, Debug, PartialEq)]
pub struct Impact {
    /// The backend it is about.
    pub backend: BackendId,
    /// Its requests in flight.
    pub in_flight: u32,
    /// Backends that may take requests now.
    pub eligible: usize,
    /// Backends that may take requests afterwards.
    pub eligible_after: usize,
    /// The part of the serving weight that is left afterwards; 1 if nothing is taken away.
    pub weight_left: f64,
    /// The mean share of the others now and afterwards, if there are others and it changes.
    pub others: Option<(f64, f64)>,
}
