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

/// A span of time in its two largest units: `90 s` is `1m30s`. Below a second it rounds up to one.
pub fn for_humans(ms: u64) -> String {
    let seconds = ms.div_ceil(1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes, seconds) {
        (0, 0, s) => format!("{s}s"),
        (0, m, 0) => format!("{m}m"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, 0, _) => format!("{h}h"),
        (h, m, _) => format!("{h}h{m}m"),
    }
}
