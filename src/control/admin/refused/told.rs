//! News of refused calls, once a second at most for each reason: a script in a loop must not flood the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use crate::control::admin::caller::Peer;
use crate::event::{Event, EventBus};

/// Between two tellings.
const PAUSE: Duration = Duration::from_secs(1);

/// See the module. Clones are the same thing.
#[derive(Clone, Debug)]
pub(in crate::control::admin) struct Told {
    bus: EventBus,
    /// Refused since the last telling, for each reason that has been told within the pause.
    since: Arc<Mutex<HashMap<&'static str, u64>>>,
}

impl Told {
    pub(in crate::control::admin) fn new(bus: EventBus) -> Self {
        Self { bus, since: Arc::default() }
    }

    /// A call has been refused. The first is told at once, the others together when the pause is over.
    pub(super) fn refused(&self, code: &'static str, from: Peer) {
        if let Some(times) = self.since().get_mut(code) {
            *times += 1;
            return;
        }
        self.since().insert(code, 0);
        self.tell(code, from, 1);
        let told = self.clone();
        tokio::spawn(async move {
            sleep(PAUSE).await;
            let times = told.since().remove(code).unwrap_or_default();
            if times > 0 {
                told.tell(code, from, times);
            }
        });
    }

    fn tell(&self, code: &str, from: Peer, times: u64) {
        self.bus.publish(Event::CallsRefused { from: from.to_string(), code: code.to_owned(), times });
    }

    fn since(&self) -> MutexGuard<'_, HashMap<&'static str, u64>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_refusals_are_two_lines() {
        let bus = EventBus::default();
        let told = Told::new(bus.clone());
        let from = Peer::tcp("10.0.0.9".parse().unwrap(), "10.0.0.1".parse().unwrap());
        (0..100).for_each(|_| told.refused("unauthorized", from));
        told.refused("bad_request", Peer::Unix);
        sleep(PAUSE * 2).await;
        told.refused("unauthorized", from);
        let lines: Vec<_> = bus.after(0).events.iter().map(|stamped| stamped.event.to_string()).collect();
        assert_eq!(
            lines,
            [
                "admin API refused a call from 10.0.0.9: unauthorized",
                "admin API refused a call from unix: bad_request",
                "admin API refused 99 calls from 10.0.0.9: unauthorized",
                "admin API refused a call from 10.0.0.9: unauthorized",
            ]
        );
    }
}
