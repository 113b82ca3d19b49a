//! What the process is doing, as the admin API and the snapshot tell it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::balance::snapshot::Phase;
use crate::shutdown::Shutdown;

/// The process's phase. Clones are the same thing.
#[derive(Clone, Debug)]
pub struct PhaseWatch {
    serving: Arc<AtomicBool>,
    shutdown: Shutdown,
}

impl PhaseWatch {
    /// A process that starts.
    pub fn new(shutdown: Shutdown) -> Self {
        Self { serving: Arc::default(), shutdown }
    }

    /// From now on traffic is accepted.
    pub fn set_serving(&self) {
        self.serving.store(true, Relaxed);
    }

    /// The phase now.
    pub fn get(&self) -> Phase {
        if self.shutdown.is_draining() {
            Phase::Draining
        } else if self.serving.load(Relaxed) {
            Phase::Serving
        } else {
            Phase::Starting
        }
    }

    /// While draining: milliseconds until what is left is cut.
    pub fn drain_left(&self) -> Option<u64> {
        self.shutdown.left()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_starts_serves_and_drains() {
        let shutdown = Shutdown::default();
        let phase = PhaseWatch::new(shutdown.clone());
        assert_eq!(phase.get(), Phase::Starting);
        phase.set_serving();
        assert_eq!(phase.get(), Phase::Serving);
        assert_eq!(phase.drain_left(), None);
        shutdown.begin(1000);
        assert_eq!(phase.get(), Phase::Draining);
        assert!(phase.drain_left().is_some());
    }
}
