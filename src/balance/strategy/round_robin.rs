//! Turns, weighted (`weighted_round_robin`) or not (`round_robin`): in every cycle each member has exactly its weight of turns,
//! spread out.
//!
//! Nothing is adjusted as it goes, so nothing drifts when a member is away: a rotation without it has turns of its own.

/// Largest product of members and cycle length for nginx's order, which takes so many steps to work out.
const MAX_SMOOTH: u64 = 1 << 16;
/// Longest cycle that is written out; it takes up to 4 MiB.
const MAX_CYCLE: u64 = 1 << 21;

/// Who has which turn.
#[derive(Debug)]
pub(in crate::balance) enum Turns {
    /// Equal weights: the number of members.
    Equal(usize),
    /// One cycle, written out. Short ones in nginx's smooth order: weights 5, 1, 1 give a a b a c a a. Longer ones by
    /// [`halve`].
    Cycle(Box<[u16]>),
    /// For cycles too long to be written out: the sums of the weights before each member, and of all, for [`halve`].
    Halves(Box<[u64]>),
}

impl Turns {
    /// Turns for members of these weights; at least one member, no weight 0.
    pub(super) fn new(weights: impl Iterator<Item = u32>) -> Self {
        let weights: Vec<u64> = weights.map(u64::from).collect();
        let divisor = weights.iter().copied().fold(0, gcd).max(1);
        let length = weights.iter().sum::<u64>() / divisor;
        if length == weights.len() as u64 {
            return Self::Equal(weights.len());
        }
        let weights: Vec<u64> = weights.iter().map(|w| w / divisor).collect();
        if length * weights.len() as u64 <= MAX_SMOOTH {
            return Self::Cycle(smooth(&weights, length));
        }
        let sums = sums(&weights);
        if length <= MAX_CYCLE && u16::try_from(weights.len()).is_ok() { Self::Cycle(spread(&sums)) } else { Self::Halves(sums) }
    }

    /// The member whose turn it is.
    pub(super) fn at(&self, turn: u64) -> usize {
        match self {
            Self::Equal(members) => (turn % *members as u64) as usize,
            Self::Cycle(cycle) => usize::from(cycle[(turn % cycle.len() as u64) as usize]),
            Self::Halves(sums) => halve(sums, turn),
        }
    }
}

/// nginx's rule: everybody gains its weight, the highest has the turn and pays back the sum of the weights.
fn smooth(weights: &[u64], length: u64) -> Box<[u16]> {
    let mut credits = vec![0; weights.len()];
    let turn = |_| {
        for (credit, weight) in credits.iter_mut().zip(weights) {
            *credit += weight.cast_signed();
        }
        let best = (0..credits.len()).rev().max_by_key(|i| credits[*i]).unwrap_or(0);
        credits[best] -= length.cast_signed();
        best as u16
    };
    (0..length).map(turn).collect()
}

/// The sums of the weights before each member, and of all.
fn sums(weights: &[u64]) -> Box<[u64]> {
    let add = |sum: &mut u64, weight: &u64| {
        *sum += weight;
        Some(*sum)
    };
    [0].into_iter().chain(weights.iter().scan(0, add)).collect()
}

/// Who has this turn: halving the members again and again, each half gets its turns spread as evenly as whole turns allow
/// (Bresenham). Takes log2(members) divisions.
fn halve(sums: &[u64], turn: u64) -> usize {
    let (mut low, mut high) = (0, sums.len() - 1);
    let mut turn = turn % sums[high];
    while high - low > 1 {
        let middle = low.midpoint(high);
        let (left, all) = (sums[middle] - sums[low], sums[high] - sums[low]);
        // Of the turns before this one, the left half had `turn * left / all`. It has this one if that grows with it.
        let (had, rest) = (turn * left / all, turn * left % all);
        if rest + left >= all {
            (high, turn) = (middle, had);
        } else {
            (low, turn) = (middle, turn - had);
        }
    }
    low
}

/// [`halve`] for every turn of a cycle, each half handing its turns on.
fn spread(sums: &[u64]) -> Box<[u16]> {
    let mut cycle = vec![0; sums[sums.len() - 1] as usize];
    let mut open = vec![(0, sums.len() - 1, (0..cycle.len() as u32).collect::<Vec<_>>())];
    while let Some((low, high, turns)) = open.pop() {
        if high - low == 1 {
            for turn in turns {
                cycle[turn as usize] = low as u16;
            }
            continue;
        }
        let middle = low.midpoint(high);
        let (left, all) = (sums[middle] - sums[low], sums[high] - sums[low]);
        let mut rest = 0;
        let (lefts, rights) = turns.into_iter().partition(|_| {
            rest += left;
            let has_it = rest >= all;
            rest -= if has_it { all } else { 0 };
            has_it
        });
        open.extend([(low, middle, lefts), (middle, high, rights)]);
    }
    cycle.into()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cycle(weights: &[u32]) -> Vec<usize> {
        let turns = Turns::new(weights.iter().copied());
        (0..u64::from(weights.iter().sum::<u32>())).map(|turn| turns.at(turn)).collect()
    }

    #[test]
    fn the_heavy_one_is_interleaved_as_in_nginx() {
        assert_eq!(cycle(&[5, 1, 1]), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(cycle(&[500, 100, 100])[..7], [0, 0, 1, 0, 2, 0, 0], "common factors do not make runs");
    }

    #[test]
    fn equal_weights_are_plain_turns() {
        assert_eq!(cycle(&[3, 3, 3])[..4], [0, 1, 2, 0]);
    }

    #[test]
    fn long_cycles_are_as_exact_as_written_ones() {
        let weights: Vec<u32> = (0..600).map(|i| i % 256 + 1).collect();
        let cycle = cycle(&weights);
        for (member, weight) in weights.iter().enumerate() {
            assert_eq!(cycle.iter().filter(|m| **m == member).count(), *weight as usize);
        }
    }

    proptest! {
        #[test]
        fn halves_are_exact_and_spread(weights in prop::collection::vec(1u64..40, 1..20)) {
            let sums = sums(&weights);
            let all = sums[weights.len()];
            let cycle: Vec<usize> = (0..all).map(|turn| halve(&sums, turn)).collect();
            prop_assert!(spread(&sums).iter().map(|member| usize::from(*member)).eq(cycle.iter().copied()));
            for (member, weight) in weights.iter().enumerate() {
                let turns: Vec<u64> = (0..all).filter(|t| cycle[*t as usize] == member).collect();
                prop_assert_eq!(turns.len() as u64, *weight);
                // Each halving may shift a turn by less than one turn of the half it is in.
                let levels = 5 + 1;
                prop_assert!(turns.windows(2).all(|w| (w[1] - w[0]) * weight <= all * levels));
            }
        }
    }
}
