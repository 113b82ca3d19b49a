//! The list of whatever differs from the config.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::frame::Frame;
use super::help::wrap;
use super::provenance;
use crate::tui::overrides::{self, Overridden};
use crate::tui::safe::{self, clip, display_safe, fit, fit_middle};
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// Columns that it would like.
pub(super) const WIDTH: u16 = 112;

/// Rows that it would like.
pub(super) fn height(state: &State, theme: &Theme) -> u16 {
    let rows = overrides::list(&state.live).len().max(1) + problem(state, theme, WIDTH.into()).len();
    u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(4)
}

/// Why the config file as it is now is not in force, if so.
fn problem(state: &State, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let Some(config) = &state.live.config else { return Vec::new() };
    let Some(problem) = &config.problem else { return Vec::new() };
    let text = display_safe(&format!("not in force: {problem}")).into_owned();
    let mut lines: Vec<_> =
        wrap(&text, width.saturating_sub(2)).into_iter().map(|text| Line::styled(format!(" {text}"), theme.drain)).collect();
    lines.push(Line::default());
    lines
}

pub(super) fn draw(area: Rect, buf: &mut Buffer, at: usize, state: &State, theme: &Theme) {
    let list = overrides::list(&state.live);
    let inner = Frame::titled([Span::styled("Overrides", theme.strong)])
        .aside(Span::styled("what differs from the config", theme.quiet))
        .keys("C back to the config   Enter go there   Esc close", area, theme)
        .draw(area, buf, theme);
    let problem = problem(state, theme, inner.width.into());
    let above = (problem.len() as u16).min(inner.height);
    for (line, row) in problem.into_iter().zip(inner.rows()) {
        line.render(row, buf);
    }
    let inner = Rect { y: inner.y + above, height: inner.height - above, ..inner };
    if list.is_empty() {
        Line::styled(" no override: mode, weight and strategy are those of the config", theme.quiet).render(inner, buf);
        return;
    }
    let at = at.min(list.len() - 1);
    let room = usize::from(inner.height);
    let first = at.saturating_sub(room / 2).min(list.len().saturating_sub(room));
    let lines = lines(state, theme, inner.width.into()).into_iter().enumerate();
    for ((nth, line), row) in lines.skip(first).zip(inner.rows()) {
        line.render(row, buf);
        if nth == at {
            buf.set_style(row, theme.selected);
        }
    }
}

/// The whole list.
pub(super) fn lines(state: &State, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let list = overrides::list(&state.live);
    let widths = list.iter().map(|overridden| [&overridden.subject, &overridden.what].map(|text| safe::width(text)));
    let [subject, what] = widths.fold([0, 0], |[a, b], [c, d]| [a.max(c), b.max(d)]);
    let (subject, what) = (subject.min((width / 4).max(8)), what.min((width * 2 / 5).max(12)));
    list.iter().map(|overridden| line(overridden, [subject, what, width], state, theme)).collect()
}

/// `web/api-2  mode drain  by cli:alice since 14:02:11: deploy`, the latter as far as there is room.
fn line(overridden: &Overridden<'_>, [subject, what, width]: [usize; 3], state: &State, theme: &Theme) -> Line<'static> {
    let ellipsis = theme.glyphs.ellipsis;
    let whose = overridden.terms.map_or_else(|| "by an operator".to_owned(), |terms| provenance::told(terms, state));
    Line::from(vec![
        Span::styled(format!(" {}  ", fit_middle(&overridden.subject, subject, ellipsis)), theme.strong),
        Span::raw(fit(&overridden.what, what, ellipsis)),
        Span::styled(format!("  {}", clip(&whose, width.saturating_sub(subject + what + 6), ellipsis)), theme.quiet),
    ])
}
