//! Traffic over a sliding window.
//!
//! A window is [`SLOTS`] slots; the newest one is still being filled, the oldest one leaves as a whole. So a window covers
//! between 11/12 and all of its length, and says how much.
//!
//! Memory of three windows: two counts of 4 bytes per bucket for each ([`BUCKETS`]: 9 KiB in all), and per slot 130 bytes and
//! 8 per bucket that is not empty. An idle backend takes 14 KiB; one whose latencies fill 60 buckets (from 1 to 13 ms) in each
//! slot takes 31 KiB, 1,000 of those 31 MiB.

use std::collections::VecDeque;
use std::mem::take;
use std::ops::{AddAssign, Sub};

use super::counts::Latencies;
use crate::balance::Millis;
use crate::balance::histogram::{BUCKETS, bucket_mid};
use crate::balance::snapshot::Traffic;

/// Slots of a window.
const SLOTS: u64 = 12;

/// What is added up over time.
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

impl Sub for Figures {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            requests: self.requests - earlier.requests,
            classes: std::array::from_fn(|class| self.classes[class] - earlier.classes[class]),
            errors: self.errors - earlier.errors,
            cancelled: self.cancelled - earlier.cancelled,
            retries: self.retries - earlier.retries,
            bytes_in: self.bytes_in - earlier.bytes_in,
            bytes_out: self.bytes_out - earlier.bytes_out,
            picked: self.picked - earlier.picked,
            owed: self.owed - earlier.owed,
        }
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
    /// All that had been before it.
    before: Figures,
    /// Latencies, once the slot is full.
    latencies: Latencies,
}

/// One sliding window.
#[derive(Debug)]
pub(super) struct Window {
    slot_ms: Millis,
    began: Millis,
    slots: VecDeque<Slot>,
    /// Latencies of the newest slot.
    newest: Box<[u32; BUCKETS]>,
    /// Latencies of all slots, and their number.
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
            newest: Box::new([0; BUCKETS]),
            latencies: Box::new([0; BUCKETS]),
            measured: 0,
        }
    }

    /// Goes on to `now`, adding the latencies of just before; `before` is all that had been up to them.
    pub(super) fn add(&mut self, before: &Figures, latencies: &Latencies, now: Millis) {
        let number = now / self.slot_ms;
        if self.slots.back().is_none_or(|newest| newest.number < number) {
            self.turn(number, before);
        }
        for (bucket, count) in latencies {
            self.newest[usize::from(*bucket)] += count;
            self.latencies[usize::from(*bucket)] += count;
            self.measured += u64::from(*count);
        }
    }

    /// Begins a new slot, and lets go of those that are too old.
    fn turn(&mut self, number: u64, before: &Figures) {
        if let Some(full) = self.slots.back_mut() {
            let filled = self.newest.iter_mut().enumerate().filter(|(_, count)| **count > 0);
            full.latencies = filled.map(|(bucket, count)| (bucket as u16, take(count))).collect();
        }
        self.slots.push_back(Slot { number, before: *before, latencies: Latencies::new() });
        let outdated = self.slots.partition_point(|slot| slot.number + SLOTS <= number);
        for (bucket, count) in self.slots.drain(..outdated).flat_map(|slot| slot.latencies) {
            self.latencies[usize::from(bucket)] -= count;
            self.measured -= u64::from(count);
        }
    }

    /// The window's part of all that has been.
    pub(super) fn figures(&self, total: &Figures) -> Figures {
        self.slots.front().map_or_else(Figures::default, |oldest| *total - oldest.before)
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
        let (mut seen, mut buckets) = (0, 0);
        [50, 90, 99].map(|percent| {
            let rank = (self.measured * percent).div_ceil(100);
            while seen < rank {
                seen += u64::from(self.latencies[buckets]);
                buckets += 1;
            }
            buckets.checked_sub(1).map(bucket_mid)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::histogram::{bucket, quantile};

    /// A window of a minute, and all that has been.
    struct Watch(Window, Figures);

    impl Watch {
        fn serve(&mut self, requests: u64, us: u64, now: Millis) {
            self.0.add(&self.1, &vec![(bucket(us) as u16, requests as u32)], now);
            self.1 += &Figures { requests, ..Figures::default() };
        }

        fn traffic(&self, now: Millis) -> Traffic {
            self.0.traffic(&self.0.figures(&self.1), now)
        }

        /// Seconds covered, requests and buckets that are not empty.
        fn covered(&self, now: Millis) -> (u64, u64, usize) {
            let traffic = self.traffic(now);
            (traffic.seconds.round() as u64, traffic.requests, self.0.histogram().len())
        }
    }

    #[test]
    fn a_window_covers_what_it_says_and_forgets_the_rest() {
        let mut watch = Watch(Window::new(60, 2_000), Figures::default());
        watch.serve(10, 1000, 3_000);
        assert_eq!(watch.covered(3_000), (1, 10, 1));
        watch.serve(1, 9000, 59_000);
        assert_eq!(watch.covered(59_000), (57, 11, 2));
        watch.serve(2, 9000, 61_000);
        assert_eq!(watch.covered(61_000), (6, 3, 1));
        watch.0.add(&watch.1, &Latencies::new(), 600_000);
        assert_eq!((watch.covered(600_000), watch.traffic(600_000).p99_us), ((0, 0, 0), None));
    }

    #[test]
    fn quantiles_agree_with_the_cores() {
        let mut watch = Watch(Window::new(60, 0), Figures::default());
        (1..=777).for_each(|n| watch.serve(n % 7, n * n, n));
        let traffic = watch.traffic(1000);
        let counts = || watch.0.latencies.iter().map(|n| u64::from(*n)).enumerate();
        assert_eq!([traffic.p50_us, traffic.p90_us, traffic.p99_us], [0.5, 0.9, 0.99].map(|q| quantile(counts(), q)));
    }
}
