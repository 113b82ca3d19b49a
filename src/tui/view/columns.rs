//! The columns of the backend table: which there are, which there is room for, and how wide they get.

use crate::balance::snapshot::HISTORY;

/// What a column shows, the most important first: where room is short, they are left out from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    Name,
    Health,
    InFlight,
    Rps,
    Errors,
    P99,
    Mode,
    Share,
    Trend,
    Weight,
    P50,
    Address,
}

impl Column {
    /// The columns as they stand from left to right.
    const ORDER: [Self; 12] = [
        Self::Mode,
        Self::Health,
        Self::Name,
        Self::Address,
        Self::Weight,
        Self::InFlight,
        Self::Rps,
        Self::Share,
        Self::P50,
        Self::P99,
        Self::Errors,
        Self::Trend,
    ];

    /// The heading that fits into `width` cells.
    pub(super) fn heading(self, width: usize) -> &'static str {
        match self {
            Self::Name => "BACKEND",
            Self::Health => "HEALTH",
            Self::InFlight if width < 6 => "FLT",
            Self::InFlight => "FLIGHT",
            Self::Rps => "R/S",
            Self::Errors => "ERR%",
            Self::P99 => "P99",
            Self::Mode => "MODE",
            Self::Share => "SHARE",
            Self::Trend if width < 10 => "60 S",
            Self::Trend => "LAST 60 S",
            Self::Weight => "WT ",
            Self::P50 => "P50",
            Self::Address => "ADDRESS",
        }
    }

    /// Whether it is a figure, which stands on the right.
    pub(super) fn is_figure(self) -> bool {
        matches!(self, Self::InFlight | Self::Rps | Self::Errors | Self::P99 | Self::Weight | Self::P50)
    }

    /// Least, comfortable and largest width. Names, addresses and modes go by the longest.
    fn widths(self, longest: Longest) -> [usize; 3] {
        let Longest { name, address, mode } = longest;
        match self {
            Self::Name => [8, name.clamp(8, 20), name.clamp(8, 32)],
            Self::Health => [6, 6, 6],
            Self::InFlight => [4, 6, 6],
            Self::Rps => [5, 5, 5],
            Self::Mode => [mode.clamp(5, 10); 3],
            Self::P99 | Self::P50 => [5, 6, 6],
            Self::Share => [12, 17, 28],
            Self::Trend => [10, 12, 30],
            Self::Errors | Self::Weight => [4, 4, 4],
            Self::Address => [address.clamp(12, 21), address.clamp(12, 21), address.clamp(12, 32)],
        }
    }
}

/// The widths of the longest texts in the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Longest {
    pub(super) name: usize,
    pub(super) address: usize,
    pub(super) mode: usize,
}

/// The columns that fit into `width` cells, from left to right, with their widths; `gap` blanks lie between.
pub(super) fn fit(width: usize, gap: usize, longest: Longest) -> Vec<(Column, usize)> {
    let mut columns: Vec<_> = Column::ORDER.into_iter().map(|column| (column, column.widths(longest))).collect();
    let needed = |columns: &[(Column, [usize; 3])]| columns.iter().map(|(_, [least, ..])| least + gap).sum::<usize>();
    while columns.len() > 1 && needed(&columns) > width + gap {
        let last = columns.iter().map(|(column, _)| *column).max();
        columns.retain(|(column, _)| Some(*column) != last);
    }
    let mut left = (width + gap).saturating_sub(needed(&columns));
    let mut given: Vec<_> = columns.iter().map(|(column, [least, ..])| (*column, (*least).min(width))).collect();
    for step in [1, 2] {
        let mut by_rank: Vec<_> = given.iter_mut().zip(&columns).collect();
        by_rank.sort_by_key(|((column, _), _)| *column);
        for ((_, width), (_, wanted)) in by_rank {
            let more = wanted[step].saturating_sub(*width).min(left);
            *width += more;
            left -= more;
        }
    }
    // A curve has as many cells as it has whole steps of time.
    for (_, width) in given.iter_mut().filter(|(column, _)| *column == Column::Trend) {
        *width = HISTORY / HISTORY.div_ceil(*width);
    }
    given
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USUAL: Longest = Longest { name: 8, address: 15, mode: 5 };

    fn fitted(width: usize, gap: usize) -> Vec<Column> {
        fit(width, gap, USUAL).into_iter().map(|(column, _)| column).collect()
    }

    #[test]
    fn columns_leave_in_the_order_of_their_rank() {
        assert_eq!(fitted(115, 2).len(), 12);
        assert!(!fitted(90, 2).contains(&Column::Address));
        assert_eq!(fitted(37, 1), [Column::Health, Column::Name, Column::InFlight, Column::Rps, Column::P99, Column::Errors]);
        assert_eq!(fitted(3, 1), [Column::Name]);
    }

    #[test]
    fn curves_have_whole_steps() {
        for width in 60..200 {
            if let Some((_, cells)) = fit(width, 1, USUAL).into_iter().find(|(column, _)| *column == Column::Trend) {
                assert_eq!(HISTORY % cells, 0, "{width}: {cells}");
            }
        }
    }

    proptest! {
        #[test]
        fn never_wider_than_the_table(width in 0_usize..250, gap in 1_usize..3, name in 0_usize..99, address in 0_usize..99) {
            let columns = fit(width, gap, Longest { name, address, mode: name });
            let total: usize = columns.iter().map(|(_, width)| width + gap).sum();
            prop_assert!(!columns.is_empty() && total <= width + gap);
        }
    }
}
