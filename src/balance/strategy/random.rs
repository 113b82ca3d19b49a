//! Random by weight, in one draw: Walker's and Vose's alias method, in whole numbers.

/// Members to draw from.
#[derive(Debug)]
pub(in crate::balance) struct Weighted {
    members: u64,
    /// One per member; none where all weights are equal.
    cells: Box<[Cell]>,
    total: u64,
}

/// One of as many equal parts of the whole as there are members: below `cut` it belongs to its own member, from there on to
/// `alias`.
#[derive(Clone, Copy, Debug)]
struct Cell {
    cut: u64,
    alias: usize,
}

impl Weighted {
    /// At least one member, no weight 0.
    pub(super) fn new(weights: impl Iterator<Item = u32>) -> Self {
        // Scaled by the number of members, the average weight is `total`: the size of a cell.
        let weights: Vec<u64> = weights.map(u64::from).collect();
        let total: u64 = weights.iter().sum();
        let members = weights.len() as u64;
        if weights.iter().all(|w| *w == weights[0]) {
            return Self { members, cells: Box::default(), total };
        }
        let mut left: Vec<u64> = weights.iter().map(|w| w * members).collect();
        let mut cells: Box<[_]> = (0..left.len()).map(|alias| Cell { cut: total, alias }).collect();
        let (mut small, mut large): (Vec<_>, Vec<_>) = (0..left.len()).partition(|i| left[*i] < total);
        while let (Some(poor), Some(rich)) = (small.pop(), large.pop()) {
            cells[poor] = Cell { cut: left[poor], alias: rich };
            left[rich] -= total - left[poor];
            if left[rich] < total { small.push(rich) } else { large.push(rich) }
        }
        Self { members, cells, total }
    }

    /// A member, each as likely as its weight says.
    pub(super) fn draw(&self, bits: u64) -> usize {
        let index = below(bits >> 32, self.members) as usize;
        match self.cells.get(index) {
            Some(cell) if below(bits & LOW, self.total) >= cell.cut => cell.alias,
            _ => index,
        }
    }

    /// Two members; different ones if there are two.
    pub(super) fn draw_two(&self, bits: u64) -> (usize, usize) {
        let first = self.draw(bits);
        if self.cells.is_empty() && self.members > 1 {
            let second = below(bits & LOW, self.members - 1) as usize;
            return (first, second + usize::from(second >= first));
        }
        let bits = mix(bits);
        let second = self.draw(bits);
        (first, if second == first { self.draw_other(first, bits) } else { second })
    }

    /// Another member than the first, if there is one.
    #[cold]
    fn draw_other(&self, first: usize, bits: u64) -> usize {
        let others = self.members - 1;
        if others == 0 {
            return first;
        }
        let mut bits = bits;
        for _ in 0..8 {
            bits = mix(bits);
            let second = self.draw(bits);
            if second != first {
                return second;
            }
        }
        // The first one has nearly all the weight: any other will do.
        (first + 1 + below(mix(bits) >> 32, others) as usize) % self.cells.len()
    }
}

/// The lower half of 64 bits.
const LOW: u64 = 0xffff_ffff;

/// 32 random bits as a number below `end`.
fn below(bits: u64, end: u64) -> u64 {
    (bits * end) >> 32
}

/// Steele's and Vigna's splitmix64: well-mixed bits from any number.
pub(in crate::balance) fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_cells_add_up_to_the_weights(weights in prop::collection::vec(1u32..=25_600, 1..50)) {
            let weighted = Weighted::new(weights.iter().copied());
            prop_assume!(!weighted.cells.is_empty());
            let mut sums = vec![0; weights.len()];
            for (own, cell) in weighted.cells.iter().enumerate() {
                sums[own] += cell.cut;
                sums[cell.alias] += weighted.total - cell.cut;
            }
            let want: Vec<u64> = weights.iter().map(|w| u64::from(*w) * weights.len() as u64).collect();
            prop_assert_eq!(sums, want);
        }

        #[test]
        fn two_are_two(weights in prop::collection::vec(1u32..=25_600, 2..20), bits: u64) {
            let (first, second) = Weighted::new(weights.iter().copied()).draw_two(bits);
            prop_assert!(first != second && first < weights.len() && second < weights.len());
        }
    }

    #[test]
    fn of_equals_every_pair_is_as_likely() {
        let weighted = Weighted::new([7; 4].into_iter());
        let mut pairs = std::collections::HashMap::new();
        (0..12_000).for_each(|n| *pairs.entry(weighted.draw_two(mix(n))).or_insert(0) += 1);
        assert_eq!(pairs.len(), 12);
        assert!(pairs.values().all(|n| (850..1_150).contains(n)), "{pairs:?}");
    }

    #[test]
    fn nearly_all_the_weight_still_leaves_two() {
        let weighted = Weighted::new([25_600, 1, 1].into_iter());
        let seconds: Vec<usize> = (0..200).map(|n| weighted.draw_two(mix(n)).1).collect();
        assert!([1, 2].iter().all(|member| seconds.contains(member)));
    }
}
