//! The characters that the dashboard is drawn with: one set for UTF-8 terminals, one in plain ASCII.
//!
//! No emoji, no Nerd Fonts, nothing with a variation selector: every glyph takes one cell everywhere.

use ratatui::symbols::border;

/// A set of glyphs. Every one takes exactly one cell.
#[derive(Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// A backend that takes requests; evenkeel serving.
    pub serving: char,
    /// Draining.
    pub draining: char,
    /// Unhealthy or ejected.
    pub failing: char,
    /// Taken out by the operator.
    pub off: char,
    /// Waiting for its first check or on trial.
    pub waiting: char,
    /// A check that passed.
    pub passed: char,
    /// A check that failed.
    pub failed: char,
    /// The row that keys act on.
    pub selected: char,
    /// A row that keys act on together with others.
    pub marked: char,
    /// The instances differ.
    pub differs: char,
    /// Something was cut off here.
    pub ellipsis: char,
    /// The fair share within a bar.
    pub tick: char,
    /// No requests: nothing was measured.
    pub nothing: char,
    /// An operator's doing.
    pub operator: char,
    /// Ascending and descending.
    pub sort: [char; 2],
    /// Previous and next.
    pub turn: [char; 2],
    /// Deviation either way.
    pub either_way: &'static str,
    /// Separates groups on a line.
    pub divider: char,
    /// Filled from the left: nothing, then one to eight eighths.
    pub eighths: [char; 9],
    /// Filled from below: nothing, then one to eight eighths.
    pub levels: [char; 9],
    /// Axes: vertical line, its top, the corner, horizontal line, a mark on it.
    pub axis: [char; 5],
    /// Frames around panels.
    pub border: border::Set<'static>,
}

/// For terminals that speak UTF-8.
pub(super) const UNICODE: Glyphs = Glyphs {
    serving: '●',
    draining: '◐',
    failing: '✗',
    off: '○',
    waiting: '◌',
    passed: '✓',
    failed: '✗',
    selected: '▸',
    marked: '■',
    differs: '≠',
    ellipsis: '…',
    tick: '┃',
    nothing: '·',
    operator: '»',
    sort: ['▲', '▼'],
    turn: ['◂', '▸'],
    either_way: "±",
    divider: '│',
    eighths: [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'],
    levels: [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
    axis: ['│', '┤', '└', '─', '┴'],
    border: border::ROUNDED,
};

/// For everything else.
pub(super) const ASCII: Glyphs = Glyphs {
    serving: '+',
    draining: '~',
    failing: 'X',
    off: '-',
    waiting: '?',
    passed: '+',
    failed: 'x',
    selected: '>',
    marked: '#',
    differs: '/',
    ellipsis: '~',
    tick: '|',
    nothing: '.',
    operator: '>',
    sort: ['^', 'v'],
    turn: ['<', '>'],
    either_way: "+-",
    divider: '|',
    eighths: [' ', ' ', ' ', '-', '-', '-', '#', '#', '#'],
    levels: [' ', '_', ',', '-', '=', '+', '*', '%', '#'],
    axis: ['|', '+', '+', '-', '^'],
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
};

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthChar;

    use super::*;

    fn all(glyphs: &Glyphs) -> Vec<char> {
        let border = glyphs.border;
        let frame = [border.top_left, border.top_right, border.bottom_left, border.bottom_right];
        let sides = [border.vertical_left, border.vertical_right, border.horizontal_top, border.horizontal_bottom];
        let mut chars = vec![
            glyphs.serving,
            glyphs.draining,
            glyphs.failing,
            glyphs.off,
            glyphs.waiting,
            glyphs.passed,
            glyphs.failed,
            glyphs.selected,
            glyphs.marked,
            glyphs.differs,
            glyphs.ellipsis,
            glyphs.tick,
            glyphs.nothing,
            glyphs.operator,
            glyphs.divider,
        ];
        chars.extend([glyphs.sort, glyphs.turn].concat());
        chars.extend([glyphs.eighths, glyphs.levels].concat());
        chars.extend(glyphs.axis);
        chars.extend(glyphs.either_way.chars());
        chars.extend(frame.into_iter().chain(sides).flat_map(str::chars));
        chars
    }

    /// Characters that terminals may draw as emoji, two cells wide, or that only patched fonts have.
    fn is_picture(c: char) -> bool {
        matches!(
            c,
            '\u{231a}'..='\u{23ff}' | '▪' | '▫' | '▶' | '◀' | '\u{25fb}'..='\u{25fe}' | '\u{2600}'..='\u{26ff}' | '✂'..='✒' | '✔' | '✖'..='➿'
                | '\u{2b05}'..='\u{2b55}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f000}'..
        ) && !matches!(c, '✓' | '✗')
    }

    #[test]
    fn every_glyph_is_one_plain_cell() {
        for c in all(&UNICODE) {
            assert_eq!(c.width(), Some(1), "{c:?}");
            assert!(!is_picture(c), "{c:?}");
        }
    }

    #[test]
    fn the_ascii_set_is_ascii() {
        assert!(all(&ASCII).iter().all(|c| c.is_ascii_graphic() || *c == ' '));
    }

    #[test]
    fn states_differ_by_shape() {
        for glyphs in [&UNICODE, &ASCII] {
            let mut shapes = vec![glyphs.serving, glyphs.draining, glyphs.failing, glyphs.off, glyphs.waiting];
            shapes.sort_unstable();
            shapes.dedup();
            assert_eq!(shapes.len(), 5);
        }
    }
}
