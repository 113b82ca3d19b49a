//! Dialogs: a question, the facts, the answers. The wording is [`crate::tui::dialog`]'s.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
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
    let buttons: usize = dialog.buttons.iter().map(|button| width(&label(button)) + 2).sum();
    let text = dialog.facts.iter().map(|fact| width(fact)).max().unwrap_or(0);
    let columns = text.max(buttons).max(width(&dialog.title) + 2).max(44) + 2 * MARGIN + 2;
    let rows = dialog.facts.len() + if dialog.typed.is_some() { 2 } else { 0 } + 5;
    (u16::try_from(columns).unwrap_or(u16::MAX), u16::try_from(rows).unwrap_or(u16::MAX))
}

pub(super) fn draw(area: Rect, buf: &mut Buffer, dialog: &Dialog, theme: &Theme) {
    let ellipsis = theme.glyphs.ellipsis;
    let title = clip(&dialog.title, usize::from(area.width).saturating_sub(4), ellipsis);
    let inner = Frame::titled([Span::styled(title, theme.strong)]).draw(area, buf, theme);
    let margin = (MARGIN as u16).min(inner.width / 8);
    let inner = Rect { x: inner.x + margin, width: inner.width - 2 * margin, ..inner };
    let room = usize::from(inner.width);

    let mut lines: Vec<_> = dialog.facts.iter().map(|fact| Line::raw(clip(fact, room, ellipsis))).collect();
    if let Some(typed) = &dialog.typed {
        let typed = clip_start(typed, room.saturating_sub(3), ellipsis);
        lines.extend([
            Line::default(),
            Line::from(vec![Span::raw("> "), Span::styled(typed, theme.strong), Span::styled(" ", theme.selected)]),
        ]);
    }
    // The answers are the last thing to be given up, the blank lines the first.
    let answers = inner.height.min(1);
    let above = Rect { height: inner.height - answers, ..inner };
    let pad = u16::from(usize::from(above.height) > lines.len());
    for (line, row) in lines.into_iter().zip(above.rows().skip(pad.into())) {
        line.render(row, buf);
    }
    let answers = Rect { y: above.bottom(), height: answers, ..inner };
    let lifted = above.height > dialog.facts.len() as u16 + 3;
    let answers = if lifted { Rect { y: answers.y - 1, ..answers } } else { answers };
    self::answers(dialog, theme, room).render(answers, buf);
}

fn answers(dialog: &Dialog, theme: &Theme, room: usize) -> Line<'static> {
    let mut spans = Vec::new();
    let mut left = room;
    for button in &dialog.buttons {
        let text = clip(&label(button), left, theme.glyphs.ellipsis);
        left = left.saturating_sub(width(&text) + 2);
        let style = match (button.focused, dialog.armed) {
            (true, _) => theme.selected.fg(Color::Reset).add_modifier(Modifier::BOLD),
            (false, true) => theme.strong,
            (false, false) => theme.quiet,
        };
        spans.extend([Span::styled(text, style), Span::raw("  ")]);
    }
    spans.pop();
    Line::from(spans).right_aligned()
}

/// The focused answer is bracketed, so that it stands out in any theme.
fn label(button: &Button) -> String {
    let Button { key, label, focused } = button;
    if *focused { format!("[ {key} {label} ]") } else { format!("  {key} {label}  ") }
}
