//! When the next check begins.

use std::time::Duration;

use crate::balance::Millis;
use crate::balance::health::Health;

/// The rhythm of one backend's checks. Pauses count from the beginning of a check to the beginning of the next.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    jitter_percent: u32,
    /// The first pause in steady state, so that backends which started together drift apart.
    offset: Option<Duration>,
}

impl Pace {
    /// The rhythm of the backend at `index` of `count`.
    pub(super) fn new(interval: Duration, jitter_percent: u32, index: usize, count: usize) -> Self {
        let offset = interval.mul_f64((index + 1) as f64 / count.max(1) as f64);
        Self { interval, jitter_percent, offset: Some(offset) }
    }

    /// The next pause. `entropy` is 64 random bits.
    pub(super) fn pause(&mut self, health: &Health, entropy: u64) -> Duration {
        let pause = if health.is_in_doubt() {
            Duration::from_millis(health.pace(self.interval.as_millis() as Millis))
        } else {
            self.offset.take().unwrap_or(self.interval)
        };
        let swing = f64::from(self.jitter_percent.min(100)) / 100.0;
        pause.mul_f64(1.0 - swing + 2.0 * swing * (entropy as f64 / u64::MAX as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(checks: &str) -> Health {
        let mut health = Health::new(2, 3);
        checks.chars().for_each(|check| _ = health.observe(check == 'o'));
        health
    }

    /// Pauses in milliseconds of the backend at `index` of 4, checked each 2 s.
    fn pauses<const N: usize>(index: usize, checks: [&str; N]) -> [u128; N] {
        let mut pace = Pace::new(Duration::from_secs(2), 0, index, 4);
        checks.map(|checks| pace.pause(&health(checks), 0).as_millis())
    }

    #[test]
    fn checks_spread_over_the_interval_and_keep_it() {
        let all = [0, 1, 2, 3].map(|index| pauses(index, ["o", "oo"]));
        assert_eq!(all, [[500, 2000], [1000, 2000], [1500, 2000], [2000, 2000]]);
    }

    #[test]
    fn doubt_is_quick_and_does_not_use_up_the_offset() {
        let [doubt, steady, again] = pauses(1, ["ox", "oxxx", "oxxxx"]);
        assert!(doubt <= 300, "{doubt}");
        assert_eq!([steady, again], [1000, 2000]);
    }

    #[test]
    fn jitter_goes_both_ways() {
        let pause = |entropy| Pace::new(Duration::from_secs(1), 10, 0, 1).pause(&health("o"), entropy).as_millis();
        assert_eq!([pause(0), pause(u64::MAX / 2), pause(u64::MAX)], [900, 1000, 1100]);
    }
}
