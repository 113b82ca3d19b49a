//! Passive ejection of backends whose requests fail.

/// Settings of the outlier detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutlierDetection {
    /// Failures in a row that eject. At least 1.
    pub consecutive_failures: u32,
    /// Milliseconds of the first ejection; the n-th in a row lasts n times as long.
    pub base_ejection: u64,
    /// Longest ejection in milliseconds.
    pub max_ejection: u64,
    /// Most of a pool that may be ejected at once, 0..=100.
    pub max_ejected_percent: u8,
}

impl Default for OutlierDetection {
    fn default() -> Self {
        Self { consecutive_failures: 5, base_ejection: 30_000, max_ejection: 300_000, max_ejected_percent: 50 }
    }
}
