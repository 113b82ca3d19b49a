//! Counters that are told as events: only what has been added since it was last told.

use std::array;

/// Counters as they were last told.
#[derive(Debug)]
pub(super) struct Told<const N: usize>([u64; N]);

impl<const N: usize> Default for Told<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Told<N> {
    /// What is new of `now`: index and how much, of those that grew.
    pub(super) fn news(&mut self, now: [u64; N]) -> impl Iterator<Item = (usize, u64)> + use<N> {
        let then = std::mem::replace(&mut self.0, now);
        let grown: [u64; N] = array::from_fn(|index| now[index].saturating_sub(then[index]));
        grown.into_iter().enumerate().filter(|(_, times)| *times > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_told() {
        let mut told = Told::default();
        assert_eq!(told.news([3, 0, 1]).collect::<Vec<_>>(), [(0, 3), (2, 1)]);
        assert_eq!(told.news([3, 2, 1]).collect::<Vec<_>>(), [(1, 2)]);
        assert_eq!(told.news([3, 2, 1]).count(), 0);
    }
}
