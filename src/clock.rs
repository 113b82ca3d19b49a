//! The process's clocks. Everything above the pure core asks here; the core gets the answer as an argument.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::balance::Millis;

static EPOCH: OnceLock<Instant> = OnceLock::new();

/// Milliseconds since the first call of this function (the start of the process, as `main` calls it first).
pub fn now() -> Millis {
    at(Instant::now())
}

/// A moment on the same scale as [`now`].
pub fn at(instant: Instant) -> Millis {
    instant.saturating_duration_since(*EPOCH.get_or_init(Instant::now)).as_millis() as Millis
}

/// Milliseconds since the Unix epoch.
pub fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}
