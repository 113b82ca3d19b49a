//! Active health checks: one `patrol` per backend, the only writer of its verdict.
//!
//! What a single check does is in `probe`, when it is done in `pace`, what follows from it is
//! [`crate::balance::health`]'s to say.

mod log;
mod pace;
mod patrol;
mod probe;

use std::collections::HashMap;
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

/// The loops that check a pool's backends, as far as they are in the register. They never end.
pub fn patrols(
    pool: &Arc<Pool>,
    register: &Register,
    bus: &EventBus,
    recovered: &mpsc::UnboundedSender<Arc<Backend>>,
) -> Vec<impl Future<Output = ()> + Send + use<>> {
    let backends = pool.backends();
    let patrol = |(index, backend): (usize, &Arc<Backend>)| {
        let checks = Arc::clone(register.get(&backend.spec.id)?);
        let patrol = Patrol {
            pool: Arc::clone(pool),
            backend: Arc::clone(backend),
            pace: Pace::new(checks.config.interval, checks.config.jitter_percent, index, backends.len()),
            checks,
            probe,
            bus: bus.clone(),
            recovered: recovered.clone(),
        };
        Some(patrol.run())
    };
    backends.iter().enumerate().filter_map(patrol).collect()
}

/// Lets requests through to backends whose first check has not come back by then.
pub async fn stop_waiting(pool: Arc<Pool>, bus: EventBus) {
    sleep(FIRST_VERDICT).await;
    for backend in pool.backends().iter().filter(|backend| backend.live.verdict() == Verdict::Unknown) {
        backend.live.set_verdict(Verdict::Unknown, clock::now());
    }
    announce::refresh(&pool, &bus);
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
        let waiting = tokio::spawn(stop_waiting(Arc::clone(&pool), bus));
        sleep(Duration::from_millis(999)).await;
        assert_eq!(pool.backends()[0].eligibility(), Eligibility::AwaitingFirstCheck);
        waiting.await.unwrap();
        assert_eq!(
            pool.backends().iter().map(|backend| backend.eligibility()).collect::<Vec<_>>(),
            [Eligibility::Eligible, Eligibility::Unhealthy]
        );
        assert_eq!(events.try_recv().unwrap().event.to_string(), "web 0 -> 1 of 2 eligible");
    }
}
