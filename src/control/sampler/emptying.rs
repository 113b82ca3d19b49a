//! How a backend empties after the operator took it out.

use crate::balance::Millis;
use crate::balance::backend::{Live, Mode};
use crate::balance::snapshot::DrainView;
use crate::clock;
use crate::control::desk::book::Mark;

/// A backend that is out: since when, and with how many requests in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Emptying {
    since: Millis,
    with: u32,
}

impl Emptying {
    /// What is known now of a backend of which `before` was known.
    pub(super) fn watch(before: Option<Self>, live: &Live, now: Millis) -> Option<Self> {
        let out = live.mode() != Mode::Up;
        out.then(|| before.unwrap_or_else(|| Self { since: now, with: live.in_flight() }))
    }

    /// How it looks, with this many requests left.
    pub(super) fn view(self, mark: Option<&Mark>, in_flight: u32, now: Millis) -> DrainView {
        let noticed = clock::unix_ms().saturating_sub(now.saturating_sub(self.since));
        let then_down = mark.and_then(|mark| mark.then_down);
        DrainView {
            since_unix_ms: mark.map_or(noticed, |mark| mark.at_unix_ms),
            began_with: self.with,
            eta_ms: self.eta(in_flight, now),
            then_down: then_down.is_some(),
            deadline_unix_ms: then_down.and_then(|then| then.deadline_unix_ms),
            cut: then_down.is_some_and(|then| then.cut),
        }
    }

    /// Milliseconds until it is empty if requests go on ending as they have since it was taken out.
    fn eta(self, left: u32, now: Millis) -> Option<u64> {
        let ended = u64::from(self.with.saturating_sub(left));
        let took = now.saturating_sub(self.since);
        if left == 0 { Some(0) } else { took.saturating_mul(left.into()).checked_div(ended) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_so_far_tells_when_it_is_empty() {
        let emptying = Emptying { since: 1000, with: 40 };
        for (left, now, eta) in
            [(40, 3000, None), (30, 3000, Some(6000)), (10, 7000, Some(2000)), (0, 8000, Some(0)), (41, 9000, None)]
        {
            assert_eq!(emptying.eta(left, now), eta, "{left} left at {now}");
        }
    }
}
