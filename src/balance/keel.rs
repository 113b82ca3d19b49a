//! How even the load lies: the worst deviation of a backend's share from its fair share.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The keel of a pool over a window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Keel {
    /// Worst deviation from the fair share, in share points (0.05 = five percentage points), signed. 0 without traffic.
    pub deviation: f64,
    /// The backend that deviates most.
    pub backend: Option<Arc<str>>,
    /// Whether that is within what chance alone explains (three standard deviations), or there is too little to tell.
    pub even: bool,
}
