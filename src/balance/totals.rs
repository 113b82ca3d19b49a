//! What has been counted since the start, for metrics: they want sums, not windows.

use super::histogram::bounds;
use super::meter::Failure;

/// Upper bounds of [`Latencies`], in microseconds: 256 us to 33.6 s, each twice the one before, so that no bucket of a
/// [`super::histogram`] lies across one.
pub const LATENCY_BOUNDS_US: [u64; 18] = {
    let mut bounds = [256; 18];
    let mut index = 1;
    while index < bounds.len() {
        bounds[index] = bounds[index - 1] * 2;
        index += 1;
    }
    bounds
};

/// Latencies, in a few wide buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// How many within each bound and above the one before; the last of these is above every bound.
    pub counts: [u64; LATENCY_BOUNDS_US.len() + 1],
    /// Their sum in microseconds, as exact as the buckets they were counted in: within 3 %.
    pub sum_us: u64,
}

impl Latencies {
    /// Adds so many from one bucket of a [`super::histogram`].
    pub fn add(&mut self, bucket: usize, times: u64) {
        let (low, width) = bounds(bucket);
        self.counts[LATENCY_BOUNDS_US.partition_point(|bound| *bound < low + width)] += times;
        self.sum_us += (low + width / 2) * times;
    }
}

/// What one backend has done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Answers by class, 1xx to 5xx.
    pub classes: [u64; 5],
    /// Failures, indexed like [`Failure::ALL`].
    pub failures: [u64; Failure::ALL.len()],
    /// Requests whose client left first.
    pub cancelled: u64,
    /// Attempts that were retries of a request that failed elsewhere.
    pub retries: u64,
    /// Request body bytes.
    pub bytes_in: u64,
    /// Answer body bytes.
    pub bytes_out: u64,
    /// Time from the pick to the last byte of the answer.
    pub latencies: Latencies,
    /// Health checks that passed.
    pub checks_passed: u64,
    /// Health checks that failed.
    pub checks_failed: u64,
    /// Ejections.
    pub ejections: u64,
}

/// What can be done with the process: the verbs of [`Deeds::actions`].
pub const VERBS: [&str; 6] = ["up", "drain", "down", "weight", "strategy", "reload"];

/// What has been done with the process since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deeds {
    /// Operators' changes, by [`VERBS`].
    pub actions: [u64; VERBS.len()],
    /// Reloads of the config that were put in force, and that were refused.
    pub reloads: [u64; 2],
    /// When the config in force was read last, milliseconds since the Unix epoch.
    pub loaded_unix_ms: u64,
    /// Lines that the access log has lost, because its queue was full and because they could not be written.
    pub log_lines_lost: [u64; 2],
}

#[cfg(test)]
mod tests {
    use super::super::histogram::{BUCKETS, bucket};
    use super::*;

    #[test]
    fn latencies_fall_within_their_bounds() {
        let place = |us: u64| {
            let mut latencies = Latencies::default();
            latencies.add(bucket(us), 3);
            assert!(us == u64::MAX || latencies.sum_us.abs_diff(3 * us) <= us / 10, "{us}: {latencies:?}");
            latencies.counts.iter().position(|n| *n == 3).unwrap()
        };
        assert_eq!([100, 255, 256, 511, 512, (1 << 25) - 1, 1 << 25, u64::MAX].map(place), [0, 0, 1, 1, 2, 17, 18, 18]);
    }

    #[test]
    fn no_bucket_lies_across_a_bound() {
        for (low, width) in (0..BUCKETS).map(bounds) {
            assert!(!LATENCY_BOUNDS_US.iter().any(|bound| low < *bound && *bound < low + width), "{low} {width}");
        }
    }
}
