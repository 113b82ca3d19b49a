//! Random numbers for the demo: splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).

use std::f64::consts::TAU;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A source of random numbers that many may share.
#[derive(Debug)]
pub struct Dice(AtomicU64);

impl Dice {
    /// Equal seeds give equal throws.
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// 64 random bits.
    pub fn bits(&self) -> u64 {
        const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(GAMMA, Relaxed).wrapping_add(GAMMA);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0 < x <= 1.
    pub fn unit(&self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in 0..`end`, which is greater than 0.
    pub fn below(&self, end: u64) -> u64 {
        self.bits() % end
    }

    /// True with this probability.
    pub fn chance(&self, probability: f64) -> bool {
        self.unit() <= probability
    }

    /// Exponential with this mean: the gap between two independent arrivals.
    pub fn exponential(&self, mean: f64) -> f64 {
        -self.unit().ln() * mean
    }

    /// Log-normal with this median; `spread` is the standard deviation of the logarithm. Service times look like this.
    pub fn log_normal(&self, median: f64, spread: f64) -> f64 {
        let normal = (-2.0 * self.unit().ln()).sqrt() * (TAU * self.unit()).cos();
        median * (spread * normal).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THROWS: usize = 10_000;

    #[test]
    fn follows_the_published_sequence() {
        let dice = Dice::new(1_234_567);
        assert_eq!([dice.bits(), dice.bits()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn means_and_medians_are_as_asked() {
        let dice = Dice::new(7);
        let mean = (0..THROWS).map(|_| dice.exponential(5.0)).sum::<f64>() / THROWS as f64;
        assert!((4.7..5.3).contains(&mean), "{mean}");

        let below = (0..THROWS).filter(|_| dice.log_normal(20.0, 0.5) < 20.0).count();
        assert!((4_800..5_200).contains(&below), "{below}");

        let hits = (0..THROWS).filter(|_| dice.chance(0.1)).count();
        assert!((900..1_100).contains(&hits), "{hits}");
    }

    #[test]
    fn certain_and_impossible_stay_so() {
        let dice = Dice::new(3);
        assert!((0..THROWS).all(|_| dice.chance(1.0) && !dice.chance(0.0)));
    }
}
