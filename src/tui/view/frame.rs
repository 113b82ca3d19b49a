//! The frame around a panel, with its titles.

use ratatui::buffer::Buffer;
use ratatui::layout::{HorizontalAlignment, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

use crate::tui::state::{Overlay, Panel, State};
use crate::tui::theme::Theme;

/// See the module. Titles must be escaped already.
pub(super) struct Frame {
    title: Vec<Span<'static>>,
    right: Line<'static>,
    bottom: Line<'static>,
    quiet: bool,
}

impl Frame {
    /// The frame of one of the numbered panels; quiet unless the panel has the focus.
    pub(super) fn panel(panel: Panel, state: &State, theme: &Theme) -> Self {
        let quiet = state.panel != panel || state.overlay != Overlay::None;
        Self { quiet, ..Self::titled(tab(panel, !quiet, theme)) }
    }

    /// The frame around whichever of these panels is shown, with a tab for each.
    pub(super) fn tabs(panels: &[Panel], shown: Panel, state: &State, theme: &Theme) -> Self {
        let mut title = Vec::new();
        for panel in panels {
            if !title.is_empty() {
                title.push(Span::styled(format!(" {} ", theme.glyphs.divider), theme.quiet));
            }
            title.extend(tab(*panel, *panel == shown, theme));
        }
        Self { quiet: state.panel != shown || state.overlay != Overlay::None, ..Self::titled(title) }
    }

    /// A frame with a title of its own.
    pub(super) fn titled(title: impl Into<Vec<Span<'static>>>) -> Self {
        Self { title: title.into(), right: Line::default(), bottom: Line::default(), quiet: false }
    }

    /// Does not ask for attention.
    pub(super) fn quiet(self, quiet: bool) -> Self {
        Self { quiet, ..self }
    }

    /// Says something next to the title.
    pub(super) fn aside(mut self, text: Span<'static>) -> Self {
        self.title.extend([Span::raw("  "), text]);
        self
    }

    /// Says something at the right end of the top.
    pub(super) fn right(self, right: Line<'static>) -> Self {
        Self { right, ..self }
    }

    /// Says something at the right end of the bottom.
    pub(super) fn bottom(self, bottom: Line<'static>) -> Self {
        Self { bottom, ..self }
    }

    /// Names its keys at the right end of the bottom, in a frame of this size as many of the last ones as fit.
    pub(super) fn keys(self, keys: &str, area: Rect, theme: &Theme) -> Self {
        let room = usize::from(area.width).saturating_sub(6);
        let mut fitting = std::iter::successors(Some(keys), |keys| Some(keys.split_once("   ")?.1));
        let keys = fitting.find(|keys| keys.len() <= room).unwrap_or_default();
        self.bottom(Line::styled(keys.to_owned(), theme.quiet))
    }

    /// Draws it and gives back what is inside.
    pub(super) fn draw(self, area: Rect, buf: &mut Buffer, theme: &Theme) -> Rect {
        let block = Block::bordered()
            .border_set(theme.glyphs.border)
            .border_style(if self.quiet { theme.quiet } else { Style::new() })
            .title_style(Style::new().remove_modifier(Modifier::DIM))
            .title_top(padded(Line::from(self.title)))
            .title_top(padded(self.right).alignment(HorizontalAlignment::Right))
            .title_bottom(padded(self.bottom).alignment(HorizontalAlignment::Right));
        let inner = block.inner(area);
        block.render(area, buf);
        inner
    }
}

fn tab(panel: Panel, is_shown: bool, theme: &Theme) -> Vec<Span<'static>> {
    let number = Panel::ALL.iter().position(|other| *other == panel).map_or(0, |at| at + 1);
    let style = if is_shown { theme.strong } else { Style::new() };
    vec![Span::styled(format!("{number} "), theme.quiet), Span::styled(panel.title(), style)]
}

fn padded(mut line: Line<'static>) -> Line<'static> {
    if !line.spans.is_empty() {
        line.spans.insert(0, Span::raw(" "));
        line.spans.push(Span::raw(" "));
    }
    line
}
