//! The machine behind a backend's checks: so many passed ones in a row make it healthy, so many failed ones unhealthy.
//!
//! Knows nothing of time-outs, sockets or schedules; the probe loop feeds it and asks it for the [`Health::pace`].

use super::Millis;
use super::backend::Verdict;

/// The longest interval between checks while a verdict is in doubt, in milliseconds.
pub const IN_DOUBT: Millis = 300;

/// What the checks of one backend have come to.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    rise: u32,
    fall: u32,
    verdict: Verdict,
    streak: u32,
    last_passed: bool,
}

/// The verdict has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    /// Before.
    pub from: Verdict,
    /// After: never [`Verdict::Unknown`].
    pub to: Verdict,
}

impl Health {
    /// Nothing known yet. `rise` passed checks in a row make healthy, `fall` failed ones unhealthy; both at least 1.
    pub const fn new(rise: u32, fall: u32) -> Self {
        Self::from(rise, fall, Verdict::Unknown)
    }

    /// As [`Self::new`], going on from what other checks have found.
    pub const fn from(rise: u32, fall: u32, verdict: Verdict) -> Self {
        Self { rise, fall, verdict, streak: 0, last_passed: false }
    }

    /// Takes in a check. The very first one decides alone.
    pub fn observe(&mut self, passed: bool) -> Option<Flip> {
        self.streak = if self.streak > 0 && passed == self.last_passed { self.streak.saturating_add(1) } else { 1 };
        self.last_passed = passed;
        let to = if passed { Verdict::Healthy } else { Verdict::Unhealthy };
        let from = self.verdict;
        if from == to || (from != Verdict::Unknown && self.streak < self.needed()) {
            return None;
        }
        self.verdict = to;
        Some(Flip { from, to })
    }

    /// What the checks say.
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Checks in a row with the result of the last one; 0 before the first.
    pub const fn streak(&self) -> u32 {
        self.streak
    }

    /// Whether the last check passed.
    pub const fn last_passed(&self) -> bool {
        self.last_passed
    }

    /// How many checks in a row with the last one's result decide.
    pub const fn needed(&self) -> u32 {
        if self.last_passed { self.rise } else { self.fall }
    }

    /// Whether the last check contradicts the verdict without having changed it yet.
    pub fn is_in_doubt(&self) -> bool {
        self.streak > 0 && self.last_passed != (self.verdict == Verdict::Healthy)
    }

    /// How long to wait for the next check, in milliseconds, given the configured interval: shorter while in doubt.
    pub fn pace(&self, interval: Millis) -> Millis {
        if self.is_in_doubt() { interval.min(IN_DOUBT) } else { interval }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `o` = passed and `x` = failed; tells the flips with the number of the check that caused them.
    fn flips(checks: &str, rise: u32, fall: u32) -> Vec<String> {
        let mut health = Health::new(rise, fall);
        let flip = |(n, check)| {
            let word = match health.observe(check == 'o')?.to {
                Verdict::Healthy => "Up",
                Verdict::Unhealthy => "Down",
                Verdict::Unknown => "Unknown",
            };
            Some(format!("{word}@{n}"))
        };
        (1..).zip(checks.chars()).filter_map(flip).collect()
    }

    #[test]
    fn flips_when_enough_checks_in_a_row_agree() {
        let table: [(&str, u32, u32, &[&str]); 10] = [
            ("ooxxo", 2, 2, &["Up@1", "Down@4"]),
            ("ooxxoo", 2, 2, &["Up@1", "Down@4", "Up@6"]),
            ("x", 2, 3, &["Down@1"]),
            ("o", 2, 3, &["Up@1"]),
            ("xo", 1, 1, &["Down@1", "Up@2"]),
            ("xoxoxoo", 2, 3, &["Down@1", "Up@7"]),
            ("oxxoxxoxx", 2, 3, &["Up@1"]),
            ("oxxx", 2, 3, &["Up@1", "Down@4"]),
            ("oooooooxxx", 2, 3, &["Up@1", "Down@10"]),
            ("", 1, 1, &[]),
        ];
        for (checks, rise, fall, want) in table {
            assert_eq!(flips(checks, rise, fall), want, "{checks}, rise {rise}, fall {fall}");
        }
    }

    #[test]
    fn hurries_while_in_doubt() {
        let mut health = Health::new(2, 3);
        assert_eq!(health.pace(2_000), 2_000);
        let mut pace_after = |passed| {
            health.observe(passed);
            (health.streak(), health.pace(2_000), health.pace(100))
        };
        assert_eq!(pace_after(true), (1, 2_000, 100));
        assert_eq!(pace_after(false), (1, 300, 100));
        assert_eq!(pace_after(false), (2, 300, 100));
        assert_eq!(pace_after(false), (3, 2_000, 100), "settled: unhealthy");
        assert_eq!(pace_after(true), (1, 300, 100));
        assert_eq!(pace_after(true), (2, 2_000, 100), "settled: healthy");
    }
}
