//! Latency in log-linear buckets: 16 per power of two, so a quantile is off by at most about 3 %.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const SUB_BITS: u32 = 4;
const SUB: usize = 1 << SUB_BITS;
/// Values from `1 << MAX_BITS` microseconds (some 134 s) on share the last bucket.
const MAX_BITS: u32 = 27;
/// Number of buckets.
pub const BUCKETS: usize = SUB * (MAX_BITS - SUB_BITS + 1) as usize + 1;

/// The bucket of a latency in microseconds.
pub fn bucket(us: u64) -> usize {
    if us < SUB as u64 {
        return us as usize;
    }
    let bits = us.ilog2();
    if bits >= MAX_BITS {
        return BUCKETS - 1;
    }
    let shift = bits - SUB_BITS;
    let sub = (us >> shift) as usize & (SUB - 1);
    ((bits - SUB_BITS + 1) as usize) * SUB + sub
}

/// The middle of a bucket, in microseconds.
pub fn bucket_mid(index: usize) -> u64 {
    let (low, width) = bounds(index);
    low + width / 2
}

/// Lower bound (inclusive) and width of a bucket, in microseconds.
pub fn bounds(index: usize) -> (u64, u64) {
    if index < SUB {
        return (index as u64, 1);
    }
    let octave = (index / SUB) as u32 - 1;
    let low = ((SUB + index % SUB) as u64) << octave;
    (low, 1 << octave)
}

/// Written by one worker, read by anybody. Counts wrap: readers take differences. The buckets are made for the first latency:
/// of ten thousand backends times so many workers most may never see one.
#[derive(Debug, Default)]
pub struct AtomicHistogram(OnceLock<Box<[AtomicU32; BUCKETS]>>);

impl AtomicHistogram {
    /// Counts one latency. Only the owning worker may call this.
    pub fn record(&self, us: u64) {
        let cells = self.0.get_or_init(|| Box::new([const { AtomicU32::new(0) }; BUCKETS]));
        let cell = &cells[bucket(us)];
        cell.store(cell.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// Adds the present counts to `into` (wrapping).
    pub fn add_to(&self, into: &mut [u32; BUCKETS]) {
        let cells = self.0.get().into_iter().flat_map(|cells| cells.iter());
        into.iter_mut().zip(cells).for_each(|(sum, cell)| *sum = sum.wrapping_add(cell.load(Relaxed)));
    }
}

/// The `q`-quantile (0..=1) in microseconds of bucket counts, or `None` when they are empty.
pub fn quantile(counts: impl Iterator<Item = (usize, u64)> + Clone, q: f64) -> Option<u64> {
    let total: u64 = counts.clone().map(|(_, n)| n).sum();
    if total == 0 {
        return None;
    }
    let rank = ((q * total as f64).ceil() as u64).clamp(1, total);
    let mut seen = 0;
    for (index, n) in counts {
        seen += n;
        if seen >= rank {
            return Some(bucket_mid(index));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_contiguous_and_hold_their_values() {
        let mut next = 0;
        for index in 0..BUCKETS - 1 {
            let (low, width) = bounds(index);
            assert_eq!(low, next, "bucket {index}");
            assert_eq!(bucket(low), index);
            assert_eq!(bucket(low + width - 1), index);
            next = low + width;
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_within_four_percent() {
        let values: Vec<u64> = (1..=10_000).map(|n| n * 37).collect();
        let mut counts = [0u64; BUCKETS];
        for value in &values {
            counts[bucket(*value)] += 1;
        }
        for q in [0.5, 0.9, 0.99] {
            let exact = values[(q * 10_000.0) as usize - 1] as f64;
            let got = quantile(counts.iter().copied().enumerate(), q).expect("there are values") as f64;
            assert!((got / exact - 1.0).abs() < 0.04, "q {q}: {got} for {exact}");
        }
    }
}
