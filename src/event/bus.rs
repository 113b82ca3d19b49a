//! Where events are published, subscribed to, and remembered for a while.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, watch};

use super::{Event, Stamped};
use crate::clock;

/// Events that are remembered, and that may wait for a slow subscriber.
const KEPT: usize = 1024;

/// See the module. Clones are the same bus.
#[derive(Clone, Debug)]
pub struct EventBus {
    tx: broadcast::Sender<Arc<Stamped>>,
    newest: watch::Sender<u64>,
    memory: Arc<Mutex<Memory>>,
    dropped: Arc<AtomicU64>,
}

/// The last events, oldest first, and the number of the newest.
#[derive(Debug, Default)]
struct Memory {
    seq: u64,
    events: VecDeque<Arc<Stamped>>,
}

/// What is still known of the events after one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered {
    /// How many have been forgotten.
    pub lost: u64,
    /// The others, oldest first.
    pub events: Vec<Arc<Stamped>>,
}

impl Default for EventBus {
    fn default() -> Self {
        Self {
            tx: broadcast::Sender::new(KEPT),
            newest: watch::Sender::default(),
            memory: Arc::default(),
            dropped: Arc::default(),
        }
    }
}

impl EventBus {
    /// Publishes. Never fails and never waits for a subscriber; a slow one loses the oldest events and hears how many.
    pub fn publish(&self, event: Event) {
        let at_unix_ms = clock::unix_ms();
        // Held until everybody has it, so that they all see the events in the order of their numbers.
        let mut memory = self.memory();
        memory.seq += 1;
        let stamped = Arc::new(Stamped { seq: memory.seq, at_unix_ms, event });
        if memory.events.len() == KEPT {
            memory.events.pop_front();
        }
        memory.events.push_back(Arc::clone(&stamped));
        let _ = self.tx.send(stamped);
        self.newest.send_replace(memory.seq);
    }

    /// Everything published from now on. On `Lagged(n)` call [`Self::count_dropped`] and go on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Stamped>> {
        self.tx.subscribe()
    }

    /// The number of the newest event; 0 before the first.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// What is remembered of the events after this number. A number that has not been given out yet comes from an earlier
    /// run: whoever has seen that one has seen nothing of this.
    pub fn after(&self, seq: u64) -> Remembered {
        let memory = self.memory();
        let seen = if seq > memory.seq { 0 } else { seq };
        let unseen = memory.seq - seen;
        let kept = memory.events.len() as u64;
        let events = memory.events.iter().skip(kept.saturating_sub(unseen) as usize).cloned().collect();
        Remembered { lost: unseen.saturating_sub(kept), events }
    }

    /// A subscriber has lost `n` events.
    pub fn count_dropped(&self, n: u64) {
        self.dropped.fetch_add(n, Relaxed);
    }

    /// How many events subscribers have lost in all.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Severity;

    /// A bus on which so many events have been published.
    fn bus(events: u64) -> EventBus {
        let bus = EventBus::default();
        (0..events).for_each(|n| bus.publish(Event::Note { text: n.to_string(), severity: Severity::Info }));
        bus
    }

    /// How many are lost after this one, and the numbers of the first and the last that are not.
    fn after(bus: &EventBus, seq: u64) -> (u64, Option<u64>, Option<u64>) {
        let Remembered { lost, events } = bus.after(seq);
        assert!(events.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq));
        (lost, events.first().map(|event| event.seq), events.last().map(|event| event.seq))
    }

    #[test]
    fn the_last_events_are_remembered() {
        let few = bus(3);
        assert_eq!(*few.newest().borrow(), 3);
        assert_eq!([0, 1, 3].map(|seq| after(&few, seq)), [(0, Some(1), Some(3)), (0, Some(2), Some(3)), (0, None, None)]);
        let many = bus(1030);
        assert_eq!(after(&many, 0), (6, Some(7), Some(1030)));
        assert_eq!(after(&many, 6), (0, Some(7), Some(1030)));
        assert_eq!(after(&many, 1029), (0, Some(1030), Some(1030)));
        assert_eq!(after(&bus(0), 0), (0, None, None));
    }

    #[test]
    fn the_numbers_of_an_earlier_run_mean_nothing() {
        assert_eq!(after(&bus(3), 4000), (0, Some(1), Some(3)));
    }
}
