//! What operators do, counted from the events that tell of it.

use std::sync::Arc;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::balance::totals::{Deeds, VERBS};
use crate::clock;
use crate::command::Origin;
use crate::event::{Event, EventBus, Stamped};

/// See the module.
#[derive(Debug)]
pub(super) struct Listener {
    events: Receiver<Arc<Stamped>>,
    deeds: Deeds,
}

impl Listener {
    /// Listens from now on.
    pub(super) fn new(bus: &EventBus) -> Self {
        Self { events: bus.subscribe(), deeds: Deeds { loaded_unix_ms: clock::unix_ms(), ..Deeds::default() } }
    }

    /// All that has been done so far.
    pub(super) fn deeds(&mut self) -> Deeds {
        loop {
            match self.events.try_recv() {
                Ok(stamped) => self.hear(&stamped),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return self.deeds,
            }
        }
    }

    fn hear(&mut self, Stamped { event, at_unix_ms, .. }: &Stamped) {
        let (verb, by) = match event {
            Event::ModeChanged { to, by, .. } => (to.word(), by),
            Event::WeightChanged { by, .. } => ("weight", by),
            Event::StrategyChanged { by, .. } => ("strategy", by),
            Event::Reloaded { by, .. } => {
                self.deeds.reloads[0] += 1;
                self.deeds.loaded_unix_ms = *at_unix_ms;
                ("reload", by)
            }
            Event::ReloadRefused { .. } => {
                self.deeds.reloads[1] += 1;
                return;
            }
            _ => return,
        };
        if matches!(by, Origin::Dashboard | Origin::Attach(_) | Origin::Cli(_) | Origin::Api(_) | Origin::Signal) {
            self.deeds.actions.iter_mut().zip(VERBS).filter(|(_, each)| *each == verb).for_each(|(count, _)| *count += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::{BackendId, Mode};
    use crate::event::Severity;

    #[test]
    fn what_operators_change_is_counted_by_verb() {
        let bus = EventBus::default();
        let mut listener = Listener::new(&bus);
        let mode = |to, by| {
            let backend = BackendId::new("web", "a");
            Event::ModeChanged { backend, from: Mode::Up, to, by, reason: None, for_ms: None, in_flight: 0, cut: false }
        };
        bus.publish(mode(Mode::Drain, Origin::Dashboard));
        bus.publish(mode(Mode::Drain, Origin::Cli("alice".into())));
        bus.publish(mode(Mode::Up, Origin::Expiry));
        bus.publish(Event::Note { text: "nothing".into(), severity: Severity::Info });
        assert_eq!(listener.deeds().actions, [0, 2, 0, 0, 0, 0]);
        bus.publish(mode(Mode::Up, Origin::Api("::1".into())));
        assert_eq!(listener.deeds().actions, [1, 2, 0, 0, 0, 0]);
    }

    #[test]
    fn reloads_are_counted_and_the_last_good_one_has_a_time() {
        let bus = EventBus::default();
        let mut listener = Listener::new(&bus);
        let loaded = listener.deeds().loaded_unix_ms;
        bus.publish(Event::ReloadRefused { by: Origin::Signal, problems: vec!["why".into()] });
        assert_eq!((listener.deeds().reloads, listener.deeds().loaded_unix_ms), ([0, 1], loaded));
        bus.publish(Event::Reloaded { by: Origin::File, summary: String::new() });
        bus.publish(Event::Reloaded { by: Origin::Signal, summary: String::new() });
        let deeds = listener.deeds();
        assert_eq!((deeds.reloads, deeds.actions[5]), ([2, 1], 1));
        assert!(loaded > 0 && deeds.loaded_unix_ms >= loaded);
    }
}
