//! How things are now: plain, serialisable data that dashboard and API read alike. No behaviour beyond small look-ups.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Millis;
use super::backend::{BackendId, Eligibility, Mode, Verdict};
use super::keel::Keel;
use super::strategy::StrategyKind;
use super::totals::{Deeds, Totals};

/// What the process is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Not accepting yet.
    #[default]
    Starting,
    /// Accepting.
    Serving,
    /// Finishing what is in flight; accepts nothing new.
    Draining,
}

/// The windows that figures are given for, in seconds.
pub const WINDOWS: [u64; 3] = [60, 300, 900];

/// Seconds of history per backend and pool.
pub const HISTORY: usize = 60;

/// Everything the dashboard shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Version of evenkeel.
    pub version: String,
    /// When this was taken, milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// When the process started, milliseconds since the Unix epoch.
    #[serde(default)]
    pub started_unix_ms: u64,
    /// Milliseconds since the process started.
    pub uptime_ms: Millis,
    /// What the process is doing.
    pub phase: Phase,
    /// While draining: milliseconds until what is left is cut.
    pub drain_left_ms: Option<u64>,
    /// Addresses that take traffic.
    pub listen: Vec<String>,
    /// Data-plane threads.
    pub workers: usize,
    /// Open client connections.
    pub connections: u64,
    /// Client connections accepted since the start.
    pub connections_total: u64,
    /// Events that slow subscribers have lost since the start.
    pub events_dropped: u64,
    /// Lines that the access log has lost since the start.
    #[serde(default)]
    pub log_lines_lost: u64,
    /// Answers that evenkeel gave itself since the start before a pool was found: cause in words, count. Only those that
    /// happened.
    #[serde(default)]
    pub own_answers: Vec<(String, u64)>,
    /// The config file, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigState>,
    /// What has been done with the process since the start. Told as metrics only.
    #[serde(skip)]
    pub deeds: Deeds,
    /// The pools, in the order of the config.
    pub pools: Vec<PoolView>,
}

/// How the config file stands to what runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigState {
    /// The file.
    pub file: String,
    /// Since when what runs is what was read there, milliseconds since the Unix epoch.
    pub loaded_at_unix_ms: u64,
    /// Why what runs is not what the file says by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Traffic over a window (for a pool: of all its backends; `errors` then includes answers evenkeel gave itself).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// Seconds the figures really cover (less than the window after a start).
    pub seconds: f64,
    /// Finished requests.
    pub requests: u64,
    /// Answers by class, 1xx to 5xx.
    pub classes: [u64; 5],
    /// 5xx answers and failures.
    pub errors: u64,
    /// Requests whose client left first.
    pub cancelled: u64,
    /// Attempts that were retries.
    pub retries: u64,
    /// Request body bytes.
    pub bytes_in: u64,
    /// Answer body bytes.
    pub bytes_out: u64,
    /// Median latency in microseconds, to the last byte; `None` without requests.
    pub p50_us: Option<u64>,
    /// 90th percentile.
    pub p90_us: Option<u64>,
    /// 99th percentile.
    pub p99_us: Option<u64>,
}

impl Traffic {
    /// Errors per finished request, 0..=1.
    pub fn error_ratio(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { (self.errors as f64 / self.requests as f64).min(1.0) }
    }
}

/// One second of traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Finished requests.
    pub requests: u32,
    /// Errors among them.
    pub errors: u32,
    /// Median latency in microseconds, 0 without requests.
    pub p50_us: u32,
    /// 99th percentile in microseconds, 0 without requests.
    pub p99_us: u32,
}

/// What an operator has set in place of what the config says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Who, or what: `dashboard`, `cli:alice`.
    pub by: String,
    /// Since when, milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// Why, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    /// Until when, milliseconds since the Unix epoch; `None` = until it is changed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_unix_ms: Option<u64>,
}

/// How a backend empties, or has emptied, after the operator took it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainView {
    /// Since when, milliseconds since the Unix epoch.
    pub since_unix_ms: u64,
    /// Requests in flight when it began.
    pub began_with: u32,
    /// Milliseconds until it is empty if requests go on ending at this pace; 0 once it is, `None` while none has ended.
    pub eta_ms: Option<u64>,
    /// Whether it goes down by itself: when it is empty, and at the deadline at the latest.
    pub then_down: bool,
    /// When it goes down even with requests in flight, milliseconds since the Unix epoch.
    pub deadline_unix_ms: Option<u64>,
    /// Whether those requests are cut then.
    pub cut: bool,
}

