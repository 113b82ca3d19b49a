//! Help: every key, and what every column and glyph means.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::frame::Frame;
use super::scroll;
use crate::tui::keymap;
use crate::tui::safe::{self, fit};
use crate::tui::theme::{Glyphs, Theme};

/// Width of keys and glyphs.
const TERM: usize = 12;
/// Least width of a column of text.
const COLUMN: usize = 52;

pub(super) fn draw(area: Rect, buf: &mut Buffer, offset: usize, theme: &Theme) {
    let frame = Frame::titled([Span::styled("Help", theme.strong)]).bottom(Line::styled("j/k scroll   Esc close", theme.quiet));
    let inner = frame.draw(area, buf, theme);
    scroll::draw(lines(theme, inner.width.into()), offset, inner, buf);
}

/// Keys and glossary side by side where there is room, else one after the other.
pub(super) fn lines(theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let column = if width >= 2 * COLUMN { width / 2 } else { width };
    let heading = |text: &'static str| {
        Line::styled(format!(" {}", fit(text, column.saturating_sub(1), theme.glyphs.ellipsis)), theme.strong)
    };
    let entry = |term: &str, text: &str| -> Vec<Line<'static>> {
        let room = column.saturating_sub(TERM + 3);
        let terms = std::iter::once(term).chain(std::iter::repeat(""));
        let lines = wrap(text, room).into_iter().zip(terms).map(|(text, term)| {
            let term = fit(term, TERM, theme.glyphs.ellipsis);
            Line::from(vec![
                Span::styled(format!(" {term} "), theme.strong),
                Span::raw(fit(&text, room + 1, theme.glyphs.ellipsis)),
            ])
        });
        lines.collect()
    };
    let mut keys = vec![heading("Keys")];
    keys.extend(keymap::help().flat_map(|(keys, help)| entry(&keys, help)));
    let mut glossary = vec![heading("What you see")];
    glossary.extend(self::glossary(theme.glyphs).into_iter().flat_map(|(term, text)| entry(&term, text)));
    if column == width {
        keys.push(Line::default());
        keys.extend(glossary);
        return keys;
    }
    let longest = keys.len().max(glossary.len());
    let blank = || Line::raw(" ".repeat(column));
    keys.resize_with(longest, blank);
    glossary.resize_with(longest, Line::default);
    keys.into_iter().zip(glossary).map(|(left, right)| Line::from([left.spans, right.spans].concat())).collect()
}

/// Breaks a text between words. It must be escaped already.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if safe::width(line) + 1 + safe::width(word) <= width => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Glyphs and columns, in the order in which one meets them.
fn glossary(glyphs: &Glyphs) -> Vec<(String, &'static str)> {
    let Glyphs {
        serving,
        draining,
        failing,
        off,
        waiting,
        passed,
        failed,
        selected,
        marked,
        differs,
        ellipsis,
        tick,
        nothing,
        operator,
        ..
    } = *glyphs;
    vec![
        (serving.to_string(), "takes requests"),
        (draining.to_string(), "draining: nothing new, running requests finish"),
        (failing.to_string(), "unhealthy by its checks, or ejected after failures"),
        (off.to_string(), "down, or of weight 0: taken out by the operator"),
        (waiting.to_string(), "waits for its first check, or on trial after an ejection"),
        (selected.to_string(), "the backend that keys act on"),
        (marked.to_string(), "marked: keys act on all of these"),
        (ellipsis.to_string(), "asked for, not done yet; also: text was cut"),
        ("MODE".to_owned(), "what the operator wants: up, drain, down"),
        (format!("up{differs}drain"), "the instances differ: up at one, draining at another"),
        ("overrides".to_owned(), "what an operator has set and the config does not say (O lists them, C drops them)"),
        ("HEALTH".to_owned(), "what the checks say, whatever the mode"),
        (format!("{passed}128"), "128 checks passed in a row"),
        (format!("{failed}2/3"), "2 failed, a third makes it unhealthy"),
        (format!("{passed}1/2"), "1 passed, a second makes it healthy"),
        (format!("{failed}14"), "unhealthy, 14 checks failed in a row"),
        ("- and ?".to_owned(), "has no checks; not checked yet"),
        ("WT".to_owned(), "weight; * differs from the config"),
        ("FLIGHT".to_owned(), "requests in flight, until the last byte of the answer (FLT where narrow)"),
        ("R/S".to_owned(), "finished requests per second, over the last 5 s"),
        ("SHARE".to_owned(), "part of the pool's requests within the window"),
        (tick.to_string(), "its fair share: weight among those that were eligible"),
        ("+1.7!".to_owned(), "off by more than chance explains (where the strategy aims at shares by weight)"),
        ("P50 P99".to_owned(), "latency until the last byte; ~ rests on few samples"),
        ("worst p99".to_owned(), "of several instances, the one that is worst off"),
        ("ERR%".to_owned(), "5xx answers and failures per request"),
        ("LAST 60 S".to_owned(), "requests per second, on one scale for all"),
        (nothing.to_string(), "no requests at that time; among events: for the record"),
        ("keel even".to_owned(), "the worst deviation from a fair share is within what chance explains"),
        ("keel list".to_owned(), "it is not: how far off the worst one is, and who"),
        (format!("{operator} ! {failing}"), "among events: an operator's doing, a warning, an error"),
    ]
}
