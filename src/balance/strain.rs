//! Failures as load. A backend that fails at once has few requests in flight and would draw all the traffic; so each failure
//! counts like one request in flight, halving every [`HALF_LIFE`].

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Millis;

/// Milliseconds after which a failure weighs half.
pub const HALF_LIFE: Millis = 2_000;

/// One failure, or one request in flight, in the unit that loads are given in.
pub const UNIT: u64 = 256;

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

    /// What is left of the failures, in 1/[`UNIT`].
    pub fn get(&self, now: Millis) -> u64 {
        decayed(self.0.load(Relaxed), now)
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
        assert_eq!([0, 1_000, 2_000, 4_000].map(after), [8 * UNIT, 6 * UNIT, 4 * UNIT, 2 * UNIT]);
        assert_eq!(after(1_000_000), 0);
        assert_eq!(strain.get(9_000), 8 * UNIT, "a clock read before the failure");
    }

    #[test]
    fn is_bounded() {
        let strain = Strain::default();
        for _ in 0..200_000 {
            strain.add(5);
        }
        assert_eq!(strain.get(5), MAX);
    }
}
