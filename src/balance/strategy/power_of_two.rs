//! Two different members by weighted chance; the less loaded per weight gets the request, on a tie the first.

use super::random::Weighted;
use crate::balance::rotation::View;

/// See the module.
#[derive(Debug)]
pub(in crate::balance) struct PowerOfTwo(Weighted);

impl PowerOfTwo {
    pub(super) fn new(weights: impl Iterator<Item = u32>) -> Self {
        Self(Weighted::new(weights))
    }

    pub(super) fn choose(&self, view: &View<'_>, bits: u64) -> usize {
        let (first, second) = self.0.draw_two(bits);
        let second_is_better = match (view.is_open(first), view.is_open(second)) {
            (true, true) => view.load(second).is_less_than(view.load(first)),
            (_, second_is_open) => second_is_open,
        };
        if second_is_better { second } else { first }
    }
}
