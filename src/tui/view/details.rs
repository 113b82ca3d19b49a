//! Details: everything about one backend.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::backends::modes;
use super::bars;
use super::condition;
use super::events::time_of_day;
use super::frame::Frame;
use super::numbers::{bytes, count, latency, percent, rate, window};
use super::provenance;
use super::scroll;
use crate::balance::snapshot::{BackendView, Override, WINDOWS};
use crate::tui::safe::{clip, clip_middle, width};
use crate::tui::state::{Overlay, State};
use crate::tui::theme::Theme;

/// Draws them, scrolled as far as the overlay says.
pub(super) fn draw(area: Rect, buf: &mut Buffer, state: &State, theme: &Theme) {
    let Some(backend) = state.subject() else {
        Frame::titled([Span::styled("no backend selected", theme.quiet)]).draw(area, buf, theme);
        return;
    };
    let title = clip_middle(&backend.id.to_string(), usize::from(area.width).saturating_sub(4), theme.glyphs.ellipsis);
    let mut frame = Frame::titled([Span::styled(title, theme.strong)]).quiet(true);
    let mut offset = 0;
    if let Overlay::Details { scroll, .. } = state.overlay {
        offset = scroll;
        frame = frame.quiet(false).bottom(Line::styled("j/k scroll   Esc close", theme.quiet));
    }
    let inner = frame.draw(area, buf, theme);
    scroll::draw(lines(backend, state, theme, inner.width.into()), offset, inner, buf);
}

/// The whole text, one blank wide on either side.
pub(super) fn lines(backend: &BackendView, state: &State, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let page = Page { theme, width: width.saturating_sub(2) };
    let mut lines = page.config(backend, state);
    lines.extend(page.instances(backend, state));
    lines.extend(page.traffic(backend, state.window));
    lines.extend(page.checks(backend, state));
    lines.extend(page.histogram(backend));
    lines.extend(page.failures(backend));
    lines
}

struct Page<'a> {
    theme: &'a Theme,
    width: usize,
}

