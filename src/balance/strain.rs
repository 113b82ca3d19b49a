//! Failures as load. A backend that fails at once has few requests in flight and would draw all the traffic; so each failure
//! counts like one request in flight, halving every [`HALF_LIFE`].

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Millis;

/// Milliseconds after which a failure weighs half.
pub const HALF_LIFE: Millis = 2_000;

/// One failure, in the unit of the sum.
const UNIT: u64 = 256;

const VALUE_BITS: u32 = 24;
const MAX: u64 = (1 << VALUE_BITS) - 1;

/// A decaying sum: the moment of the last failure (40 bits, milliseconds) and the sum then (24 bits, in 1/[`UNIT`]).
#[derive(Debug, Default)]
pub struct Strain(AtomicU64);

impl Strain {
    /// Adds a failure.
    pub fn add(&self, now: Millis) {
        let _ = self.0.fetch_update(Relaxed, Relaxed, |packed| {
            let value = (decayed(packed, now) + UNIT).min(MAX);
            Some((now.max(packed >> VALUE_BITS) << VALUE_BITS) | value)
        });
    }

    /// What is left of the failures, in whole requests. Rounded: a remainder too small to mean anything must not keep a
    /// backend from its turn while all are idle.
    pub fn get(&self, now: Millis) -> u64 {
        (decayed(self.0.load(Relaxed), now) + UNIT / 2) / UNIT
    }

    /// Forgets the failures: the backend is well again.
    pub fn clear(&self) {
        self.0.store(0, Relaxed);
    }
}

/// Exact at every half-life, a straight line between.
fn decayed(packed: u64, now: Millis) -> u64 {
    let value = packed & MAX;
    if value == 0 {
        return 0;
    }
    let age = now.saturating_sub(packed >> VALUE_BITS);
    let value = value.checked_shr((age / HALF_LIFE) as u32).unwrap_or(0);
    value - value * (age % HALF_LIFE) / (2 * HALF_LIFE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_with_every_half_life() {
        let strain = Strain::default();
        for _ in 0..8 {
            strain.add(10_000);
        }
        let after = |ms: Millis| strain.get(10_000 + ms);
        assert_eq!([0, 1_000, 2_000, 4_000].map(after), [8, 6, 4, 2]);
        assert_eq!(after(1_000_000), 0);
        assert_eq!(strain.get(9_000), 8, "a clock read before the failure");
    }

    #[test]
    fn one_failure_is_soon_forgotten_and_all_are_when_the_backend_is_well() {
        let strain = Strain::default();
        strain.add(10_000);
        assert_eq!([0, HALF_LIFE, HALF_LIFE + 100].map(|ms| strain.get(10_000 + ms)), [1, 1, 0]);
        strain.add(20_000);
        strain.clear();
        assert_eq!(strain.get(20_000), 0);
    }

    #[test]
    fn is_bounded() {
        let strain = Strain::default();
        for _ in 0..200_000 {
            strain.add(5);
        }
        assert_eq!(strain.get(5), (MAX + UNIT / 2) / UNIT);
    }
}
