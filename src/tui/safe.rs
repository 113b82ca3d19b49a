//! Text of others (names, reasons, addresses) made safe to print, and cut to an exact number of cells.
//!
//! A terminal obeys what is printed on it: a backend called `ESC ]0;...` could retitle the window, a bidi override could
//! make `down` read as something else. So whatever we did not write ourselves goes through here.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// `text` with everything escaped (`\u{1b}`, `\n`) that is not one visible character in cells of its own.
pub(super) fn display_safe(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| cells(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match cells(c) {
            Some(_) => safe.push(c),
            None => safe.extend(c.escape_default()),
        }
    }
    Cow::Owned(safe)
}

/// The cells that a harmless character takes. `None` for what commands the terminal (C0, C1, DEL), turns the direction of
/// writing, is invisible, or merges with its neighbour: then the sum of these is what the whole text takes.
fn cells(c: char) -> Option<usize> {
    let joins_or_breaks = matches!(
        c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}'
            | '\u{ff9e}' | '\u{ff9f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{110bd}' | '\u{110cd}'
    );
    c.width().filter(|width| *width > 0 && !joins_or_breaks)
}

/// The cells that `text` takes once it is escaped.
pub(super) fn width(text: &str) -> usize {
    display_safe(text).chars().filter_map(cells).sum()
}

/// The cells that `text` takes once it is escaped, or `most` if it takes more. Does not read the rest of a long text.
pub(super) fn width_up_to(text: &str, most: usize) -> usize {
    width(start(text, most)).min(most)
}

/// `text` escaped and, if it is longer than `width` cells, cut at its end.
pub(super) fn clip(text: &str, width: usize, ellipsis: char) -> String {
    // Each character takes a cell at least, so that one more than there are cells tells whether all fit.
    let safe = display_safe(start(text, width + 1));
    if self::width(&safe) <= width {
        return safe.into_owned();
    }
    let mut kept = fitting(safe.chars(), width.saturating_sub(1));
    if width > 0 {
        kept.push(ellipsis);
    }
    kept
}

/// `text` escaped and, if it is longer than `width` cells, cut in its middle: what tells names apart is often their end.
pub(super) fn clip_middle(text: &str, width: usize, ellipsis: char) -> String {
    let safe = display_safe(start(text, width + 1));
    if self::width(&safe) <= width || width < 4 {
        return clip(&safe, width, ellipsis);
    }
    let tail = (width - 1) / 2;
    let mut kept = fitting(safe.chars(), width - 1 - tail);
    kept.push(ellipsis);
    let end = fitting(display_safe(end(text, tail)).chars().rev(), tail);
    kept.extend(end.chars().rev());
    kept
}

/// `text` escaped and, if it is longer than `width` cells, cut at its start: of what is being typed, the end matters.
pub(super) fn clip_start(text: &str, width: usize, ellipsis: char) -> String {
    let safe = display_safe(end(text, width + 1));
    if self::width(&safe) <= width {
        return safe.into_owned();
    }
    let mut kept = fitting(safe.chars().rev(), width.saturating_sub(1));
    if width > 0 {
        kept.push(ellipsis);
    }
    kept.chars().rev().collect()
}

/// The first characters of a text.
fn start(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(at, _)| &text[..at])
}

/// The last characters of a text.
fn end(text: &str, characters: usize) -> &str {
    let before = text.char_indices().rev().nth(characters);
    before.map_or(text, |(at, c)| &text[at + c.len_utf8()..])
}

/// As many characters of an escaped text as fit.
fn fitting(safe: impl Iterator<Item = char>, width: usize) -> String {
    let mut left = width;
    let fits = |c: &char| match cells(*c).and_then(|cells| left.checked_sub(cells)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    safe.take_while(fits).collect()
}

/// Escaped, cut at the end or filled up with blanks on the right: exactly `width` cells.
pub(super) fn fit(text: &str, width: usize, ellipsis: char) -> String {
    pad(clip(text, width, ellipsis), width)
}

/// Like [`fit`], but cut in the middle.
pub(super) fn fit_middle(text: &str, width: usize, ellipsis: char) -> String {
    pad(clip_middle(text, width, ellipsis), width)
}

/// Like [`fit`], but filled up on the left, as numbers are.
pub(super) fn fit_right(text: &str, width: usize, ellipsis: char) -> String {
    let kept = clip(text, width, ellipsis);
    let blanks = width.saturating_sub(self::width(&kept));
    " ".repeat(blanks) + &kept
}

fn pad(mut text: String, width: usize) -> String {
    let blanks = width.saturating_sub(self::width(&text));
    text.extend(std::iter::repeat_n(' ', blanks));
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::style::Style;
    use ratatui::text::Span;

    use super::*;

    #[test]
    fn ordinary_text_is_left_alone() {
        for text in ["api-1", "größe", "東京-1", "shop → cart", "a\\b"] {
            assert!(matches!(display_safe(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn what_could_deceive_is_spelt_out() {
        for (text, shown) in [
            ("a\x1b]0;x\x07", "a\\u{1b}]0;x\\u{7}"),
            ("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("up\u{202e}nwod", "up\\u{202e}nwod"),
            ("a\u{200b}b\u{feff}\u{2066}", "a\\u{200b}b\\u{feff}\\u{2066}"),
            ("e\u{301}", "e\\u{301}"),
            ("\u{26a0}\u{fe0f}", "\u{26a0}\\u{fe0f}"),
        ] {
            assert_eq!(display_safe(text), shown);
        }
    }

    #[test]
    fn no_format_character_survives() {
        let ranges = ['\u{200b}'..='\u{200f}', '\u{2028}'..='\u{202e}', '\u{2060}'..='\u{206f}', '\u{e0001}'..='\u{e007f}'];
        for c in ranges.into_iter().flatten().chain(['\u{61c}', '\u{180e}', '\u{feff}', '\u{fe0f}']) {
            assert!(!display_safe(&format!("a{c}b")).contains(c), "{c:?}");
        }
    }

    #[test]
    fn each_text_is_cut_where_it_matters_least() {
        assert_eq!(clip_middle("api-prod-west-eu-3", 12, '…'), "api-pr…-eu-3");
        assert_eq!(clip("no answer in time", 9, '…'), "no answe…");
        assert_eq!(clip_start("name:api !down", 9, '…'), "…pi !down");
        assert_eq!(clip_middle("api-prod", 3, '…'), "ap…");
        assert_eq!(clip("api", 0, '…'), "");
        assert_eq!(fit_right("42", 5, '…'), "   42");
        assert_eq!(fit("東京", 3, '…'), "東…");
        assert_eq!(fit("東京", 2, '…'), "… ");
    }

    proptest! {
        #[test]
        fn every_way_to_fit_is_exact_and_harmless(chars in prop::collection::vec(any::<char>(), 0..60), width in 0_usize..40) {
            let text: String = chars.into_iter().collect();
            prop_assert!(super::width(&clip_start(&text, width, '…')) <= width);
            for fitted in [fit(&text, width, '…'), fit_middle(&text, width, '…'), fit_right(&text, width, '…')] {
                prop_assert_eq!(super::width(&fitted), width);
                // What ratatui will make of it, grapheme by grapheme.
                let drawn: usize = Span::raw(&fitted).styled_graphemes(Style::new()).map(|g| Span::raw(g.symbol).width()).sum();
                prop_assert_eq!(drawn, width, "{:?}", fitted);
                prop_assert!(matches!(display_safe(&fitted), Cow::Borrowed(_)));
                prop_assert!(!fitted.chars().any(char::is_control));
            }
        }
    }
}
