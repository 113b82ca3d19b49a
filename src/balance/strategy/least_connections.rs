//! Fewest requests in flight (and recent failures) per weight. Equals have smooth weighted turns, so that an idle pool is
//! exactly `weighted_round_robin`.
//!
//! Up to 64 members, a pick looks at all of them, unless the one whose turn it is has nothing to do. In larger pools it looks
//! at those of the next 32 turns, or up to the first that has nothing to do: none of these is less busy than the one it takes.
//! So an idle pool still takes exact turns, nobody gets a second request while one of the next 32 has none, and each member
//! is looked at in every cycle at least as often as its weight says.

use std::cmp::Ordering::{Equal, Greater, Less};

use super::round_robin::Turns;
use crate::balance::rotation::View;

const EXACT: usize = 64;
const SAMPLE: u64 = 32;
/// How many turns of dearer members may pass before the first of the cheapest gets the request.
const PASSES: u64 = 8;

/// See the module.
#[derive(Debug)]
pub(in crate::balance) struct LeastConnections(Turns);

impl LeastConnections {
    pub(super) fn new(weights: impl Iterator<Item = u32>) -> Self {
        Self(Turns::new(weights))
    }

    pub(super) fn choose(&self, view: &View<'_>) -> Option<usize> {
        if view.members.len() <= EXACT {
            cheapest_in_turn(&self.0, view, |position| view.load(position))
        } else {
            Some(self.least_of_some(view))
        }
    }

    fn least_of_some(&self, view: &View<'_>) -> usize {
        let turn = view.turn();
        let mut least: Option<(u64, usize, f64)> = None;
        for ahead in 0..SAMPLE {
            let position = self.0.at(turn.wrapping_add(ahead));
            if view.is_open(position) {
                let load = view.load(position);
                if least.is_none_or(|(.., lowest)| load < lowest) {
                    least = Some((ahead, position, load));
                }
                if load == 0.0 {
                    break;
                }
            }
        }
        let passed = least.map_or(SAMPLE - 1, |(ahead, ..)| ahead);
        if passed > 0 {
            view.live.take_turns(passed);
        }
        least.map_or_else(|| self.0.at(turn), |(_, position, _)| position)
    }
}

/// The open member of the lowest cost; if there are several, the one whose turn comes first.
pub(super) fn cheapest_in_turn(turns: &Turns, view: &View<'_>, cost: impl Fn(usize) -> f64) -> Option<usize> {
    let start = turns.at(view.turn());
    if view.is_open(start) && cost(start) == 0.0 {
        return Some(start);
    }
    let mut best: Option<(usize, f64)> = None;
    let mut equals = 0;
    for position in view.ring(start).filter(|p| view.is_open(*p)) {
        let cost = cost(position);
        match best.map(|(_, lowest)| cost.total_cmp(&lowest)) {
            Some(Greater) => {}
            Some(Equal) => equals += 1,
            Some(Less) | None => (best, equals) = (Some((position, cost)), 1),
        }
    }
    let (first, lowest) = best?;
    if first == start || equals == 1 {
        return Some(first);
    }
    // Whose turn it was costs more. To hand its turn on to its neighbour would give that one two; so the turn passes.
    let mut turns = (0..PASSES).map(|_| turns.at(view.turn()));
    turns.find(|p| view.is_open(*p) && cost(*p) <= lowest).or(Some(first))
}
