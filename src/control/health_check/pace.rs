//! When the next check begins.

use std::time::Duration;

/// Longest pause while checks and verdict disagree.
const IN_TRANSITION: Duration = Duration::from_millis(500);

/// Shortest time between a check and one that was asked for.
pub const AT_ONCE: Duration = Duration::from_millis(200);

/// The rhythm of one backend's checks. Pauses count from the beginning of a check to the beginning of the next.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    jitter_percent: u32,
    /// The first pause in steady state, so that backends which started together drift apart.
    offset: Option<Duration>,
}

impl Pace {
    /// The rhythm of the backend at `index` of `count`.
    pub fn new(interval: Duration, jitter_percent: u32, index: usize, count: usize) -> Self {
        let offset = interval.mul_f64((index + 1) as f64 / count.max(1) as f64);
        Self { interval, jitter_percent, offset: Some(offset) }
    }

    /// The next pause. `entropy` is 64 random bits.
    pub fn pause(&mut self, in_transition: bool, entropy: u64) -> Duration {
        let pause =
            if in_transition { self.interval.min(IN_TRANSITION) } else { self.offset.take().unwrap_or(self.interval) };
        let swing = f64::from(self.jitter_percent.min(100)) / 100.0;
        pause.mul_f64(1.0 - swing + 2.0 * swing * (entropy as f64 / u64::MAX as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn checks_spread_over_the_interval_and_keep_it() {
        let pauses = [0, 1, 2, 3].map(|index| {
            let mut pace = Pace::new(ms(2000), 0, index, 4);
            [pace.pause(false, 0), pace.pause(false, 0)]
        });
        assert_eq!(pauses, [[500, 2000], [1000, 2000], [1500, 2000], [2000, 2000]].map(|pair| pair.map(ms)));
    }

    #[test]
    fn a_transition_is_quick_and_does_not_use_up_the_offset() {
        let mut pace = Pace::new(ms(2000), 0, 0, 2);
        let pauses = [true, true, false, false, true].map(|in_transition| pace.pause(in_transition, 0));
        assert_eq!(pauses, [500, 500, 1000, 2000, 500].map(ms));
        assert_eq!(Pace::new(ms(300), 0, 0, 1).pause(true, 0), ms(300), "never slower than the interval");
    }

    #[test]
    fn jitter_goes_both_ways() {
        let pause = |entropy| Pace::new(ms(1000), 10, 0, 1).pause(false, entropy).as_millis();
        assert_eq!([pause(0), pause(u64::MAX / 2), pause(u64::MAX)], [900, 1000, 1100]);
    }
}
