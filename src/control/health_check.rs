//! Active health checks: one `patrol` per backend, the only writer of its verdict.
//!
//! What a single check does is in `probe`, when it is done in `pace`, what follows from it is
//! [`crate::balance::health`]'s to say.

mod log;
mod pace;
mod patrol;
mod probe;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

pub use self::log::CheckLog;
use self::pace::Pace;
use self::patrol::Patrol;
use self::probe::probe;
use super::announce;
use crate::balance::backend::{Backend, BackendId, Verdict};
use crate::balance::health::{Flip, Health};
use crate::balance::pool::Pool;
use crate::balance::snapshot::CheckResult;
use crate::clock;
use crate::config::HealthCheck;
use crate::event::EventBus;

/// How long requests wait for the first verdict.
const FIRST_VERDICT: Duration = Duration::from_secs(1);

/// The checks of every backend that has any.
pub type Register = HashMap<BackendId, Arc<Checks>>;

/// One backend's checks.
#[derive(Debug)]
pub struct Checks {
    config: HealthCheck,
    wanted: Notify,
    log: Mutex<CheckLog>,
}

impl Checks {
    /// Not checked yet.
    pub fn new(config: &HealthCheck) -> Self {
        let log = CheckLog::new(Health::new(config.rise, config.fall));
        Self { config: config.clone(), wanted: Notify::new(), log: Mutex::new(log) }
    }

    /// Asks for a check before its time.
    pub fn check_soon(&self) {
        self.wanted.notify_one();
    }

    /// Waits until a check has been asked for.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// What they have come to.
    pub fn log(&self) -> CheckLog {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks in a row that make healthy, and unhealthy.
    pub fn thresholds(&self) -> (u32, u32) {
        (self.config.rise, self.config.fall)
    }

    fn enter(&self, result: CheckResult) -> (Option<Flip>, Health) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        (log.enter(result), log.health)
    }
}

/// What has to run for a pool whose backends are in the register. None of it ends by itself.
pub fn tasks(
    pool: &Arc<Pool>,
    register: &Register,
    bus: &EventBus,
    recovered: &mpsc::UnboundedSender<Arc<Backend>>,
) -> Vec<Pin<Box<dyn Future<Output = ()> + Send>>> {
    let stale = Arc::new(Notify::new());
    let backends = pool.backends();
    let mut tasks: Vec<Pin<Box<dyn Future<Output = ()> + Send>>> = Vec::with_capacity(backends.len() + 2);
    for (index, backend) in backends.iter().enumerate() {
        let Some(checks) = register.get(&backend.spec.id).map(Arc::clone) else { continue };
        let patrol = Patrol {
            backend: Arc::clone(backend),
            pace: Pace::new(checks.config.interval, checks.config.jitter_percent, index, backends.len()),
            checks,
            probe,
            bus: bus.clone(),
            stale: Arc::clone(&stale),
            recovered: recovered.clone(),
        };
        tasks.push(Box::pin(patrol.run()));
    }
    tasks.push(Box::pin(stop_waiting(Arc::clone(pool), Arc::clone(&stale))));
    tasks.push(Box::pin(keep_fresh(Arc::clone(pool), stale, bus.clone())));
    tasks
}

/// Lets requests through to backends whose first check has not come back by then.
async fn stop_waiting(pool: Arc<Pool>, stale: Arc<Notify>) {
    sleep(FIRST_VERDICT).await;
    for backend in pool.backends().iter().filter(|backend| backend.live.verdict() == Verdict::Unknown) {
        backend.live.set_verdict(Verdict::Unknown, clock::now());
    }
    stale.notify_one();
}

/// Gives the pool a new rotation after verdicts have changed: one for all that changed meanwhile, since with many backends
/// and a hash ring a rotation takes milliseconds.
async fn keep_fresh(pool: Arc<Pool>, stale: Arc<Notify>, bus: EventBus) {
    loop {
        stale.notified().await;
        announce::refresh(&pool, &bus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::Eligibility;
    use crate::control::fixture;

    #[tokio::test(start_paused = true)]
    async fn requests_wait_a_second_for_the_first_verdict() {
        let mut settings = fixture::settings("web", &["a", "b"]);
        settings.checked = true;
        let (pool, bus) = (fixture::pool_of(settings), EventBus::default());
        let mut events = bus.subscribe();
        pool.backends()[1].live.set_verdict(Verdict::Unhealthy, 1);
        pool.refresh(clock::now());
        let stale = Arc::new(Notify::new());
        tokio::spawn(stop_waiting(Arc::clone(&pool), Arc::clone(&stale)));
        tokio::spawn(keep_fresh(Arc::clone(&pool), stale, bus));
        sleep(Duration::from_millis(999)).await;
        assert_eq!(pool.backends()[0].eligibility(), Eligibility::AwaitingFirstCheck);
        assert_eq!(events.recv().await.unwrap().event.to_string(), "web 0 -> 1 of 2 eligible");
        let eligibilities: Vec<_> = pool.backends().iter().map(|backend| backend.eligibility()).collect();
        assert_eq!(eligibilities, [Eligibility::Eligible, Eligibility::Unhealthy]);
    }
}
