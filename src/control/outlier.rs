//! The outlier detector: the only writer of ejections. Hears what leases have noticed, and wakes when an ejection is over.
//!
//! Who is ejected and for how long is [`crate::balance::ejection`]'s to say. The same clock also moves slow starts along,
//! since it is here that every return of a backend is heard of.

use std::iter::zip;
use std::mem::take;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::announce;
use super::health_check::Register;
use crate::balance::Millis;
use crate::balance::backend::Backend;
use crate::balance::ejection::{Action, Outliers};
use crate::balance::lease::Signal;
use crate::balance::pool::Pool;
use crate::clock;
use crate::event::{Event, EventBus};
use crate::running::Follow;
use crate::tally::Report;

/// See the module.
#[derive(Debug)]
pub struct Detector {
    running: Follow,
    pools: Vec<Watched>,
    checks: Register,
    bus: EventBus,
}

#[derive(Debug)]
struct Watched {
    pool: Arc<Pool>,
    /// `None` when the config has turned it off.
    outliers: Option<Outliers>,
}

impl Watched {
    fn new(pool: &Arc<Pool>) -> Self {
        let outliers = pool.settings().outlier_detection.map(|settings| Outliers::new(settings, pool.backends().len()));
        Self { pool: Arc::clone(pool), outliers }
    }

    /// The pool that has taken this one's place. Who is out stays out, unless ejection has been turned off.
    fn succeeded_by(self, pool: &Arc<Pool>, bus: &EventBus) -> Self {
        let Some(outliers) = self.outliers else { return Self::new(pool) };
        let before = self.pool.backends();
        let index = |backend: &Arc<Backend>| before.iter().position(|old| Arc::ptr_eq(&old.live, &backend.live));
        let kept: Vec<_> = pool.backends().iter().map(index).collect();
        let successor = pool.settings().outlier_detection.map(|settings| outliers.succeeded_by(settings, &kept));
        if successor.is_none() {
            let out = |(_, kept): &(&Arc<Backend>, Option<usize>)| kept.is_some_and(|index| outliers.is_out(index));
            let now = clock::now();
            zip(pool.backends(), kept).filter(out).for_each(|(backend, _)| perform(Action::Readmit, backend, bus, now));
            announce::refresh(pool, bus);
        }
        Self { pool: Arc::clone(pool), outliers: successor }
    }
}

impl Detector {
    /// Watches the pools of what runs; asks for checks where there are any.
    pub fn new(mut running: Follow, checks: Register, bus: EventBus) -> Self {
        let pools = running.borrow_and_update().pools.iter().map(Watched::new).collect();
        Self { running, pools, checks, bus }
    }

    /// Goes over to what runs by now.
    fn follow(&mut self) {
        if !self.running.has_changed().unwrap_or_default() {
            return;
        }
        let running = Arc::clone(&self.running.borrow_and_update());
        let mut before = take(&mut self.pools);
        for pool in &*running.pools {
            self.pools.push(match before.extract_if(.., |watched| watched.pool.name() == pool.name()).next() {
                Some(watched) if Arc::ptr_eq(&watched.pool, pool) => watched,
                Some(watched) => watched.succeeded_by(pool, &self.bus),
                None => Watched::new(pool),
            });
        }
    }

    /// Listens to the workers, and to the health checks for backends that have `recovered`, as long as there is anybody to hear.
    pub async fn run(mut self, mut reports: mpsc::Receiver<Report>, mut recovered: mpsc::UnboundedReceiver<Arc<Backend>>) {
        loop {
            let due = self.next_due(clock::now());
            let wait = Duration::from_millis(due.unwrap_or_default().saturating_sub(clock::now()));
            tokio::select! {
                Some(report) = reports.recv() => {
                    self.follow();
                    self.hear(&report);
                }
                Some(backend) = recovered.recv() => {
                    self.follow();
                    self.recovered(&backend);
                }
                () = sleep(wait), if due.is_some() => {}
                Ok(()) = self.running.changed() => self.running.mark_changed(),
                else => return,
            }
            self.follow();
            // Whatever it was that came: a step that is due now would not be due any more when asked again.
            if due.is_some_and(|due| due <= clock::now()) {
                self.wake(clock::now());
            }
        }
    }

    fn hear(&mut self, Report { backend, signal }: &Report) {
        let now = clock::now();
        match signal {
            Signal::FirstFailure => self.checks.get(&backend.spec.id).into_iter().for_each(|checks| checks.check_soon()),
            Signal::Suspect => self.act(backend, now, |outliers, index, pool| {
                let failures = backend.live.consecutive_failures.load(Relaxed);
                outliers.suspect(index, failures, eligible_others(pool, index), now)
            }),
            Signal::TrialPassed => self.act(backend, now, |outliers, index, _| outliers.tried(index, true, now)),
            Signal::TrialFailed => self.act(backend, now, |outliers, index, _| outliers.tried(index, false, now)),
        }
    }

    fn recovered(&mut self, backend: &Arc<Backend>) {
        let now = clock::now();
        self.act(backend, now, |outliers, index, _| outliers.recovered(index, now));
    }

    /// Asks the machine of the backend's pool, and does what it says.
    fn act(&mut self, backend: &Backend, now: Millis, ask: impl FnOnce(&mut Outliers, usize, &Pool) -> Option<Action>) {
        let Some(watched) = self.pools.iter_mut().find(|watched| *watched.pool.name() == backend.spec.id.pool) else { return };
        let index = watched.pool.backends().iter().position(|other| Arc::ptr_eq(&other.live, &backend.live));
        if let (Some(outliers), Some(index)) = (&mut watched.outliers, index)
            && let Some(action) = ask(outliers, index, &watched.pool)
        {
            perform(action, &watched.pool.backends()[index], &self.bus, now);
            announce::refresh(&watched.pool, &self.bus);
        }
    }

    /// When something is to be done without anybody saying so.
    fn next_due(&self, now: Millis) -> Option<Millis> {
        let due = |watched: &Watched| {
            let ejection_ends = watched.outliers.as_ref().and_then(Outliers::next_due);
            ejection_ends.into_iter().chain(watched.pool.next_change(now)).min()
        };
        self.pools.iter().filter_map(due).min()
    }

    fn wake(&mut self, now: Millis) {
        for Watched { pool, outliers } in &mut self.pools {
            for (index, action) in outliers.iter_mut().flat_map(|outliers| outliers.due(now)) {
                perform(action, &pool.backends()[index], &self.bus, now);
            }
            announce::refresh(pool, &self.bus);
        }
    }
}

fn perform(action: Action, backend: &Backend, bus: &EventBus, now: Millis) {
    let failures = backend.live.consecutive_failures.load(Relaxed);
    action.apply(&backend.live, now);
    let backend = backend.spec.id.clone();
    bus.publish(match action {
        Action::Eject { for_ms, .. } => Event::Ejected { backend, failures, for_ms },
        Action::Try => Event::OnTrial { backend },
        Action::Readmit => Event::Readmitted { backend },
    });
}

fn eligible_others(pool: &Pool, index: usize) -> usize {
    let others = pool.backends().iter().enumerate().filter(|(other, _)| *other != index);
    others.filter(|(_, backend)| backend.eligibility().is_eligible()).count()
}

#[cfg(test)]
mod tests;
