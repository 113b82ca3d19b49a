//! Active health checks: one loop per backend, the only writer of its verdict.

mod log;
mod pace;
mod probe;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use self::log::CheckLog;
use crate::balance::backend::BackendId;
use crate::balance::snapshot::CheckResult;
use crate::config::HealthCheck;

/// The checks of every backend that has any.
pub type Register = HashMap<BackendId, Arc<Checks>>;

/// One backend's checks, as others see them.
#[derive(Debug)]
pub struct Checks {
    /// Passed checks in a row that make it healthy.
    pub rise: u32,
    /// Failed checks in a row that make it unhealthy.
    pub fall: u32,
    wanted: Notify,
    log: Mutex<CheckLog>,
}

impl Checks {
    fn new(config: &HealthCheck) -> Self {
        Self { rise: config.rise, fall: config.fall, wanted: Notify::new(), log: Mutex::default() }
    }

    /// Asks for a check before its time.
    pub fn check_soon(&self) {
        self.wanted.notify_one();
    }

    /// The last checks.
    pub fn log(&self) -> CheckLog {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn enter(&self, result: CheckResult) -> bool {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).enter(result)
    }
}
