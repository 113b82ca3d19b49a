//! The process's clocks. Everything above the pure core asks here; the core gets the answer as an argument.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::balance::Millis;

static EPOCH: OnceLock<Instant> = OnceLock::new();

/// Milliseconds since the first call of this function (the start of the process, as `main` calls it first).
pub fn now() -> Millis {
    at(Instant::now())
}

/// A moment on the same scale as [`now`].
pub fn at(instant: Instant) -> Millis {
    instant.saturating_duration_since(*EPOCH.get_or_init(epoch)).as_millis() as Millis
}

fn epoch() -> Instant {
    // Tests share the process, and those that pause time run ahead of the others: whichever comes first, nobody is at 0.
    let before = if cfg!(test) { Duration::from_secs(86_400) } else { Duration::ZERO };
    Instant::now() - before
}

/// Milliseconds since the Unix epoch.
pub fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}