impl Page<'_> {
    fn heading(&self, text: &str) -> [Line<'static>; 2] {
        [Line::default(), Line::styled(format!(" {}", clip(text, self.width, self.theme.glyphs.ellipsis)), self.theme.strong)]
    }

    fn field(&self, label: &str, value: &str, aside: &str) -> Line<'static> {
        let ellipsis = self.theme.glyphs.ellipsis;
        let value = clip(value, self.width.saturating_sub(12), ellipsis);
        let left = self.width.saturating_sub(14 + width(&value));
        Line::from(vec![
            Span::styled(format!(" {label:<12}"), self.theme.quiet),
            Span::raw(value),
            Span::styled(format!("  {}", clip(aside, left, ellipsis)), self.theme.quiet),
        ])
    }

    fn config(&self, backend: &BackendView, state: &State) -> Vec<Line<'static>> {
        let (glyph, style) = condition::glyph(backend.eligibility, self.theme);
        let sentence = clip(&condition::sentence(backend), self.width.saturating_sub(2), self.theme.glyphs.ellipsis);
        let configured = backend.configured_weight;
        let told = |terms: &Option<Override>| terms.as_ref().map(|terms| provenance::told(terms, state));
        let weight = if backend.weight == configured { String::new() } else { format!("configured {configured}") };
        let weight = [Some(weight), told(&backend.weight_override)].into_iter().flatten().filter(|text| !text.is_empty());
        let weight = weight.collect::<Vec<_>>().join(", ");
        let mode = told(&backend.mode_override).unwrap_or_else(|| if backend.backup { "backup" } else { "" }.to_owned());
        let cap = backend.max_in_flight.map(|most| format!("of at most {most}")).unwrap_or_default();
        let plural = if backend.requests_total == 1 { "" } else { "s" };
        let since_start = format!("{} request{plural} since the start", count(backend.requests_total));
        let drain = condition::drain(backend, state.shown().at_unix_ms);
        let drain = (!drain.is_empty()).then(|| self.field("drain", &drain, ""));
        let head = vec![
            Line::from(vec![Span::styled(format!(" {glyph} "), style), Span::styled(sentence, style)]),
            Line::default(),
            self.field("address", &backend.url, ""),
            self.field("mode", &modes(backend, state, self.theme), &mode),
        ];
        let rest = [
            self.field("health", &condition::health(backend), ""),
            self.field("weight", &backend.weight.to_string(), &weight),
            self.field("in flight", &count(backend.in_flight.into()), &cap),
            self.field("r/s", &rate(backend.rps), &since_start),
        ];
        head.into_iter().chain(drain).chain(rest).collect()
    }

    /// How it is at each instance, where there are several.
    fn instances(&self, backend: &BackendView, state: &State) -> Vec<Line<'static>> {
        let instances = provenance::by_instance(state, backend);
        if instances.is_empty() {
            return Vec::new();
        }
        let mut lines = self.heading("Instances").to_vec();
        lines.extend(instances.into_iter().map(|(instance, there)| {
            let there = there.map_or_else(
                || "not there, or no answer".to_owned(),
                |b| format!("{}  {}  {} in flight  {} r/s", b.mode, b.health, b.in_flight, rate(b.rps)),
            );
            let instance = clip(&instance, 24, self.theme.glyphs.ellipsis);
            let room = self.width.saturating_sub(width(&instance) + 2);
            Line::from(vec![
                Span::styled(format!(" {instance}  "), self.theme.quiet),
                Span::raw(clip(&there, room, self.theme.glyphs.ellipsis)),
            ])
        }));
        lines
    }

    fn traffic(&self, backend: &BackendView, at: usize) -> Vec<Line<'static>> {
        let traffic = &backend.windows[at];
        let [p50, p90, p99] =
            [traffic.p50_us, traffic.p90_us, traffic.p99_us].map(|us| us.map_or_else(|| "-".to_owned(), latency));
        let of = format!("{} of {}", count(traffic.errors), count(traffic.requests));
        let fair = format!("fair {}%", percent(backend.fair_share[at]));
        let mut lines = self.heading(&format!("Last {}", window(WINDOWS[at]))).to_vec();
        lines.extend([
            self.field("share", &format!("{}%", percent(backend.share[at])), &fair),
            self.field("latency", &format!("p50 {p50}  p90 {p90}  p99 {p99}"), ""),
            self.field("errors", &format!("{}%", percent(traffic.error_ratio())), &of),
            self.field("retries", &count(traffic.retries), ""),
            self.field("left early", &count(traffic.cancelled), ""),
            self.field("data", &format!("{} in, {} out", bytes(traffic.bytes_in), bytes(traffic.bytes_out)), ""),
        ]);
        lines
    }

    fn checks(&self, backend: &BackendView, state: &State) -> Vec<Line<'static>> {
        if backend.checks.is_empty() {
            return Vec::new();
        }
        let glyphs = self.theme.glyphs;
        let mut lines = self.heading(&format!("Last checks ({} to rise, {} to fall)", backend.rise, backend.fall)).to_vec();
        lines.extend(backend.checks.iter().map(|check| {
            let (glyph, style) = if check.passed { (glyphs.passed, Style::new()) } else { (glyphs.failed, self.theme.fail) };
            let detail = clip(&check.detail, self.width.saturating_sub(11), glyphs.ellipsis);
            Line::from(vec![
                Span::styled(format!(" {} ", time_of_day(check.at_unix_ms, &state.zone)), self.theme.quiet),
                Span::styled(format!("{glyph} "), style),
                Span::styled(detail, style),
            ])
        }));
        lines
    }

    fn histogram(&self, backend: &BackendView) -> Vec<Line<'static>> {
        let bands = bands(&backend.histogram);
        let Some(most) = bands.iter().map(|(_, n)| *n).max() else { return Vec::new() };
        let mut lines = self.heading(&format!("Latency, always over the last {}", window(WINDOWS[0]))).to_vec();
        lines.extend(bands.into_iter().map(|(below, n)| {
            let bar = bars::bar(n as f64 / most as f64, self.width.saturating_sub(16), self.theme.glyphs);
            Line::from(vec![
                Span::styled(format!(" < {:>6} ", latency(below)), self.theme.quiet),
                Span::styled(bar, self.theme.bar),
                Span::raw(format!(" {:>5}", count(n))),
            ])
        }));
        lines
    }

    fn failures(&self, backend: &BackendView) -> Vec<Line<'static>> {
        if backend.failures.is_empty() {
            return Vec::new();
        }
        let mut lines = self.heading("Failures since the start").to_vec();
        lines.extend(backend.failures.iter().map(|(what, n)| {
            let what = clip(what, self.width.saturating_sub(7), self.theme.glyphs.ellipsis);
            Line::from(vec![Span::styled(format!(" {:>5}  ", count(*n)), self.theme.fail), Span::raw(what)])
        }));
        lines
    }
}

/// Latencies gathered into bands that end at 1, 2 and 5 times a power of ten microseconds, from the first that is not empty
/// to the last.
fn bands(histogram: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut ends = (2..9).flat_map(|power| [1, 2, 5].map(|step| step * 10_u64.pow(power)));
    let mut bands: Vec<(u64, u64)> = Vec::new();
    for (us, n) in histogram {
        while bands.last().is_none_or(|(end, _)| us >= end) {
            let Some(end) = ends.next() else { break };
            if !bands.is_empty() || *us < end {
                bands.push((end, 0));
            }
        }
        if let Some((_, sum)) = bands.last_mut() {
            *sum = sum.saturating_add(*n);
        }
    }
    bands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_gathered_into_bands_without_holes() {
        assert_eq!(bands(&[(1_100, 3), (1_900, 4), (2_000, 1), (11_000, 2)]), [(2_000, 7), (5_000, 1), (10_000, 0), (20_000, 2)]);
        assert_eq!(bands(&[(40, 1)]), [(100, 1)]);
        assert_eq!(bands(&[(u64::MAX, 1)]), []);
        assert_eq!(bands(&[]), []);
    }
}
