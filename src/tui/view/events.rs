//! Events: what happened?

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use crate::tui::events;
use crate::tui::fleet::Fleet;
use crate::tui::safe::clip;
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// How many events are newer than the lowest line of a panel of that height, for the title.
pub(super) fn aside(state: &State, height: u16, theme: &Theme) -> Line<'static> {
    match visible(state, height).1 {
        0 => Line::default(),
        n => Line::styled(format!("{n} new below"), theme.strong),
    }
}

/// The newest line at the bottom.
pub(super) fn draw(area: Rect, buf: &mut Buffer, state: &State, theme: &Theme) {
    let (lines, _) = visible(state, area.height);
    if lines.is_empty() {
        Line::styled(" nothing has happened yet", theme.quiet).render(area, buf);
    }
    for (line, row) in lines.into_iter().zip(area.rows()) {
        self::line(line, state, theme, row.width.into()).render(row, buf);
    }
}

/// The lines on the screen, and how many there are below. Scrolled up to the oldest ones, the panel is still full.
fn visible(state: &State, height: u16) -> (Vec<&events::Line>, usize) {
    let mut lines: Vec<_> = state.lines().rev().take(height.into()).collect();
    lines.reverse();
    let missing = if state.events_at.is_some() { usize::from(height) - lines.len() } else { 0 };
    let newest = state.frozen.as_ref().map_or(u64::MAX, |frozen| frozen.seq);
    let lowest = lines.last().map_or(0, |line| line.seq);
    let shown = lines.len();
    lines.extend(state.events.up_to(newest).skip_while(|line| line.seq <= lowest).take(missing));
    let below = state.unseen() - (lines.len() - shown);
    (lines, below)
}

pub(super) fn line(line: &events::Line, state: &State, theme: &Theme, width: usize) -> Line<'static> {
    let severity = line.event.severity();
    let time = format!(" {} ", time_of_day(line.at_unix_ms, &state.zone));
    let tag = if state.fleet.is_plural() { format!("{} ", Fleet::tag(line.from)) } else { String::new() };
    let glyph = format!("{tag}{} ", theme.severity_glyph(severity));
    let times = if line.times > 1 { format!(" (x{})", line.times) } else { String::new() };
    let room = width.saturating_sub(time.len() + tag.len() + 2 + times.len());
    let text = clip(&line.event.to_string(), room, theme.glyphs.ellipsis);
    Line::from(vec![
        Span::styled(time, theme.quiet),
        Span::styled(glyph, theme.severity(severity)),
        Span::raw(text),
        Span::styled(times, theme.quiet),
    ])
}

/// `14:02:31` in that zone.
pub(super) fn time_of_day(unix_ms: u64, zone: &TimeZone) -> String {
    let timestamp = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    match timestamp {
        Some(timestamp) => timestamp.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string(),
        None => "--:--:--".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_is_local_and_never_fails() {
        assert_eq!(time_of_day(1_761_920_551_000, &TimeZone::UTC), "14:22:31");
        assert_eq!(time_of_day(1_761_920_551_000, &TimeZone::fixed(jiff::tz::offset(2))), "16:22:31");
        assert_eq!(time_of_day(u64::MAX, &TimeZone::UTC), "--:--:--");
    }
}
