//! Dialogs: a question, the facts, the answers. The wording is [`crate::tui::dialog`]'s.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::frame::Frame;
use crate::tui::dialog::{Button, Dialog};
use crate::tui::safe::{clip, clip_start, width};
use crate::tui::theme::Theme;

/// Blanks between text and frame, on either side.
const MARGIN: usize = 2;

/// Columns and rows that a dialog would like.
pub(super) fn size(dialog: &Dialog) -> (u16, u16) {
    let text = dialog.facts.iter().map(|fact| width(fact)).max().unwrap_or(0);
    let columns = text.max(answers_width(dialog)).max(width(&dialog.title)).max(44) + 2 * MARGIN + 2;
    let rows = dialog.facts.len() + if dialog.typed.is_some() { 2 } else { 0 } + 5;
    (u16::try_from(columns).unwrap_or(u16::MAX), u16::try_from(rows).unwrap_or(u16::MAX))
}

pub(super) fn draw(area: Rect, buf: &mut Buffer, dialog: &Dialog, theme: &Theme) {
    let ellipsis = theme.glyphs.ellipsis;
    let title = clip(&dialog.title, usize::from(area.width).saturating_sub(4), ellipsis);
    let inner = Frame::titled([Span::styled(title, theme.strong)]).draw(area, buf, theme);
    let margin = if inner.width > 30 { MARGIN as u16 } else { 0 };
    let inner = Rect { x: inner.x + margin, width: inner.width - 2 * margin, ..inner };
    let room = usize::from(inner.width);

    let mut lines: Vec<_> = dialog.facts.iter().map(|fact| Line::raw(clip(fact, room, ellipsis))).collect();
    if let Some(typed) = &dialog.typed {
        let typed = clip_start(typed, room.saturating_sub(3), ellipsis);
        let typing = vec![Span::raw("> "), Span::styled(typed, theme.strong), Span::styled(" ", theme.selected)];
        lines.extend([Line::default(), Line::from(typing)]);
    }
    let answers = answers(dialog, theme, room);
    // The answers are the last thing to be given up, the blank lines the first.
    let below = inner.height.min(answers.len() as u16);
    let above = Rect { height: inner.height - below, ..inner };
    let pad = usize::from(usize::from(above.height) > lines.len());
    for (line, row) in lines.into_iter().zip(above.rows().skip(pad)) {
        line.render(row, buf);
    }
    let below = Rect { y: above.bottom(), height: below, ..inner };
    for (line, row) in answers.into_iter().zip(below.rows()) {
        line.render(row, buf);
    }
}

/// The answers side by side, or, where there is no room for that, one below the other.
fn answers(dialog: &Dialog, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let style = |button: &Button| match (button.focused, dialog.armed) {
        (true, _) => theme.selected.add_modifier(Modifier::BOLD),
        (false, true) => theme.strong,
        (false, false) => theme.quiet,
    };
    let buttons = dialog.buttons.iter();
    let spans = buttons.map(|button| Span::styled(clip(&label(button), room, theme.glyphs.ellipsis), style(button)));
    if answers_width(dialog) > room {
        return spans.map(Line::from).collect();
    }
    let mut line = Line::default().right_aligned();
    for span in spans {
        if !line.spans.is_empty() {
            line.push_span(Span::raw("  "));
        }
        line.push_span(span);
    }
    vec![line]
}

fn answers_width(dialog: &Dialog) -> usize {
    dialog.buttons.iter().map(|button| width(&label(button)) + 2).sum::<usize>().saturating_sub(2)
}

/// The focused answer is bracketed, so that it stands out in any theme.
fn label(button: &Button) -> String {
    let Button { key, label, focused } = button;
    if *focused { format!("[{key} {label}]") } else { format!(" {key} {label} ") }
}
