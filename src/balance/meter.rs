//! What one worker has counted for one backend. One writer, many readers, plain loads and stores.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use super::histogram::AtomicHistogram;

/// Why a request (or one attempt of it) failed at a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The connection was refused or could not be made.
    Refused,
    /// No connection within `timeouts.connect`.
    ConnectTimeout,
    /// The connection broke before the answer began.
    Reset,
    /// No answer head within `timeouts.response_head`.
    HeadTimeout,
    /// The answer was not HTTP, or contradicted itself.
    BadAnswer,
    /// The answer's body broke off.
    BodyBroken,
    /// The answer's body stalled for `timeouts.stream_idle`.
    BodyTimeout,
    /// The backend answered 5xx.
    #[serde(rename = "status_5xx")]
    Status5xx,
}

impl Failure {
    /// Every failure, in the order of their counters.
    pub const ALL: [Self; 8] = [
        Self::Refused,
        Self::ConnectTimeout,
        Self::Reset,
        Self::HeadTimeout,
        Self::BadAnswer,
        Self::BodyBroken,
        Self::BodyTimeout,
        Self::Status5xx,
    ];

    /// The failure in a word, as it is serialised.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::Reset => "reset",
            Self::HeadTimeout => "head_timeout",
            Self::BadAnswer => "bad_answer",
            Self::BodyBroken => "body_broken",
            Self::BodyTimeout => "body_timeout",
            Self::Status5xx => "status_5xx",
        }
    }

    /// A few words for a log line.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Refused => "connection refused",
            Self::ConnectTimeout => "connect timed out",
            Self::Reset => "connection broke before the answer",
            Self::HeadTimeout => "no answer in time",
            Self::BadAnswer => "unusable answer",
            Self::BodyBroken => "answer broke off",
            Self::BodyTimeout => "answer stalled",
            Self::Status5xx => "answered 5xx",
        }
    }
}

/// Counters of one worker for one backend. Cumulative since the process started.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Meter {
    /// Requests handed to the backend (attempts).
    pub picked: AtomicU64,
    /// Answers by class: index 0 = 1xx .. 4 = 5xx.
    pub classes: [AtomicU64; 5],
    /// Failures, indexed like [`Failure::ALL`].
    pub failures: [AtomicU64; 8],
    /// Requests whose client left first.
    pub cancelled: AtomicU64,
    /// Attempts that were retries of a request that failed elsewhere.
    pub retries: AtomicU64,
    /// Request body bytes sent.
    pub bytes_in: AtomicU64,
    /// Answer body bytes received.
    pub bytes_out: AtomicU64,
    /// When the oldest of the requests that have been in flight for a while began, in milliseconds since the process started;
    /// 0 = there is none. Written about once a second.
    pub oldest_since: AtomicU64,
    /// Time from the pick to the last byte of the answer, in microseconds.
    pub latency: AtomicHistogram,
}

/// Adds to a counter that only this thread writes: a load and a store, no locked instruction.
pub fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_one_word() {
        for failure in Failure::ALL {
            assert_eq!(serde_json::to_value(failure).unwrap(), failure.code());
        }
    }
}
