//! The last checks of a backend, for whoever wants to know why.

use std::collections::VecDeque;

use crate::balance::snapshot::CheckResult;

/// Results that are kept.
const KEPT: usize = 10;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct CheckLog {
    /// Newest first.
    results: VecDeque<CheckResult>,
    streak: u32,
}

impl CheckLog {
    /// Enters a result; returns whether it is another one than the last.
    pub fn enter(&mut self, result: CheckResult) -> bool {
        let turned = self.results.front().is_some_and(|last| last.passed != result.passed);
        self.streak = if turned { 1 } else { self.streak.saturating_add(1) };
        self.results.truncate(KEPT - 1);
        self.results.push_front(result);
        turned
    }

    /// The last results, newest first.
    pub fn results(&self) -> Vec<CheckResult> {
        self.results.iter().cloned().collect()
    }

    /// Checks in a row with the same result as the last one.
    pub fn streak(&self) -> u32 {
        self.streak
    }

    /// Whether the last check passed.
    pub fn last_passed(&self) -> bool {
        self.results.front().is_some_and(|last| last.passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_results_are_kept_and_the_streak_goes_on() {
        let mut log = CheckLog::default();
        let mut enter = |n: u64, passed| log.enter(CheckResult { at_unix_ms: n, passed, detail: String::new(), took_us: 0 });
        assert!(!enter(0, true));
        assert!(enter(1, false));
        assert!((2..14).all(|n| !enter(n, false)));
        assert_eq!((log.streak(), log.last_passed()), (13, false));
        assert_eq!(log.results().iter().map(|result| result.at_unix_ms).collect::<Vec<_>>(), (4..14).rev().collect::<Vec<_>>());
    }
}
