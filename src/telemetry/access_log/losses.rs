//! Lines that have been lost.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Why lines are lost, as labels, in the order of [`Losses::counts`].
pub const LOSSES: [&str; 2] = ["queue_full", "write_error"];

/// See the module. Nothing is written here while all is well.
#[derive(Debug, Default)]
pub struct Losses {
    refused: AtomicU64,
    unwritten: AtomicU64,
    error: Mutex<String>,
}

impl Losses {
    /// How many lines so far, by [`LOSSES`].
    pub fn counts(&self) -> [u64; 2] {
        [self.refused.load(Relaxed), self.unwritten.load(Relaxed)]
    }

    /// Why, in words, by [`LOSSES`].
    pub fn words(&self) -> [String; 2] {
        let error = self.error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ["its queue is full".to_owned(), error]
    }

    /// The queue had no room for so many.
    pub(super) fn count_refused(&self, lines: u64) {
        self.refused.fetch_add(lines, Relaxed);
    }

    /// So many could not be written.
    pub(super) fn count_unwritten(&self, lines: u64, error: &io::Error) {
        self.unwritten.fetch_add(lines, Relaxed);
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error.to_string();
    }
}

/// How many lines these bytes hold: each has one line break, at its end.
pub(super) fn lines(bytes: &[u8]) -> u64 {
    bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")).count() as u64
}
