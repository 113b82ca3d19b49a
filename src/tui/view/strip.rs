//! Items on one line, the less important ones left out where there is no room.

use ratatui::text::{Line, Span};

/// A piece of a line that is shown whole or not at all.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Who comes first is given room first; 0 always is.
    pub(super) rank: u8,
    /// What it says.
    pub(super) spans: Vec<Span<'static>>,
}

impl Item {
    pub(super) fn new(rank: u8, spans: impl Into<Vec<Span<'static>>>) -> Self {
        Self { rank, spans: spans.into() }
    }

    fn width(&self) -> usize {
        self.spans.iter().map(Span::width).sum()
    }
}

/// As many items as fit, in their order, with `gap` blanks between. The most important one is always there.
pub(super) fn strip(items: Vec<Item>, width: usize, gap: usize) -> Line<'static> {
    let mut by_rank: Vec<_> = items.iter().enumerate().collect();
    by_rank.sort_by_key(|(_, item)| item.rank);
    let mut fits = vec![false; items.len()];
    let mut taken = 0;
    for (nth, (at, item)) in by_rank.into_iter().enumerate() {
        let with_it = taken + item.width() + if taken == 0 { 0 } else { gap };
        if nth == 0 || with_it <= width {
            (fits[at], taken) = (true, with_it);
        }
    }
    let mut spans = Vec::new();
    for (item, _) in items.into_iter().zip(fits).filter(|(_, fits)| *fits) {
        if !spans.is_empty() {
            spans.push(Span::raw(" ".repeat(gap)));
        }
        spans.extend(item.spans);
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_goes_by_rank_and_order_stays() {
        let items = || {
            ["state", "uptime", "rate", "p99"]
                .into_iter()
                .zip([0, 2, 1, 3])
                .map(|(text, rank)| Item::new(rank, [Span::raw(text)]))
                .collect()
        };
        assert_eq!(strip(items(), 40, 2).to_string(), "state  uptime  rate  p99");
        assert_eq!(strip(items(), 18, 2).to_string(), "state  rate  p99");
        assert_eq!(strip(items(), 15, 2).to_string(), "state  rate");
        assert_eq!(strip(items(), 3, 2).to_string(), "state");
    }
}
