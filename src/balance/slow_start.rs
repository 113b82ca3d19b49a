//! A backend that comes back takes its share step by step. It never applies at the start of the process: then everybody is
//! new, and nobody would be spared.

use super::Millis;

/// The least a backend gets, in percent of its weight.
pub const MIN_PERCENT: u32 = 10;

/// Size of a step in percent. A rotation is rebuilt per step, not per pick.
const STEP: u32 = 5;

/// How much of its weight counts for a backend that returned then, in percent: linear over `window`, as in Envoy with
/// `aggression` 1. 100 when it never left or the window is 0.
pub fn percent(returned_at: Option<Millis>, window: Millis, now: Millis) -> u32 {
    let Some(returned_at) = returned_at else { return 100 };
    let elapsed = now.saturating_sub(returned_at);
    if elapsed >= window {
        return 100;
    }
    let percent = (u128::from(elapsed) * 100 / u128::from(window)) as u32;
    (percent / STEP * STEP).max(MIN_PERCENT)
}

/// When [`percent`] changes next; `None` when it will not.
pub fn next_step(returned_at: Option<Millis>, window: Millis, now: Millis) -> Option<Millis> {
    let percent = percent(returned_at, window, now);
    let elapsed = u128::from(window) * u128::from(percent + STEP);
    returned_at.filter(|_| percent < 100).map(|at| at.saturating_add(elapsed.div_ceil(100) as Millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_from_a_tenth_to_the_whole() {
        let at = |now| percent(Some(1_000), 10_000, now);
        let table = [(0, 10), (1_000, 10), (1_999, 10), (2_499, 10), (2_500, 15), (6_000, 50), (10_999, 95), (11_000, 100)];
        for (now, want) in table {
            assert_eq!(at(now), want, "at {now}");
        }
    }

    #[test]
    fn is_off_without_a_return_or_a_window() {
        assert_eq!(percent(None, 10_000, 5), 100);
        assert_eq!(percent(Some(5), 0, 5), 100);
        assert_eq!(next_step(None, 10_000, 5), None);
        assert_eq!(next_step(Some(5), 0, 5), None);
    }

    #[test]
    fn each_step_is_announced_and_the_last_is_the_whole() {
        for window in [1, 7, 999, 10_000] {
            let mut now = 3;
            while let Some(next) = next_step(Some(3), window, now) {
                assert!(next > now);
                assert_eq!(percent(Some(3), window, next - 1), percent(Some(3), window, now), "no step is missed");
                now = next;
            }
            assert_eq!(percent(Some(3), window, now), 100);
            assert_eq!(now, 3 + window);
        }
    }
}
