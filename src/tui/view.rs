//! Draws the state: pure, from top left to bottom right. Am I serving? Who is serving? Is it even? What happened?
//!
//! Every figure comes from the snapshot, every foreign word goes through [`super::safe`], and no state is told by colour
//! alone.

mod backends;
mod bars;
mod columns;
pub(crate) mod condition;
mod details;
mod distribution;
mod events;
mod footer;
mod frame;
mod header;
mod help;
mod log;
pub(crate) mod numbers;
mod overrides;
mod palette;
mod picker;
mod provenance;
mod question;
mod reload;
mod scroll;
mod strip;
#[cfg(test)]
mod tests;
mod throughput;
mod why;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use self::frame::Frame;
use super::dialog::{self, UNDO_HINT};
use super::layout::{self, Class, Layout};
use super::safe::{self, clip};
use super::state::{Overlay, Panel, State};
use super::theme::Theme;

/// The panels that share one place where there is little.
const LOWER: [Panel; 3] = [Panel::Distribution, Panel::Throughput, Panel::Events];

/// Draws everything, for the size that the frame has.
pub fn draw(frame: &mut ratatui::Frame<'_>, state: &State, theme: &Theme) {
    let area = frame.area();
    let plan = layout::plan(area.width, area.height, state.pool().map_or(0, |pool| pool.backends.len()));
    let buf = frame.buffer_mut();
    panels(&plan, buf, state, theme);
    if state.fleet.stale_since().is_some() {
        // Old figures must not pass for those of now.
        let below = Rect { y: area.y + plan.header.height.min(1), height: area.height - plan.header.height.min(1), ..area };
        buf.set_style(below, Modifier::DIM);
    }
    let in_footer = footer::draw(plan.footer, buf, state, theme);
    // What lies on the whole screen leaves the footer, and the passing message, in sight.
    let on_top = overlay(area, &plan, buf, state, theme);
    toast(layout::toast(area.width, area.height), &plan, buf, state, theme);
    if theme.is_ascii() {
        to_ascii(buf);
    }
    let cursor = match state.overlay {
        Overlay::None | Overlay::Log { .. } => in_footer,
        _ => on_top,
    };
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// How far help or details may scroll in a terminal of the state's size.
pub fn max_scroll(state: &State) -> usize {
    let theme = Theme::default();
    let (width, height) = state.size;
    let area = Rect::new(0, 0, width, height);
    let plan = layout::plan(width, height, 0);
    let inner = |place: Rect| (usize::from(place.width.saturating_sub(2)), place.height.saturating_sub(2));
    let (lines, height) = match &state.overlay {
        Overlay::Help { .. } => {
            let (width, height) = inner(help_place(area));
            (help::lines(&theme, width).len(), height)
        }
        Overlay::Details { .. } => {
            let (width, height) = inner(details_place(area, &plan));
            (state.subject().map_or(0, |backend| details::lines(backend, state, &theme, width).len()), height)
        }
        Overlay::Reload(preview) => {
            let (width, height) = inner(reload_place(area));
            (reload::lines(preview, state, &theme, width).len(), height)
        }
        Overlay::Why { .. } => {
            let (width, height) = inner(why_place(area));
            (state.subject().map_or(0, |backend| why::lines(backend, state, &theme, width).len()), height)
        }
        _ => return 0,
    };
    scroll::most(lines, height)
}

/// The text of what lies on top, not escaped by line: `None` if that is no text.
pub fn plain(state: &State) -> Option<String> {
    /// Wide enough for nothing to be cut.
    const WIDTH: usize = 400;
    let theme = Theme::default();
    let lines = match &state.overlay {
        Overlay::Details { .. } => details::lines(state.subject()?, state, &theme, WIDTH),
        Overlay::Why { .. } => why::lines(state.subject()?, state, &theme, WIDTH),
        Overlay::Overrides { .. } => overrides::lines(state, &theme, WIDTH),
        _ => return None,
    };
    Some(lines.iter().map(|line| line.to_string().trim().to_owned()).collect::<Vec<_>>().join("\n"))
}

fn panels(plan: &Layout, buf: &mut Buffer, state: &State, theme: &Theme) {
    let framed = plan.class.is_framed();
    header::draw(plan.header, buf, state, theme, framed);
    backends::draw(plan.backends, buf, state, theme, plan.class);
    for (panel, area) in LOWER.into_iter().zip([plan.distribution, plan.throughput, plan.events]) {
        if framed && !area.is_empty() {
            let inner = Frame::panel(panel, state, theme).right(aside(panel, area, state, theme)).draw(area, buf, theme);
            content(panel, inner, buf, state, theme);
        } else if !area.is_empty() {
            content(panel, area, buf, state, theme);
        }
    }
    if !plan.tabs.is_empty() {
        let shown = state.lower;
        let inner =
            Frame::tabs(&LOWER, shown, state, theme).right(aside(shown, plan.tabs, state, theme)).draw(plan.tabs, buf, theme);
        content(shown, inner, buf, state, theme);
    }
    if !plan.details.is_empty() {
        details::draw(plan.details, buf, state, theme);
    }
}

fn aside(panel: Panel, area: Rect, state: &State, theme: &Theme) -> Line<'static> {
    match panel {
        Panel::Distribution => distribution::aside(state, theme),
        Panel::Throughput => throughput::aside(theme),
        Panel::Events | Panel::Backends => events::aside(state, area.height.saturating_sub(2), theme),
    }
}

