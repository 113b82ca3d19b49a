//! Who is on patrol: follows what runs, sends a patrol to every backend that has checks, and calls it back when it has none
//! any more or others.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::pace::Pace;
use super::patrol::Patrol;
use super::probe::probe;
use super::{Checks, Register};
use crate::balance::backend::{Backend, BackendId, Verdict};
use crate::balance::pool::Pool;
use crate::clock;
use crate::control::announce;
use crate::event::EventBus;
use crate::running::{Follow, Running};

/// How long requests wait for the first verdict.
const FIRST_VERDICT: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub struct Roster {
    register: Register,
    bus: EventBus,
    /// Where to say that a backend has come back.
    recovered: mpsc::UnboundedSender<Arc<Backend>>,
    patrols: HashMap<BackendId, OnPatrol>,
    pools: HashMap<Arc<str>, Kept>,
}

/// A patrol under way.
#[derive(Debug)]
struct OnPatrol {
    backend: Arc<Backend>,
    checks: Arc<Checks>,
    _task: AbortOnDropHandle<()>,
}

/// A pool that is kept fresh.
#[derive(Debug)]
struct Kept {
    pool: Arc<Pool>,
    /// Asks for a new rotation.
    stale: Arc<Notify>,
    _task: AbortOnDropHandle<()>,
}

impl Roster {
    /// Nobody is on patrol.
    pub fn new(register: Register, bus: EventBus, recovered: mpsc::UnboundedSender<Arc<Backend>>) -> Self {
        Self { register, bus, recovered, patrols: HashMap::new(), pools: HashMap::new() }
    }

    /// Never ends.
    pub async fn run(mut self, mut running: Follow) {
        loop {
            let now = Arc::clone(&running.borrow_and_update());
            self.follow(&now);
            if running.changed().await.is_err() {
                return pending().await;
            }
        }
    }

    fn follow(&mut self, running: &Running) {
        self.pools.retain(|name, _| running.pool(name).is_some());
        running.pools.iter().for_each(|pool| self.keep(pool));
        self.call_back();
        for pool in &*running.pools {
            for (index, backend) in pool.backends().iter().enumerate() {
                if let Some(checks) = self.register.get(&backend.spec.id)
                    && !self.patrols.contains_key(&backend.spec.id)
                {
                    let count = pool.backends().len();
                    let pace = Pace::new(checks.config.interval, checks.config.jitter_percent, index, count);
                    self.send(backend, checks, pace);
                }
            }
        }
    }

    /// Sees to it that the pool gets a new rotation whenever it is stale.
    fn keep(&mut self, pool: &Arc<Pool>) {
        let known = self.pools.get(pool.name());
        if known.is_none_or(|known| !Arc::ptr_eq(&known.pool, pool)) {
            let stale = known.map_or_else(Arc::default, |known| Arc::clone(&known.stale));
            let task = tokio::spawn(keep_fresh(Arc::clone(pool), Arc::clone(&stale), self.bus.clone()));
            let kept = Kept { pool: Arc::clone(pool), stale, _task: AbortOnDropHandle::new(task) };
            self.pools.insert(Arc::clone(pool.name()), kept);
        }
    }

    /// Ends patrols that are not, or not so, in the register any more. Without checks there is no verdict.
    fn call_back(&mut self) {
        let Self { register, patrols, pools, .. } = self;
        let on = |id: &BackendId, patrol: &OnPatrol| register.get(id).is_some_and(|checks| Arc::ptr_eq(&checks, &patrol.checks));
        for (id, patrol) in patrols.extract_if(|id, patrol| !on(id, patrol)) {
            if register.get(&id).is_none() {
                patrol.backend.live.set_verdict(Verdict::Unknown, clock::now());
                pools.get(&id.pool).into_iter().for_each(|pool| pool.stale.notify_one());
            }
        }
    }

    fn send(&mut self, backend: &Arc<Backend>, checks: Arc<Checks>, pace: Pace) {
        let Some(stale) = self.pools.get(&backend.spec.id.pool).map(|pool| Arc::clone(&pool.stale)) else { return };
        let patrol = Patrol {
            backend: Arc::clone(backend),
            checks: Arc::clone(&checks),
            pace,
            probe,
            bus: self.bus.clone(),
            stale: Arc::clone(&stale),
            recovered: self.recovered.clone(),
        };
        let waiting = stop_waiting(Arc::clone(backend), stale);
        let task = tokio::spawn(async move { _ = tokio::join!(patrol.run(), waiting) });
        let on_patrol = OnPatrol { backend: Arc::clone(backend), checks, _task: AbortOnDropHandle::new(task) };
        self.patrols.insert(backend.spec.id.clone(), on_patrol);
    }
}

/// Lets requests through to a backend whose first check has not come back by then.
async fn stop_waiting(backend: Arc<Backend>, stale: Arc<Notify>) {
    sleep(FIRST_VERDICT).await;
    if backend.live.verdict() == Verdict::Unknown {
        backend.live.set_verdict(Verdict::Unknown, clock::now());
        stale.notify_one();
    }
}

/// Gives the pool a new rotation after verdicts have changed: one for all that changed meanwhile, since with many backends
/// and a hash ring a rotation takes milliseconds.
pub(super) async fn keep_fresh(pool: Arc<Pool>, stale: Arc<Notify>, bus: EventBus) {
    loop {
        stale.notified().await;
        announce::refresh(&pool, &bus);
    }
}

#[cfg(test)]
mod tests;
