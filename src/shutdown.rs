//! Stopping in order: one token that starts the drain, one that cuts what is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio_util::sync::CancellationToken;

use crate::balance::Millis;
use crate::clock;

/// Shared by everybody who must stop. Clones are the same thing.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    cut: CancellationToken,
    deadline: Arc<AtomicU64>,
}

impl Shutdown {
    /// Begins the drain: nothing new is accepted, what runs may finish for `grace` milliseconds. A second call changes nothing.
    pub fn begin(&self, grace: Millis) {
        if !self.drain.is_cancelled() {
            self.deadline.store(clock::now() + grace.max(1), Relaxed);
            self.drain.cancel();
        }
    }

    /// Cuts whatever is still running.
    pub fn cut(&self) {
        self.drain.cancel();
        self.cut.cancel();
    }

    /// Cancelled when the drain begins.
    pub fn draining(&self) -> &CancellationToken {
        &self.drain
    }

    /// Cancelled when what is left is cut.
    pub fn cutting(&self) -> &CancellationToken {
        &self.cut
    }

    /// Whether the drain has begun.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// While draining: milliseconds until the grace is over.
    pub fn left(&self) -> Option<Millis> {
        let deadline = self.deadline.load(Relaxed);
        (self.is_draining() && deadline > 0).then(|| deadline.saturating_sub(clock::now()))
    }
}