fn content(panel: Panel, area: Rect, buf: &mut Buffer, state: &State, theme: &Theme) {
    match panel {
        Panel::Distribution => distribution::draw(area, buf, state, theme),
        Panel::Throughput => throughput::draw(area, buf, state, theme),
        Panel::Events | Panel::Backends => events::draw(area, buf, state, theme),
    }
}

/// Draws what lies on top; says where the cursor belongs if something is typed there.
fn overlay(area: Rect, plan: &Layout, buf: &mut Buffer, state: &State, theme: &Theme) -> Option<Position> {
    match &state.overlay {
        Overlay::None => {}
        Overlay::Help { scroll } => help::draw(lift(help_place(area), buf), buf, *scroll, theme),
        Overlay::Picker { pool, strategy } => {
            let place = centred(area, picker::WIDTH, picker::HEIGHT);
            picker::draw(lift(place, buf), buf, pool, *strategy, state, theme);
        }
        Overlay::Why { .. } => why::draw(lift(why_place(area), buf), buf, state, theme),
        Overlay::Overrides { at } => {
            let place =
                centred(area, overrides::WIDTH, overrides::height(state, theme).min(area.height.saturating_sub(4)).max(5));
            overrides::draw(lift(place, buf), buf, *at, state, theme);
        }
        Overlay::Log { at, filter } => {
            let place = Rect { height: area.height - plan.footer.height, ..area };
            log::draw(clear(place, buf), buf, (*at, filter), state, theme);
        }
        Overlay::Reload(preview) => reload::draw(lift(reload_place(area), buf), buf, preview, state, theme),
        Overlay::Palette(palette) => {
            let place = centred(area, palette::WIDTH, palette::HEIGHT);
            return palette::draw(lift(place, buf), buf, palette, state, theme);
        }
        Overlay::Details { .. } if plan.class == Class::Wide => {}
        Overlay::Details { .. } => details::draw(clear(details_place(area, plan), buf), buf, state, theme),
        Overlay::Confirm(_) | Overlay::TypeName(_) | Overlay::Quit { .. } => {
            if let Some(dialog) = dialog::describe(state) {
                let (width, height) = question::size(&dialog);
                question::draw(lift(centred(area, width, height), buf), buf, &dialog, theme);
            }
        }
    }
    None
}

fn reload_place(area: Rect) -> Rect {
    centred(area, reload::WIDTH, 24.min(area.height.saturating_sub(2)).max(area.height.min(8)))
}

fn why_place(area: Rect) -> Rect {
    centred(area, 90, 24.min(area.height.saturating_sub(2)).max(area.height.min(8)))
}

fn help_place(area: Rect) -> Rect {
    centred(area, 124, area.height.saturating_sub(2).max(area.height.min(8)))
}

/// On the right, below the header: the row that it is about stays in sight.
fn details_place(area: Rect, plan: &Layout) -> Rect {
    match plan.class {
        Class::Wide => plan.details,
        Class::Line | Class::Pocket => area,
        Class::Compact | Class::Full => {
            let width = area.width.min(64);
            let height = area.height.saturating_sub(plan.header.height + plan.footer.height);
            Rect { x: area.right() - width, y: plan.header.bottom(), width, height }
        }
    }
}

fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// Makes room for something that asks for all attention: dims what is around it, and leaves a blank at either side.
fn lift(place: Rect, buf: &mut Buffer) -> Rect {
    buf.set_style(buf.area, Modifier::DIM);
    let margin = Rect { x: place.x.saturating_sub(1), width: place.width.saturating_add(2), ..place };
    clear(margin.intersection(buf.area), buf);
    place
}

fn clear(place: Rect, buf: &mut Buffer) -> Rect {
    Clear.render(place, buf);
    place
}

/// The passing message, on the frame above the keys, where it hides nothing; without frames, instead of the last line.
fn toast(area: Rect, plan: &Layout, buf: &mut Buffer, state: &State, theme: &Theme) {
    let Some(toast) = &state.toast else { return };
    let x = if plan.class.is_framed() { area.width.min(2) } else { 0 };
    if x == 0 {
        clear(area, buf);
    }
    let area = Rect { x: area.x + x, width: area.width - x, ..area };
    let room = usize::from(area.width.saturating_sub(4 + x));
    let glyph = theme.severity_glyph(toast.severity);
    let text = format!(" {glyph} {} ", brief(&toast.text, room, theme.glyphs.ellipsis));
    let style = theme.badge.patch(theme.severity(toast.severity)).remove_modifier(Modifier::DIM);
    Line::from(Span::styled(text, style)).render(area, buf);
}

/// As many clauses of a message as fit, with the hint how to take back what was done.
fn brief(text: &str, room: usize, ellipsis: char) -> String {
    let (body, hint) = text.strip_suffix(UNDO_HINT).map_or((text, ""), |body| (body, UNDO_HINT));
    let hint = if room > 2 * hint.len() { hint } else { "" };
    let room = room - hint.len();
    let mut clauses = body.match_indices([',', ';', ':']).map(|(end, _)| &body[..end]).chain([body]).rev();
    let fits = clauses.find(|clauses| safe::width(clauses) <= room).unwrap_or(body);
    clip(fits, room, ellipsis) + hint
}

/// The last gate where only ASCII may be printed: names may hold anything.
fn to_ascii(buf: &mut Buffer) {
    for cell in &mut buf.content {
        if !cell.symbol().is_ascii() {
            cell.set_symbol("?");
        }
    }
}
