//! What the tests stand on.

pub mod client;
pub mod http;
pub mod keel;
pub mod pair;
pub mod process;
pub mod pty;
pub mod script;
pub mod storm;
pub mod upstream;

use std::thread;
use std::time::{Duration, Instant};

/// When a test that waits gives up. Generous: it is never reached when things work.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Asks `probe` until it has an answer.
///
/// # Panics
/// At the [`DEADLINE`], saying what was waited for.
#[track_caller]
pub fn eventually<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    before_deadline(probe).unwrap_or_else(|| panic!("waited in vain: {what}"))
}

/// Asks `probe` until it has an answer or the [`DEADLINE`] is over.
pub fn before_deadline<T>(mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let answer = probe();
        if answer.is_some() || Instant::now() > deadline {
            return answer;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
