//! What the workers have counted, summed; and the difference that one tick makes.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::balance::backend::Live;
use crate::balance::histogram::BUCKETS;
use crate::balance::meter::Failure;

/// Counters of one backend over all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) picked: u64,
    pub(super) classes: [u64; 5],
    pub(super) failures: [u64; Failure::ALL.len()],
    pub(super) cancelled: u64,
    pub(super) retries: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

impl Counts {
    /// The sum over the workers, now.
    pub(super) fn read(live: &Live) -> Self {
        let mut sum = Self::default();
        let add = |sum: &mut u64, counter: &AtomicU64| *sum = sum.wrapping_add(counter.load(Relaxed));
        for meter in &live.meters {
            add(&mut sum.picked, &meter.picked);
            add(&mut sum.cancelled, &meter.cancelled);
            add(&mut sum.retries, &meter.retries);
            add(&mut sum.bytes_in, &meter.bytes_in);
            add(&mut sum.bytes_out, &meter.bytes_out);
            sum.classes.iter_mut().zip(&meter.classes).for_each(|(sum, counter)| add(sum, counter));
            sum.failures.iter_mut().zip(&meter.failures).for_each(|(sum, counter)| add(sum, counter));
        }
        sum
    }

    /// What has been added since `earlier`.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let differences = |now: &[u64], then: &[u64], into: &mut [u64]| {
            into.iter_mut().zip(now.iter().zip(then)).for_each(|(into, (now, then))| *into = now.wrapping_sub(*then));
        };
        let mut delta = Self {
            picked: self.picked.wrapping_sub(earlier.picked),
            cancelled: self.cancelled.wrapping_sub(earlier.cancelled),
            retries: self.retries.wrapping_sub(earlier.retries),
            bytes_in: self.bytes_in.wrapping_sub(earlier.bytes_in),
            bytes_out: self.bytes_out.wrapping_sub(earlier.bytes_out),
            ..Self::default()
        };
        differences(&self.classes, &earlier.classes, &mut delta.classes);
        differences(&self.failures, &earlier.failures, &mut delta.failures);
        delta
    }
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, more: &Self) {
        self.picked += more.picked;
        self.classes.iter_mut().zip(more.classes).for_each(|(sum, n)| *sum += n);
        self.failures.iter_mut().zip(more.failures).for_each(|(sum, n)| *sum += n);
        self.cancelled += more.cancelled;
        self.retries += more.retries;
        self.bytes_in += more.bytes_in;
        self.bytes_out += more.bytes_out;
    }
}

/// Latencies as (bucket, count), sorted by bucket, no count 0.
pub(super) type Latencies = Vec<(u16, u32)>;

/// Adds `more` to `sum`.
pub(super) fn merge(sum: &mut Latencies, more: &[(u16, u32)]) {
    for &(bucket, count) in more {
        match sum.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => sum[at].1 = sum[at].1.wrapping_add(count),
            Err(at) => sum.insert(at, (bucket, count)),
        }
    }
}

/// One backend's histograms as they were at the last tick.
#[derive(Debug)]
pub(super) struct Histograms(Box<[u32; BUCKETS]>);

impl Default for Histograms {
    fn default() -> Self {
        Self(Box::new([0; BUCKETS]))
    }
}

impl Histograms {
    /// What has been added since the last call.
    pub(super) fn advance(&mut self, live: &Live) -> Latencies {
        let mut now = [0; BUCKETS];
        live.meters.iter().for_each(|meter| meter.latency.add_to(&mut now));
        let added = now.iter().zip(self.0.iter()).enumerate().filter(|(_, (now, then))| now != then);
        let delta = added.map(|(bucket, (now, then))| (bucket as u16, now.wrapping_sub(*then))).collect();
        *self.0 = now;
        delta
    }
}
