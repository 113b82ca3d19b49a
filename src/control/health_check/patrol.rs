//! The loop that checks one backend, for ever: at the start, at the checks' pace, and soon after a request failed.
//!
//! A check begins only when the one before has ended, however slow that was. Checks go on whatever the operator wants of the
//! backend, so that its health is known when it comes back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use super::Checks;
use super::pace::Pace;
use super::probe::Finding;
use crate::balance::backend::{Backend, Spec, Verdict};
use crate::balance::health::{Flip, Health};
use crate::balance::snapshot::CheckResult;
use crate::clock;
use crate::config::HealthCheck;
use crate::control::entropy;
use crate::event::{Event, EventBus};

/// Shortest time between the beginnings of a check and of one that was asked for.
const SOON: Duration = Duration::from_millis(200);

/// See the module.
pub(super) struct Patrol<P> {
    pub(super) backend: Arc<Backend>,
    pub(super) checks: Arc<Checks>,
    pub(super) pace: Pace,
    /// One check.
    pub(super) probe: P,
    pub(super) bus: EventBus,
    /// Asks for a new rotation.
    pub(super) stale: Arc<Notify>,
    /// Where to say that the backend has come back.
    pub(super) recovered: mpsc::UnboundedSender<Arc<Backend>>,
}

impl<P: AsyncFn(&Spec, &HealthCheck) -> Finding> Patrol<P> {
    /// Never ends.
    pub(super) async fn run(mut self) {
        loop {
            let began = Instant::now();
            let finding = (self.probe)(&self.backend.spec, &self.checks.config).await;
            let health = if finding.is_void() { self.checks.log().health } else { self.take_in(&finding) };
            let pause = self.pace.pause(&health, entropy());
            tokio::select! {
                () = sleep_until(began + pause) => {}
                () = self.checks.wanted() => sleep_until(began + pause.min(SOON)).await,
            }
        }
    }

    /// Enters a result and does what follows from it.
    fn take_in(&self, finding: &Finding) -> Health {
        let (passed, detail) = (finding.passed(), finding.to_string());
        let (at_unix_ms, took_us) = (clock::unix_ms(), finding.took.as_micros() as u64);
        let result = CheckResult { at_unix_ms, passed, detail: detail.clone(), took_us, body: finding.body.clone() };
        let (flip, health) = self.checks.enter(result);
        let backend = self.backend.spec.id.clone();
        if let Some(Flip { from, to }) = flip {
            self.backend.live.set_verdict(to, clock::now());
            self.bus.publish(Event::HealthChanged { backend, from, to, detail });
            self.stale.notify_one();
            if (from, to) == (Verdict::Unhealthy, Verdict::Healthy) {
                // Without a detector there is nobody to tell.
                let _ = self.recovered.send(Arc::clone(&self.backend));
            }
        } else if health.is_in_doubt() && health.streak() == 1 {
            self.bus.publish(Event::CheckTurned { backend, passed, streak: 1, of: health.needed(), detail });
        }
        health
    }
}

#[cfg(test)]
mod tests;
