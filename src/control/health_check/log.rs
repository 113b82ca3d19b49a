//! What a backend's checks have come to, and the last results for whoever wants to know why.

use std::collections::VecDeque;

use crate::balance::health::{Flip, Health};
use crate::balance::snapshot::CheckResult;

/// Results that are kept.
const KEPT: usize = 10;

/// See the module.
#[derive(Clone, Debug)]
pub struct CheckLog {
    /// What the checks have come to.
    pub health: Health,
    /// Checks that have passed since the start.
    pub passed: u64,
    /// Checks that have failed since the start.
    pub failed: u64,
    /// Newest first.
    results: VecDeque<CheckResult>,
}

impl CheckLog {
    /// No checks yet.
    pub const fn new(health: Health) -> Self {
        Self { health, passed: 0, failed: 0, results: VecDeque::new() }
    }

    /// Takes in a result.
    pub fn enter(&mut self, result: CheckResult) -> Option<Flip> {
        let flip = self.health.observe(result.passed);
        let count = if result.passed { &mut self.passed } else { &mut self.failed };
        *count += 1;
        self.results.truncate(KEPT - 1);
        self.results.push_front(result);
        flip
    }

    /// The last results, newest first.
    pub fn results(&self) -> Vec<CheckResult> {
        self.results.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ten_are_kept() {
        let mut log = CheckLog::new(Health::new(2, 3));
        for at_unix_ms in 0..14 {
            log.enter(CheckResult { at_unix_ms, passed: true, detail: String::new(), took_us: 0, body: None });
        }
        let kept: Vec<_> = log.results().iter().map(|result| result.at_unix_ms).collect();
        assert_eq!(kept, (4..14).rev().collect::<Vec<_>>());
        assert_eq!((log.health.streak(), log.passed, log.failed), (14, 14, 0));
    }
}
