//! Fewest requests in flight (and recent failures) per weight. Equals have smooth weighted turns, so that an idle pool is
//! exactly `weighted_round_robin`.
//!
//! Up to [`EXACT`] members, every pick looks at all of them. In larger pools it looks at those of the next [`SAMPLE`] turns:
//! the one it takes is never busier than the others of these, an idle pool still takes exact turns, and each member is
//! looked at in every cycle at least as often as its weight says.

use super::round_robin::Turns;
use crate::balance::rotation::{Load, View};

const EXACT: usize = 32;
const SAMPLE: u64 = 4;
/// How many turns of busier members may pass before the first of the equals found gets the request.
const PASSES: u64 = 8;

/// See the module.
#[derive(Debug)]
pub(in crate::balance) struct LeastConnections(Turns);

impl LeastConnections {
    pub(super) fn new(weights: impl Iterator<Item = u32>) -> Self {
        Self(Turns::new(weights))
    }

    pub(super) fn choose(&self, view: &View<'_>) -> Option<usize> {
        if view.members.len() <= EXACT { self.least_of_all(view) } else { self.least_of_some(view) }
    }

    fn least_of_all(&self, view: &View<'_>) -> Option<usize> {
        let start = self.0.at(view.turn());
        let mut least: Option<(usize, Load)> = None;
        let mut equals = 0;
        for position in view.ring(start).filter(|p| view.is_open(*p)) {
            let load = view.load(position);
            match least {
                Some((_, lowest)) if lowest.is_less_than(load) => {}
                Some((_, lowest)) if !load.is_less_than(lowest) => equals += 1,
                _ => (least, equals) = (Some((position, load)), 1),
            }
        }
        let (first, lowest) = least?;
        if first == start || equals == 1 {
            return Some(first);
        }
        // Whose turn it was is busier. To hand on its turn to its neighbour would give that one two; so the turn passes.
        let mut turns = (0..PASSES).map(|_| self.0.at(view.turn()));
        turns.find(|p| view.is_open(*p) && !lowest.is_less_than(view.load(*p))).or(Some(first))
    }

    fn least_of_some(&self, view: &View<'_>) -> Option<usize> {
        let turn = view.turn();
        let mut least: Option<(u64, usize, Load)> = None;
        for ahead in 0..SAMPLE {
            let position = self.0.at(turn.wrapping_add(ahead));
            if view.is_open(position) {
                let load = view.load(position);
                if least.is_none_or(|(.., lowest)| load.is_less_than(lowest)) {
                    least = Some((ahead, position, load));
                }
            }
        }
        let passed = least.map_or(SAMPLE - 1, |(ahead, ..)| ahead);
        if passed > 0 {
            view.live.take_turns(passed);
        }
        Some(least.map_or_else(|| self.0.at(turn), |(_, position, _)| position))
    }
}
