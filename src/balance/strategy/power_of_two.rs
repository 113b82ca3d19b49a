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
        cheaper_of_two(&self.0, view, bits, |position| view.load(position))
    }
}

/// Of two members by chance, the one of the lower cost; an open one if there is one.
pub(super) fn cheaper_of_two(weighted: &Weighted, view: &View<'_>, bits: u64, cost: impl Fn(usize) -> f64) -> usize {
    let (first, second) = weighted.draw_two(bits);
    let cost = |position| if view.is_open(position) { cost(position) } else { f64::INFINITY };
    if cost(second) < cost(first) { second } else { first }
}
