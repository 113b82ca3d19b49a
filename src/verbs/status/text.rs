//! The table that `status` prints.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::balance::backend::BackendId;
use crate::balance::keel::Keel;
use crate::balance::snapshot::{BackendView, Override, Phase, PoolView, Snapshot};
use crate::telemetry::line::Escaped;
use crate::tui::view::condition;
use crate::tui::view::numbers::{clock, latency, percent, rate};
use crate::verbs::table::{Set, table};

/// Why there is no figure.
const NONE: &str = "-";

/// Checks of a backend that are shown.
const CHECKS: usize = 3;

/// All of a snapshot, as taken from an instance at `address`; of the backends `only` this one, with more about it.
pub(super) fn status(snapshot: &Snapshot, only: Option<&BackendId>, address: &str, zone: &TimeZone) -> String {
    let mut text = process(snapshot, address);
    for pool in &snapshot.pools {
        text.push('\n');
        text += &of_pool(pool);
        let backends = || pool.backends.iter().filter(|backend| only.is_none_or(|only| *only == backend.id));
        text += &table(&TITLES, &backends().map(row).collect::<Vec<_>>());
        for backend in backends().filter(|_| only.is_some()) {
            text += &details(backend, snapshot.at_unix_ms, zone);
        }
        for (what, set) in overrides(pool, only) {
            let _ = writeln!(text, "  {}: {}", Escaped(&what), Escaped(&terms(set, snapshot.at_unix_ms, zone)));
        }
    }
    text
}

fn process(snapshot: &Snapshot, address: &str) -> String {
    let Snapshot { version, uptime_ms, listen, connections, .. } = snapshot;
    let phase = match (snapshot.phase, snapshot.drain_left_ms) {
        (Phase::Starting, _) => "starting".to_owned(),
        (Phase::Serving, _) => "serving".to_owned(),
        (Phase::Draining, None) => "shutting down".to_owned(),
        (Phase::Draining, Some(ms)) => format!("shutting down, {} left", clock(ms)),
    };
    let (version, listen) = (Escaped(version), listen.join(", "));
    let up = clock(*uptime_ms);
    format!("evenkeel {version} at {address}: {phase} on {}, up {up}, {connections} connections\n", Escaped(&listen))
}

fn of_pool(pool: &PoolView) -> String {
    let PoolView { name, strategy, configured_strategy, in_flight, queued, rps, windows, .. } = pool;
    let configured =
        if strategy == configured_strategy { String::new() } else { format!(" (configured: {configured_strategy})") };
    let queued = if *queued == 0 { String::new() } else { format!(", {queued} waiting") };
    let open = if pool.failing_open { ", nobody eligible: trying all" } else { "" };
    let [now, ..] = windows;
    format!(
        "{}: {strategy}{configured}, {} of {} eligible{open}, {} r/s, {in_flight} in flight{queued}, p99 {}, err {} %, keel {}\n",
        Escaped(name),
        pool.eligible(),
        pool.backends.len(),
        rate(*rps),
        time(now.p99_us),
        percent(now.error_ratio()),
        keel(&pool.keel[0]),
    )
}

fn keel(Keel { deviation, backend, even }: &Keel) -> String {
    match backend {
        Some(backend) if !even => format!("{:+.1} % {}", deviation * 100.0, Escaped(backend)),
        _ => "even".to_owned(),
    }
}

const TITLES: [(&str, Set); 11] = [
    ("BACKEND", Set::Left),
    ("MODE", Set::Left),
    ("HEALTH", Set::Left),
    ("STATE", Set::Left),
    ("WEIGHT", Set::Right),
    ("FLIGHT", Set::Right),
    ("R/S", Set::Right),
    ("SHARE", Set::Right),
    ("FAIR", Set::Right),
    ("P99", Set::Right),
    ("ERR%", Set::Right),
];

fn row(backend: &BackendView) -> Vec<String> {
    let [now, ..] = &backend.windows;
    let health = if backend.checked { backend.health.word() } else { NONE };
    let state = condition::note(backend).unwrap_or_else(|| match backend.ramp_percent {
        100.. => "eligible".to_owned(),
        percent => format!("eligible, {percent} % of its weight"),
    });
    let changed = if backend.weight == backend.configured_weight { "" } else { "*" };
    let of_traffic = |figure: String| if now.requests == 0 { NONE.to_owned() } else { figure };
    vec![
        Escaped(&backend.id.backend).to_string(),
        backend.mode.to_string(),
        health.to_owned(),
        Escaped(&state).to_string(),
        format!("{}{changed}", backend.weight),
        backend.in_flight.to_string(),
        rate(backend.rps),
        percent(backend.share[0]),
        percent(backend.fair_share[0]),
        time(now.p99_us),
        of_traffic(percent(now.error_ratio())),
    ]
}

/// What there is to say of one backend.
fn details(backend: &BackendView, now: u64, zone: &TimeZone) -> String {
    let mut text = format!("  {}\n", Escaped(&backend.url));
    let _ = writeln!(text, "  {}", condition::sentence(backend));
    let _ = writeln!(text, "  {}", condition::health(backend));
    for check in backend.checks.iter().take(CHECKS) {
        let _ = writeln!(text, "    {} {}", when(check.at_unix_ms, now, zone), Escaped(&check.detail));
    }
    for (failure, times) in &backend.failures {
        let _ = writeln!(text, "  {} (x{times})", Escaped(failure));
    }
    text
}

fn time(us: Option<u64>) -> String {
    us.map_or_else(|| NONE.to_owned(), latency)
}

/// What an operator has set in a pool, each with what is set.
fn overrides<'a>(pool: &'a PoolView, only: Option<&BackendId>) -> impl Iterator<Item = (String, &'a Override)> {
    let strategy = pool.strategy_override.iter().map(|set| (format!("strategy {}", pool.strategy), set));
    let backends = pool.backends.iter().filter(move |backend| only.is_none_or(|only| *only == backend.id));
    let backends = backends.flat_map(|backend| {
        let mode = backend.mode_override.iter().map(|set| (format!("{} {}", backend.id.backend, backend.mode), set));
        let weight = backend.weight_override.iter().map(|set| (format!("{} weight {}", backend.id.backend, backend.weight), set));
        mode.chain(weight)
    });
    strategy.chain(backends)
}

/// `by cli:alice since 14:02:31, until 14:12:31 (8:00 left): deploy`
fn terms(Override { by, at_unix_ms, reason, until_unix_ms }: &Override, now: u64, zone: &TimeZone) -> String {
    let mut text = format!("by {by} since {}", when(*at_unix_ms, now, zone));
    if let Some(until) = until_unix_ms {
        let _ = write!(text, ", until {} ({} left)", when(*until, now, zone), clock(until.saturating_sub(now)));
    }
    if let Some(reason) = reason {
        let _ = write!(text, ": {reason}");
    }
    text
}

/// The time of day, with the date unless it is today's.
fn when(at_unix_ms: u64, now: u64, zone: &TimeZone) -> String {
    let at = |ms: u64| {
        let at = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::MAX);
        at.to_zoned(zone.clone())
    };
    let (at, now) = (at(at_unix_ms), at(now));
    let format = if at.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    at.strftime(format).to_string()
}
