//! A backend's condition in a glyph, a style and a few words. Mode and health stay apart; this is what follows from both.

use ratatui::style::Style;

use super::numbers::clock;
use crate::balance::backend::{Eligibility, Mode, Verdict};
use crate::balance::snapshot::{BackendView, Override};
use crate::tui::theme::Theme;

/// The glyph at the start of a backend's row.
pub(super) fn glyph(eligibility: Eligibility, theme: &Theme) -> (char, Style) {
    let glyphs = theme.glyphs;
    match eligibility {
        Eligibility::Eligible => (glyphs.serving, theme.up),
        Eligibility::Draining => (glyphs.draining, theme.drain),
        Eligibility::Unhealthy | Eligibility::Ejected => (glyphs.failing, theme.fail),
        Eligibility::Down | Eligibility::NoWeight => (glyphs.off, theme.quiet),
        Eligibility::OnTrial | Eligibility::AwaitingFirstCheck => (glyphs.waiting, theme.drain),
    }
}

/// The style of a mode.
pub(super) fn mode(mode: Mode, theme: &Theme) -> Style {
    match mode {
        Mode::Up => theme.up,
        Mode::Drain => theme.drain,
        Mode::Down => theme.quiet,
    }
}

/// The style of an error ratio: none, some, or at least one in a hundred.
pub(super) fn errors(ratio: f64, theme: &Theme) -> Style {
    match ratio {
        r if r >= 0.01 => theme.fail,
        r if r > 0.0 => theme.drain,
        _ => Style::new(),
    }
}

/// One word, for counting backends by condition.
pub(super) fn word(eligibility: Eligibility) -> &'static str {
    match eligibility {
        Eligibility::Eligible => "eligible",
        Eligibility::OnTrial => "on trial",
        Eligibility::Draining => "draining",
        Eligibility::Down => "down",
        Eligibility::NoWeight => "without weight",
        Eligibility::Unhealthy => "unhealthy",
        Eligibility::AwaitingFirstCheck => "unchecked",
        Eligibility::Ejected => "ejected",
    }
}

/// Why a backend gets no share, or what is special about it: `17 left`, `ejected 0:23`, the reason of the last check.
pub(crate) fn note(backend: &BackendView) -> Option<String> {
    let left = backend.in_flight;
    Some(match backend.eligibility {
        Eligibility::Draining | Eligibility::Down if left > 0 => format!("{left} left"),
        Eligibility::Draining => "drained".to_owned(),
        Eligibility::Down => "off".to_owned(),
        Eligibility::NoWeight => "weight 0".to_owned(),
        Eligibility::Unhealthy => backend.checks.first().map_or_else(|| "unhealthy".to_owned(), |check| check.detail.clone()),
        Eligibility::AwaitingFirstCheck => "first check".to_owned(),
        Eligibility::Ejected => match backend.ejected_for_ms {
            Some(ms) => format!("ejected {}", clock(ms)),
            None => "ejected".to_owned(),
        },
        Eligibility::OnTrial => "on trial".to_owned(),
        Eligibility::Eligible if backend.backup && backend.rps == 0.0 => "backup".to_owned(),
        Eligibility::Eligible => return None,
    })
}

/// The streak of the checks: `✓128` passed in a row, `✗2/3` one more makes it unhealthy, `✓1/2` one more makes it healthy,
/// `✗14` failed in a row, `?` not checked yet, `-` without checks.
pub(super) fn streak(backend: &BackendView, theme: &Theme) -> (String, Style) {
    let glyphs = theme.glyphs;
    let BackendView { streak, rise, fall, .. } = *backend;
    match (backend.health, backend.last_check_passed) {
        _ if !backend.checked => ("-".to_owned(), theme.quiet),
        _ if streak == 0 => ("?".to_owned(), theme.drain),
        (Verdict::Healthy, true) => (format!("{}{}", glyphs.passed, short(streak)), Style::new()),
        (Verdict::Healthy | Verdict::Unknown, false) => (format!("{}{streak}/{fall}", glyphs.failed), theme.drain),
        (Verdict::Unhealthy | Verdict::Unknown, true) => (format!("{}{streak}/{rise}", glyphs.passed), theme.drain),
        (Verdict::Unhealthy, false) => (format!("{}{}", glyphs.failed, short(streak)), theme.fail),
    }
}

/// What the operator said about a backend that is out: that it goes down, when it comes back, and why:
/// `, then down 9:12: deploy`.
pub(super) fn terms(backend: &BackendView, now_unix_ms: u64) -> String {
    let then = if backend.mode == Mode::Drain && backend.drain.is_some_and(|drain| drain.then_down) { ", then down" } else { "" };
    let Some(Override { reason, until_unix_ms, .. }) = backend.mode_override.as_ref() else { return then.to_owned() };
    let until = until_unix_ms.map(|until| format!(" {}", clock(until.saturating_sub(now_unix_ms)))).unwrap_or_default();
    let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    [then, &until, &reason].concat()
}

fn short(streak: u32) -> String {
    if streak < 10_000 { streak.to_string() } else { format!("{}k", streak / 1_000) }
}

