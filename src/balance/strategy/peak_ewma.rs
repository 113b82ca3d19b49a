//! Lowest recent latency times load, per weight.
//!
//! The estimate jumps up to a slower answer at once and comes down slowly (Finagle's Peak EWMA); a failure counts as a very
//! slow answer, so that failing fast does not look good (linkerd's load biaser). Without answers the estimate fades, so that
//! a backend which was slow once is tried again; but the more requests it already has in flight, the less it fades, so that
//! they do not all try it at once.
//!
//! Estimates that differ by less than a quarter or so are equal, and equals have smooth weighted turns: noise decides nothing.
//!
//! Up to 16 members, every pick looks at all of them; in larger pools at two, drawn by weight.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::least_connections::cheapest_in_turn;
use super::power_of_two::cheaper_of_two;
use super::random::Weighted;
use super::round_robin::Turns;
use crate::balance::Millis;
use crate::balance::rotation::View;

const EXACT: usize = 16;
/// Time constant of the average and of the fading, in milliseconds.
const TAU: f64 = 10_000.0;
/// A longer silence says no more than this one, in milliseconds.
const MAX_SILENCE: Millis = 120_000;
/// What a failure counts as, in microseconds.
const FAILURE_US: u64 = 5_000_000;
/// The estimate before the first answer, in microseconds.
const UNKNOWN_US: u64 = 30_000;

const VALUE_BITS: u32 = 28;
const MAX_US: u64 = (1 << VALUE_BITS) - 1;

/// A latency estimate: the moment of the last answer (36 bits, milliseconds) and the estimate then (28 bits, microseconds).
#[derive(Debug)]
pub struct Ewma(AtomicU64);

impl Default for Ewma {
    fn default() -> Self {
        Self(AtomicU64::new(UNKNOWN_US))
    }
}

impl Ewma {
    /// An answer took this long in microseconds; `None` = a failure.
    pub fn observe(&self, latency_us: Option<u64>, now: Millis) {
        let sample = latency_us.unwrap_or(FAILURE_US).min(MAX_US);
        let _ = self.0.fetch_update(Relaxed, Relaxed, |packed| {
            let (at, estimate) = (packed >> VALUE_BITS, packed & MAX_US);
            let keep = fade(now.saturating_sub(at), 0);
            let mixed = (estimate as f64 * keep + sample as f64 * (1.0 - keep)) as u64;
            Some((now.max(at) << VALUE_BITS) | sample.max(mixed.min(MAX_US)))
        });
    }

    /// The estimate in microseconds, faded and rounded down to a quarter of a power of two; at least 1.
    pub fn get(&self, in_flight: u32, now: Millis) -> f64 {
        let packed = self.0.load(Relaxed);
        let silence = now.saturating_sub(packed >> VALUE_BITS);
        let faded = ((packed & MAX_US) as f64 * fade(silence, in_flight)).max(1.0);
        f64::from_bits(faded.to_bits() & !(u64::MAX >> 14))
    }
}

fn fade(silence: Millis, in_flight: u32) -> f64 {
    if silence == 0 {
        return 1.0;
    }
    (-(silence.min(MAX_SILENCE) as f64) / (TAU * (f64::from(in_flight) + 1.0))).exp()
}

/// See the module.
#[derive(Debug)]
pub(in crate::balance) struct PeakEwma {
    candidates: Candidates,
    mean_weight: f64,
}

#[derive(Debug)]
enum Candidates {
    All(Turns),
    Two(Weighted),
}

impl PeakEwma {
    pub(super) fn new(weights: impl ExactSizeIterator<Item = u32> + Clone) -> Self {
        let mean_weight = weights.clone().map(f64::from).sum::<f64>() / weights.len() as f64;
        let candidates = match weights.len() {
            ..=EXACT => Candidates::All(Turns::new(weights)),
            _ => Candidates::Two(Weighted::new(weights)),
        };
        Self { candidates, mean_weight }
    }

    pub(super) fn choose(&self, view: &View<'_>, bits: u64) -> Option<usize> {
        let cost = |position| self.cost(view, position);
        match &self.candidates {
            Candidates::All(turns) => cheapest_in_turn(turns, view, cost),
            Candidates::Two(weighted) => Some(cheaper_of_two(weighted, view, bits, cost)),
        }
    }

    /// Latency times load after the pick. The load before it counts per weight; what the pick adds does not, or else a heavy
    /// member would be the cheapest of an idle pool each time.
    fn cost(&self, view: &View<'_>, position: usize) -> f64 {
        let member = &view.members[position];
        let live = member.live();
        let in_flight = live.in_flight();
        let load = f64::from(in_flight) * self.mean_weight / f64::from(member.effective_weight());
        live.ewma.get(in_flight, view.input.now) * (load + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_at_once_and_falls_slowly() {
        let ewma = Ewma::default();
        ewma.observe(Some(100_000), 1_000);
        assert!((80_000.0..=100_000.0).contains(&ewma.get(0, 1_000)), "a peak counts at once");
        ewma.observe(Some(10_000), 2_000);
        let after = ewma.get(0, 2_000);
        assert!((75_000.0..95_000.0).contains(&after), "{after}");
        ewma.observe(Some(10_000), 60_000);
        let later = ewma.get(0, 60_000);
        assert!((8_000.0..11_000.0).contains(&later), "{later}");
    }

    #[test]
    fn a_failure_is_a_very_slow_answer() {
        let ewma = Ewma::default();
        ewma.observe(None, 1_000);
        assert!(ewma.get(0, 1_000) >= 4_000_000.0);
    }

    #[test]
    fn silence_fades_the_estimate_and_requests_in_flight_hold_it() {
        let ewma = Ewma::default();
        ewma.observe(Some(1_000_000), 0);
        let idle = ewma.get(0, 60_000);
        assert!(idle < 3_000.0, "{idle}");
        assert!(ewma.get(3, 60_000) > 50.0 * idle);
        assert!(ewma.get(0, Millis::MAX) >= 1.0);
    }
}
