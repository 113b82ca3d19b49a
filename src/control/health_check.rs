//! Active health checks: one `patrol` per backend, the only writer of its verdict.
//!
//! Who is checked, and how, is in the [`Register`]; the [`Roster`] sends the patrols. What a single check does is in `probe`,
//! when it is done in `pace`, what follows from it is [`crate::balance::health`]'s to say.

mod log;
mod pace;
mod patrol;
mod probe;
mod register;
mod roster;

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

pub use self::log::CheckLog;
pub use self::register::Register;
pub use self::roster::Roster;
use crate::balance::backend::Verdict;
use crate::balance::health::{Flip, Health};
use crate::balance::snapshot::CheckResult;
use crate::config::HealthCheck;

/// One backend's checks.
#[derive(Debug)]
pub struct Checks {
    config: HealthCheck,
    wanted: Notify,
    log: Mutex<CheckLog>,
}

impl Checks {
    /// Of a backend with this verdict, which has not been checked in this way yet.
    pub fn new(config: &HealthCheck, verdict: Verdict) -> Self {
        let log = CheckLog::new(Health::from(config.rise, config.fall, verdict));
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