/// How a drain comes along, for the details: `oldest request 0:12, empty in about 0:04, down in 0:42 at the latest, what runs then
/// is cut`. Empty when nothing drains.
pub(crate) fn drain(backend: &BackendView, now_unix_ms: u64) -> String {
    let Some(drain) = backend.drain.filter(|_| backend.mode != Mode::Up) else { return String::new() };
    let busy = backend.in_flight > 0;
    let deadline = drain.deadline_unix_ms.map(|at| clock(at.saturating_sub(now_unix_ms)));
    let parts = [
        backend.oldest_ms.filter(|_| busy).map(|ms| format!("oldest request {}", clock(ms))),
        drain.eta_ms.filter(|_| busy).map(|ms| format!("empty in about {}", clock(ms))),
        drain.then_down.then(|| match deadline {
            Some(left) => format!("down in {left} at the latest"),
            None => "down when it is empty".to_owned(),
        }),
        drain.cut.then(|| "what runs then is cut".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The whole truth in a sentence, for the details.
pub(crate) fn sentence(backend: &BackendView) -> String {
    match backend.eligibility {
        Eligibility::Eligible if backend.ramp_percent < 100 => {
            format!("takes requests, {} % of its weight so far", backend.ramp_percent)
        }
        Eligibility::Eligible if backend.backup => "takes requests when no other backend can".to_owned(),
        Eligibility::Eligible => "takes requests".to_owned(),
        Eligibility::OnTrial => "on trial: the next request decides whether its ejection is over".to_owned(),
        Eligibility::Draining if backend.in_flight == 0 => "drained: nothing in flight, takes nothing new".to_owned(),
        Eligibility::Draining => format!("draining: {} left, takes nothing new", backend.in_flight),
        Eligibility::Down if backend.in_flight == 0 => "off: switched down by the operator".to_owned(),
        Eligibility::Down => format!("off: switched down by the operator, {} left", backend.in_flight),
        Eligibility::NoWeight => "takes nothing new: its weight is 0".to_owned(),
        Eligibility::Unhealthy => "takes nothing new: its checks fail".to_owned(),
        Eligibility::AwaitingFirstCheck => "waits for its first check".to_owned(),
        Eligibility::Ejected => match backend.ejected_for_ms {
            Some(ms) => format!("ejected after failed requests, tried again in {}", clock(ms)),
            None => "ejected after failed requests".to_owned(),
        },
    }
}

/// What the checks say, in words.
pub(crate) fn health(backend: &BackendView) -> String {
    let BackendView { streak, rise, fall, .. } = *backend;
    match (backend.health, backend.last_check_passed) {
        _ if !backend.checked => "has no checks".to_owned(),
        _ if streak == 0 => "not checked yet".to_owned(),
        (Verdict::Healthy, true) if streak == 1 => "healthy, the last check passed".to_owned(),
        (Verdict::Unhealthy, false) if streak == 1 => "unhealthy, the last check failed".to_owned(),
        (Verdict::Healthy, true) => format!("healthy, {streak} checks passed in a row"),
        (Verdict::Healthy, false) => format!("healthy, but {streak} of {fall} checks failed"),
        (Verdict::Unhealthy, false) => format!("unhealthy, {streak} checks failed in a row"),
        (Verdict::Unhealthy, true) => format!("unhealthy, but {streak} of {rise} checks passed"),
        (Verdict::Unknown, passed) => {
            let (of, word) = if passed { (rise, "passed") } else { (fall, "failed") };
            format!("unknown, {streak} of {of} checks {word}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::snapshot::DrainView;
    use crate::tui::fixture;

    #[test]
    fn how_a_drain_comes_along() {
        let mut backend = fixture::state(1).live.pools[0].backends[0].clone();
        assert_eq!(drain(&backend, 1_000), "");
        fixture::set_mode(&mut backend, Mode::Drain);
        let view = DrainView {
            since_unix_ms: 0,
            began_with: 9,
            eta_ms: Some(4_000),
            then_down: false,
            deadline_unix_ms: None,
            cut: false,
        };
        backend.drain = Some(view);
        backend.oldest_ms = Some(12_000);
        assert_eq!(drain(&backend, 1_000), "", "there is nothing to wait for");
        backend.in_flight = 3;
        assert_eq!(drain(&backend, 1_000), "oldest request 0:12, empty in about 0:04");
        backend.drain = Some(DrainView { eta_ms: None, then_down: true, ..view });
        assert_eq!(drain(&backend, 1_000), "oldest request 0:12, down when it is empty");
        backend.drain = Some(DrainView { then_down: true, deadline_unix_ms: Some(43_000), cut: true, ..view });
        assert_eq!(
            drain(&backend, 1_000),
            "oldest request 0:12, empty in about 0:04, down in 0:42 at the latest, what runs then is cut"
        );
    }

    #[test]
    fn a_single_check_is_told_as_one() {
        let mut backend = fixture::backend("web", "api-1");
        (backend.streak, backend.checked) = (1, true);
        for (verdict, passed, told) in [
            (Verdict::Healthy, true, "healthy, the last check passed"),
            (Verdict::Unhealthy, false, "unhealthy, the last check failed"),
        ] {
            (backend.health, backend.last_check_passed) = (verdict, passed);
            assert_eq!(health(&backend), told);
        }
    }
}
