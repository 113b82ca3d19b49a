//! Where everything goes, for any size of terminal: one pure function.

use ratatui::layout::Rect;

/// How much room there is. No size is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A few cells: one line of figures, then backends as far as they fit.
    Line,
    /// From 30x8: no frames, the newest events as the last lines.
    Pocket,
    /// From 72x18: backends, and one of the other panels at a time.
    Compact,
    /// From 110x30: every panel.
    Full,
    /// From 160x30: every panel, and the details of the selected backend beside them.
    Wide,
}

impl Class {
    fn of(width: u16, height: u16) -> Self {
        match (width, height) {
            (160.., 30..) => Self::Wide,
            (110.., 30..) => Self::Full,
            (72.., 18..) => Self::Compact,
            (30.., 8..) => Self::Pocket,
            _ => Self::Line,
        }
    }

    /// Whether panels have frames.
    pub fn is_framed(self) -> bool {
        self >= Self::Compact
    }
}

/// A place for each panel; an empty one is not drawn. Places lie within the terminal and never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How much room there is.
    pub class: Class,
    /// Is it serving, and how well: one line or two.
    pub header: Rect,
    /// The table of backends.
    pub backends: Rect,
    /// Distribution.
    pub distribution: Rect,
    /// Throughput and latency.
    pub throughput: Rect,
    /// Events.
    pub events: Rect,
    /// One panel of the latter three at a time.
    pub tabs: Rect,
    /// Details of the selected backend.
    pub details: Rect,
    /// Keys.
    pub footer: Rect,
}

/// Rows of a frame and of the heading, around the rows of the table.
const TABLE_CHROME: u16 = 3;
/// Width of the throughput panel: one cell per second of a minute, an axis and a frame.
const THROUGHPUT_WIDTH: u16 = 70;

/// The layout for a terminal of `width` x `height` cells and a pool of `backends`.
pub fn plan(width: u16, height: u16, backends: usize) -> Layout {
    let mut rest = Rect::new(0, 0, width, height);
    let class = Class::of(width, height);
    let backends = u16::try_from(backends).unwrap_or(u16::MAX).max(1);
    let nothing = Rect::default();
    let mut layout = Layout {
        class,
        header: nothing,
        backends: nothing,
        distribution: nothing,
        throughput: nothing,
        events: nothing,
        tabs: nothing,
        details: nothing,
        footer: nothing,
    };
    let roomy = class >= Class::Full || (class == Class::Pocket && height >= 10);
    layout.header = top(&mut rest, if roomy { 2 } else { 1 });
    if class > Class::Line {
        layout.footer = bottom(&mut rest, 1);
    }
    match class {
        Class::Wide | Class::Full => {
            if class == Class::Wide {
                layout.details = right(&mut rest, (width / 10 * 3).clamp(48, 64));
            }
            let charts = (rest.height / 3).clamp(10, 16);
            let table = backends.saturating_add(TABLE_CHROME).min(rest.height.saturating_sub(charts + 5));
            layout.backends = top(&mut rest, table);
            let mut charts = top(&mut rest, charts);
            layout.throughput = right(&mut charts, THROUGHPUT_WIDTH);
            layout.distribution = charts;
            layout.events = rest;
        }
        Class::Compact => {
            let table = backends.saturating_add(TABLE_CHROME).min(rest.height.saturating_sub(9).max(rest.height / 2));
            layout.backends = top(&mut rest, table);
            layout.tabs = rest;
        }
        Class::Pocket => {
            let table = backends.saturating_add(1).min(rest.height.saturating_sub(1));
            layout.backends = top(&mut rest, table);
            layout.events = rest;
        }
        Class::Line => layout.backends = rest,
    }
    layout
}

/// The row of the passing message: the frame (or the last event) above the keys.
pub fn toast(width: u16, height: u16) -> Rect {
    let mut rest = Rect::new(0, 0, width, height);
    if Class::of(width, height) > Class::Line {
        bottom(&mut rest, 1);
    }
    bottom(&mut rest, 1)
}

fn top(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    let taken = Rect { height, ..*rest };
    rest.y += height;
    rest.height -= height;
    taken
}

fn bottom(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    rest.height -= height;
    Rect { y: rest.bottom(), height, ..*rest }
}

fn right(rest: &mut Rect, width: u16) -> Rect {
    let width = width.min(rest.width);
    rest.width -= width;
    Rect { x: rest.right(), width, ..*rest }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places(layout: &Layout) -> Vec<Rect> {
        let Layout { class: _, header, backends, distribution, throughput, events, tabs, details, footer } = *layout;
        [header, backends, distribution, throughput, events, tabs, details, footer]
            .into_iter()
            .filter(|r| !r.is_empty())
            .collect()
    }

    #[test]
    fn classes_begin_where_they_say() {
        let class = |width, height| plan(width, height, 5).class;
        assert_eq!([class(160, 30), class(159, 30), class(160, 29)], [Class::Wide, Class::Full, Class::Compact]);
        assert_eq!([class(110, 30), class(109, 30), class(110, 29)], [Class::Full, Class::Compact, Class::Compact]);
        assert_eq!([class(72, 18), class(71, 18), class(72, 17)], [Class::Compact, Class::Pocket, Class::Pocket]);
        assert_eq!([class(30, 8), class(29, 8), class(30, 7)], [Class::Pocket, Class::Line, Class::Line]);
    }

    #[test]
    fn every_panel_has_room_where_it_is_promised() {
        for (width, height) in [(110, 30), (160, 30), (200, 50), (250, 80)] {
            for backends in [0, 1, 7, 500] {
                let layout = plan(width, height, backends);
                for panel in [layout.backends, layout.distribution, layout.throughput, layout.events] {
                    assert!(panel.height >= 4 && panel.width >= 40, "{width}x{height}, {backends}: {layout:?}");
                }
                assert_eq!(layout.throughput.width, THROUGHPUT_WIDTH);
            }
        }
        for backends in [1, 7, 500] {
            let layout = plan(72, 18, backends);
            assert!(layout.backends.height >= 4 && layout.tabs.height >= 8, "{backends}: {layout:?}");
        }
    }

    #[test]
    fn nothing_is_drawn_on_nothing() {
        assert!(places(&plan(0, 0, 3)).is_empty());
        assert!(places(&plan(0, 9, 3)).is_empty());
    }

    proptest! {
        #[test]
        fn places_lie_within_and_apart(width in 0_u16..=250, height in 0_u16..=80, backends in 0_usize..600) {
            let area = Rect::new(0, 0, width, height);
            let places = places(&plan(width, height, backends));
            for (i, place) in places.iter().enumerate() {
                prop_assert_eq!(place.intersection(area), *place);
                for other in &places[i + 1..] {
                    prop_assert!(place.intersection(*other).is_empty());
                }
            }
            let covered: u32 = places.iter().map(|place| place.area()).sum();
            prop_assert_eq!(covered, area.area(), "something is left empty");
            prop_assert_eq!(toast(width, height).intersection(area), toast(width, height));
        }
    }
}
