//! How even the load lies: the worst deviation of an eligible backend's share from its fair share.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Standard deviations that chance is granted.
const SIGMAS: f64 = 3.0;

/// The keel of a pool over a window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Keel {
    /// Worst deviation from the fair share, in share points (0.05 = five percentage points), signed. 0 without traffic.
    pub deviation: f64,
    /// The eligible backend that deviates most.
    pub backend: Option<Arc<str>>,
    /// Whether that is within what chance alone explains (three standard deviations), or there is too little to tell.
    pub even: bool,
}

/// What one backend got, and what it should have got.
#[derive(Clone, Debug)]
pub struct Load {
    /// Its name.
    pub backend: Arc<str>,
    /// Requests it got.
    pub actual: u64,
    /// Requests it should have got, or any number in proportion to it.
    pub expected: f64,
    /// Whether it may take requests now. One that may not counts towards the whole, but is not judged.
    pub eligible: bool,
}

impl Keel {
    /// Compares what each backend got with what it should have got. The yardstick for chance is that of independent draws,
    /// plus one request for the turn that has not come round yet.
    pub fn of(loads: &[Load]) -> Self {
        let total = loads.iter().map(|l| l.actual).sum::<u64>() as f64;
        let expected = loads.iter().map(|l| l.expected).sum::<f64>();
        if total == 0.0 || expected <= 0.0 {
            return Self { even: true, ..Self::default() };
        }
        let deviation = |load: &Load| load.actual as f64 / total - load.expected / expected;
        let is_chance = |load: &Load| {
            let fair = load.expected / expected;
            (load.actual as f64 - fair * total).abs() <= SIGMAS * (fair * (1.0 - fair) * total).sqrt() + 1.0
        };
        let judged = || loads.iter().filter(|load| load.eligible);
        let worst = judged().max_by(|a, b| deviation(a).abs().total_cmp(&deviation(b).abs()));
        Self { deviation: worst.map_or(0.0, deviation), backend: worst.map(|l| l.backend.clone()), even: judged().all(is_chance) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads(loads: &[(u64, f64)]) -> Vec<Load> {
        let load = |(name, (actual, expected)): (char, &(u64, f64))| Load {
            backend: name.to_string().into(),
            actual: *actual,
            expected: *expected,
            eligible: true,
        };
        ('a'..).zip(loads).map(load).collect()
    }

    fn keel(figures: &[(u64, f64)]) -> Keel {
        Keel::of(&loads(figures))
    }

    #[test]
    fn names_the_worst_with_its_sign() {
        let keel = keel(&[(500, 1.0), (300, 1.0), (200, 2.0)]);
        assert!((keel.deviation - -0.3).abs() < 1e-9, "{keel:?}");
        assert_eq!(keel.backend.as_deref(), Some("c"));
        assert!(!keel.even);
    }

    #[test]
    fn only_the_eligible_are_judged() {
        let mut loads = loads(&[(500, 1.0), (300, 1.0), (200, 2.0)]);
        loads[2].eligible = false;
        let keel = Keel::of(&loads);
        assert!((keel.deviation - 0.25).abs() < 1e-9, "{keel:?}");
        assert_eq!((keel.backend.as_deref(), keel.even), (Some("a"), false));
        for load in &mut loads {
            load.eligible = false;
        }
        assert_eq!(Keel::of(&loads), Keel { deviation: 0.0, backend: None, even: true });
    }

    #[test]
    fn chance_is_even() {
        // 10_000 draws for two: one standard deviation is 50 requests.
        assert!(keel(&[(5_120, 1.0), (4_880, 1.0)]).even);
        assert!(!keel(&[(5_180, 1.0), (4_820, 1.0)]).even);
        assert!(keel(&[(2, 1.0), (1, 1.0)]).even, "too little to tell");
        assert!(keel(&[(1, 1.0), (0, 1.0), (0, 1.0)]).even);
    }

    #[test]
    fn who_is_owed_nothing_may_have_no_more_than_a_request() {
        assert!(keel(&[(999, 1.0), (1, 0.0)]).even);
        assert!(!keel(&[(998, 1.0), (2, 0.0)]).even);
    }

    #[test]
    fn no_traffic_is_even() {
        assert_eq!(keel(&[(0, 1.0), (0, 1.0)]), Keel { deviation: 0.0, backend: None, even: true });
        assert!(keel(&[]).even);
        assert!(keel(&[(3, 0.0)]).even);
    }
}