/// One pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PoolView {
    /// Its name.
    pub name: Arc<str>,
    /// Host patterns; empty for the default pool.
    pub hosts: Vec<String>,
    /// Path prefix.
    pub path_prefix: String,
    /// Strategy in force.
    pub strategy: StrategyKind,
    /// Strategy of the config.
    pub configured_strategy: StrategyKind,
    /// Whose doing it is that the two differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy_override: Option<Override>,
    /// Requests in flight.
    pub in_flight: u32,
    /// Requests waiting for a backend with room.
    pub queued: u32,
    /// Finished requests per second, over the last 5 s.
    pub rps: f64,
    /// Whether `all_down: open` is in effect: nobody is eligible and all are tried.
    pub failing_open: bool,
    /// Figures for each of [`WINDOWS`].
    pub windows: [Traffic; 3],
    /// How even the load lies, for each of [`WINDOWS`].
    pub keel: [Keel; 3],
    /// Answers that evenkeel gave itself since the start once this pool was found: cause in words, count. Only those that happened.
    pub own_answers: Vec<(String, u64)>,
    /// The last [`HISTORY`] seconds, oldest first; shorter after a start.
    pub history: Vec<Second>,
    /// Its backends, in the order of the config.
    pub backends: Vec<BackendView>,
}

impl PoolView {
    /// How many backends may take requests.
    pub fn eligible(&self) -> usize {
        self.backends.iter().filter(|b| b.eligibility.is_eligible()).count()
    }
}

/// One health check's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// When, milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// Whether it passed.
    pub passed: bool,
    /// In words: `200 in 3 ms`, `refused`, `timeout after 1s`, `503, want 200-399`.
    pub detail: String,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// The first bytes of the body that came with a wrong status, escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// One backend.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackendView {
    /// `POOL/BACKEND`.
    pub id: BackendId,
    /// `http://host:port`.
    pub url: String,
    /// What the operator wants.
    pub mode: Mode,
    /// Whose doing it is that the mode is not `up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode_override: Option<Override>,
    /// What the checks say.
    pub health: Verdict,
    /// Whether it has checks at all.
    pub checked: bool,
    /// Checks in a row with the same result as the last one.
    pub streak: u32,
    /// Whether the last check passed.
    pub last_check_passed: bool,
    /// Passed checks in a row that make it healthy.
    pub rise: u32,
    /// Failed checks in a row that make it unhealthy.
    pub fall: u32,
    /// The last checks, newest first, at most 10.
    pub checks: Vec<CheckResult>,
    /// May it take a request, and if not, why not.
    pub eligibility: Eligibility,
    /// While ejected: milliseconds until it is tried again.
    pub ejected_for_ms: Option<u64>,
    /// Weight in force.
    pub weight: u32,
    /// Weight of the config.
    pub configured_weight: u32,
    /// Whose doing it is that the two differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_override: Option<Override>,
    /// Slow start: percent of its weight that counts now (100 = all).
    pub ramp_percent: u32,
    /// Takes traffic only when the others cannot.
    pub backup: bool,
    /// Cap on `in_flight`.
    pub max_in_flight: Option<u32>,
    /// Requests being served.
    pub in_flight: u32,
    /// How long the oldest of them has been running, in milliseconds, to about a second.
    #[serde(default)]
    pub oldest_ms: Option<u64>,
    /// While the mode is not `up`: how it empties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<DrainView>,
    /// Finished requests per second, over the last 5 s.
    pub rps: f64,
    /// Requests it has ever been given.
    pub requests_total: u64,
    /// What it has done since the start. Told as metrics only.
    #[serde(skip)]
    pub totals: Totals,
    /// Failures since the start: in words, count. Only those that happened.
    pub failures: Vec<(String, u64)>,
    /// Share of the pool's requests in each of [`WINDOWS`], 0..=1.
    pub share: [f64; 3],
    /// The share its weight asks for over the same time, 0..=1; what was not eligible was not owed anything.
    pub fair_share: [f64; 3],
    /// Figures for each of [`WINDOWS`].
    pub windows: [Traffic; 3],
    /// Latency over the first window as (microseconds, count) per bucket that is not empty.
    pub histogram: Vec<(u64, u64)>,
    /// The last [`HISTORY`] seconds, oldest first; shorter after a start.
    pub history: Vec<Second>,
}

impl Snapshot {
    /// Looks a backend up.
    pub fn backend(&self, id: &BackendId) -> Option<&BackendView> {
        self.pools.iter().find(|p| p.name == id.pool)?.backends.iter().find(|b| b.id == *id)
    }
}
