//! Traffic over a sliding window, and the 60 seconds that charts show.
//!
//! A window is [`SLOTS`] slots; the newest one is still being filled, the oldest one leaves as a whole. So a window covers
//! between 11/12 and all of its length, and says how much.
//!
//! Memory per series, at most: 3 windows x ([`BUCKETS`] x 4 bytes for the sum + 12 slots x (some 120 bytes + 8 per bucket
//! that is not empty)), plus 1 KiB of seconds. An idle backend takes 10 KiB; one whose latencies spread over 60 buckets
//! (1 to 13 ms) in each slot takes 27 KiB, 1,000 of those 27 MiB.

use std::collections::VecDeque;
use std::ops::AddAssign;

use super::counts::{Latencies, merge};
use crate::balance::Millis;
use crate::balance::histogram::{BUCKETS, bucket_mid};
use crate::balance::snapshot::Traffic;

/// Slots of a window.
pub(super) const SLOTS: u64 = 12;

/// What is added up over a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// Finished requests.
    pub(super) requests: u64,
    /// Answers by class.
    pub(super) classes: [u64; 5],
    /// Errors.
    pub(super) errors: u64,
    /// Requests whose client left.
    pub(super) cancelled: u64,
    /// Retries.
    pub(super) retries: u64,
    /// Request body bytes.
    pub(super) bytes_in: u64,
    /// Answer body bytes.
    pub(super) bytes_out: u64,
    /// Requests handed to the backend.
    pub(super) picked: u64,
    /// Requests that would have been its fair share.
    pub(super) owed: f64,
}

impl AddAssign<&Self> for Figures {
    fn add_assign(&mut self, more: &Self) {
        self.requests += more.requests;
        self.classes.iter_mut().zip(more.classes).for_each(|(sum, n)| *sum += n);
        self.errors += more.errors;
        self.cancelled += more.cancelled;
        self.retries += more.retries;
        self.bytes_in += more.bytes_in;
        self.bytes_out += more.bytes_out;
        self.picked += more.picked;
        self.owed += more.owed;
    }
}

/// What one tick adds.
#[derive(Clone, Debug, Default)]
pub(super) struct Tick {
    /// Counts.
    pub(super) figures: Figures,
    /// Latencies.
    pub(super) latencies: Latencies,
}

#[derive(Debug)]
struct Slot {
    /// Number of the slot since the process started.
    number: u64,
    tick: Tick,
}

/// One sliding window.
#[derive(Debug)]
pub(super) struct Window {
    slot_ms: Millis,
    began: Millis,
    slots: VecDeque<Slot>,
    /// Sum of the slots' latencies, and their number.
    latencies: Box<[u32; BUCKETS]>,
    measured: u64,
}

impl Window {
    /// An empty window of so many seconds, watched from `now` on.
    pub(super) fn new(seconds: u64, now: Millis) -> Self {
        Self {
            slot_ms: seconds * 1000 / SLOTS,
            began: now,
            slots: VecDeque::new(),
            latencies: Box::new([0; BUCKETS]),
            measured: 0,
        }
    }

    /// Adds what happened just before `now`, and lets go of what is too old.
    pub(super) fn add(&mut self, tick: &Tick, now: Millis) {
        let number = now / self.slot_ms;
        let is_outdated = |slot: &Slot| slot.number + SLOTS <= number;
        while self.slots.front().is_some_and(is_outdated)
            && let Some(slot) = self.slots.pop_front()
        {
            for (bucket, count) in slot.tick.latencies {
                self.latencies[usize::from(bucket)] -= count;
                self.measured -= u64::from(count);
            }
        }
        if self.slots.back().is_none_or(|slot| slot.number < number) {
            self.slots.push_back(Slot { number, tick: Tick::default() });
        }
        if let Some(slot) = self.slots.back_mut() {
            slot.tick.figures += &tick.figures;
            merge(&mut slot.tick.latencies, &tick.latencies);
        }
        for (bucket, count) in &tick.latencies {
            self.latencies[usize::from(*bucket)] += count;
            self.measured += u64::from(*count);
        }
    }

    /// The sum over the window.
    pub(super) fn figures(&self) -> Figures {
        let mut sum = Figures::default();
        self.slots.iter().for_each(|slot| sum += &slot.tick.figures);
        sum
    }

    /// The window as everybody sees it, given its [`Self::figures`].
    pub(super) fn traffic(&self, figures: &Figures, now: Millis) -> Traffic {
        let first = self.slots.front().map_or(now, |slot| slot.number * self.slot_ms);
        let [p50_us, p90_us, p99_us] = self.quantiles();
        Traffic {
            seconds: now.saturating_sub(first.max(self.began)) as f64 / 1000.0,
            requests: figures.requests,
            classes: figures.classes,
            errors: figures.errors,
            cancelled: figures.cancelled,
            retries: figures.retries,
            bytes_in: figures.bytes_in,
            bytes_out: figures.bytes_out,
            p50_us,
            p90_us,
            p99_us,
        }
    }

    /// Latency as (microseconds, count) per bucket that is not empty.
    pub(super) fn histogram(&self) -> Vec<(u64, u64)> {
        let filled = self.latencies.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(bucket, count)| (bucket_mid(bucket), u64::from(*count))).collect()
    }

    /// The 0.5, 0.9 and 0.99 quantiles in one pass.
    fn quantiles(&self) -> [Option<u64>; 3] {
        let mut seen = 0;
        let mut filled = self.latencies.iter().enumerate().filter(|(_, count)| **count > 0);
        let mut last = None;
        [50, 90, 99].map(|percent| {
            let rank = (self.measured * percent).div_ceil(100);
            while seen < rank {
                let (bucket, count) = filled.next()?;
                seen += u64::from(*count);
                last = Some(bucket_mid(bucket));
            }
            last
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::histogram::{bucket, quantile};

    fn requests(n: u64, us: u64) -> Tick {
        let figures = Figures { requests: n, classes: [0, n, 0, 0, 0], ..Figures::default() };
        Tick { figures, latencies: vec![(bucket(us) as u16, n as u32)] }
    }

    #[test]
    fn a_window_covers_what_it_says_and_forgets_the_rest() {
        let traffic = |window: &Window, now| window.traffic(&window.figures(), now);
        let covered = |window: &Window, now| (traffic(window, now).seconds.round() as u64, traffic(window, now).requests);
        let mut window = Window::new(60, 2_000);
        window.add(&requests(10, 1000), 3_000);
        assert_eq!(covered(&window, 3_000), (1, 10));
        window.add(&requests(1, 9000), 59_000);
        assert_eq!(covered(&window, 59_000), (57, 11));
        assert_eq!(window.histogram().len(), 2);
        window.add(&requests(1, 9000), 61_000);
        assert_eq!(covered(&window, 61_000), (6, 2));
        assert_eq!(window.histogram().len(), 1);
        window.add(&Tick::default(), 600_000);
        let traffic = traffic(&window, 600_000);
        assert_eq!((traffic.requests, traffic.p99_us), (0, None));
    }

    #[test]
    fn quantiles_agree_with_the_cores() {
        let mut window = Window::new(60, 0);
        (1..=777).for_each(|n| window.add(&requests(n % 7, n * n), n));
        let traffic = window.traffic(&window.figures(), 1000);
        let counts = || window.latencies.iter().map(|n| u64::from(*n)).enumerate();
        assert_eq!([traffic.p50_us, traffic.p90_us, traffic.p99_us], [0.5, 0.9, 0.99].map(|q| quantile(counts(), q)));
    }
}
