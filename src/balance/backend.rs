//! One upstream server: what the config says ([`Spec`]) and what is live ([`Live`]).
//!
//! Operator intent ([`Mode`]), check verdict ([`Verdict`]) and passive ejection are separate axes and each has one
//! writer. What follows from them is decided once, in [`Backend::eligibility`]: rotations obey it, the dashboard prints it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use super::Millis;
use super::meter::Meter;
use super::pool::PoolLive;
use super::strain::Strain;
use super::strategy::peak_ewma::Ewma;

/// Names a backend: `POOL/BACKEND`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BackendId {
    /// Name of the pool.
    pub pool: Arc<str>,
    /// Name within the pool.
    pub backend: Arc<str>,
}

impl BackendId {
    /// An id from its two names.
    pub fn new(pool: &str, backend: &str) -> Self {
        Self { pool: pool.into(), backend: backend.into() }
    }
}

impl fmt::Display for BackendId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pool, self.backend)
    }
}

/// What the config says of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// `POOL/BACKEND`.
    pub id: BackendId,
    /// Host name or address literal (without brackets), lower case.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Share of the traffic, 0..=256. A backend of weight 0 gets nothing new.
    pub weight: u32,
    /// Most requests in flight at once; `None` = no limit.
    pub max_in_flight: Option<u32>,
    /// Takes traffic only while no other backend of its pool can.
    pub backup: bool,
}

impl Spec {
    /// `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.authority())
    }

    /// Whether the other one names the same server: what is known of one is known of the other.
    pub fn is_same_server(&self, other: &Self) -> bool {
        self.id == other.id && self.host == other.host && self.port == other.port
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub fn authority(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }
}

/// What the operator wants of a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Mode {
    /// Takes requests.
    #[default]
    Up = 0,
    /// Takes no new requests; running ones finish.
    Drain = 1,
    /// Off; running ones finish unless they are cut.
    Down = 2,
}

impl Mode {
    /// The word used everywhere: `up`, `drain`, `down`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Drain => "drain",
            Self::Down => "down",
        }
    }

    const fn from_u8(n: u8) -> Self {
        match n {
            0 => Self::Up,
            1 => Self::Drain,
            _ => Self::Down,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What the health checks say of a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Verdict {
    /// No verdict yet, or no checks configured.
    #[default]
    Unknown = 0,
    /// Checks pass.
    Healthy = 1,
    /// Checks fail.
    Unhealthy = 2,
}

impl Verdict {
    /// The word used everywhere: `unknown`, `healthy`, `unhealthy`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }

    const fn from_u8(n: u8) -> Self {
        match n {
            1 => Self::Healthy,
            2 => Self::Unhealthy,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// May this backend take a new request now, and if not, why not? Judged in this order: intent, weight, health, ejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Eligibility {
    /// It may.
    Eligible,
    /// It may take one trial request: an ejection has just ended.
    OnTrial,
    /// The operator drains it.
    Draining,
    /// The operator has switched it off.
    Down,
    /// Its weight is 0.
    NoWeight,
    /// Its checks fail.
    Unhealthy,
    /// Its first check has not come back yet.
    AwaitingFirstCheck,
    /// Ejected after failed requests.
    Ejected,
}

impl Eligibility {
    /// Whether a rotation may hold the backend.
    pub const fn is_eligible(self) -> bool {
        matches!(self, Self::Eligible | Self::OnTrial)
    }
}

/// Keeps hot atomics of different owners on different cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Padded<T>(pub T);

/// The state of a backend that outlives configs. What every pick looks at comes first, in one cache line of its own.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct Live {
    /// Requests being served; each holds a [`super::lease::Lease`]. Written by leases only.
    pub in_flight: AtomicU32,
    /// Failed requests in a row. Written by leases; [`super::ejection::Action::apply`] zeroes it.
    pub consecutive_failures: AtomicU32,
    /// Recent failures as load. Written by leases; forgotten when the backend is well again.
    pub strain: Strain,
    /// Latency estimate of `peak_ewma`. Written by leases only.
    pub ewma: Ewma,
    /// Whether the trial request is in flight. Written by leases only.
    pub trial_taken: AtomicBool,
    /// Grows by one when the operator cuts the running requests. Written by the desk.
    pub cut_epoch: AtomicU32,
    /// Per-worker counters, indexed by worker; each is written by its worker only.
    pub meters: Box<[Meter]>,
    /// What the backends of one pool share.
    pub pool: Arc<PoolLive>,
    mode: AtomicU8,
    verdict: AtomicU8,
    awaiting_first_check: AtomicBool,
    weight: AtomicU32,
    ejected_until: AtomicU64,
    on_trial: AtomicBool,
    ejections: AtomicU64,
    healthy_since: AtomicU64,
}

impl Live {
    /// Fresh state for a backend of this weight; `checked` when it has health checks, `workers` > 0.
    pub fn new(weight: u32, checked: bool, workers: usize, pool: Arc<PoolLive>) -> Self {
        Self {
            in_flight: AtomicU32::new(0),
            consecutive_failures: AtomicU32::new(0),
            strain: Strain::default(),
            ewma: Ewma::default(),
            trial_taken: AtomicBool::new(false),
            cut_epoch: AtomicU32::new(0),
            meters: (0..workers).map(|_| Meter::default()).collect(),
            pool,
            mode: AtomicU8::new(Mode::Up as u8),
            verdict: AtomicU8::new(Verdict::Unknown as u8),
            awaiting_first_check: AtomicBool::new(checked),
            weight: AtomicU32::new(weight),
            ejected_until: AtomicU64::new(0),
            on_trial: AtomicBool::new(false),
            ejections: AtomicU64::new(0),
            healthy_since: AtomicU64::new(0),
        }
    }

    /// What the operator wants.
    pub fn mode(&self) -> Mode {
        Mode::from_u8(self.mode.load(Relaxed))
    }

    /// For the control desk only; follow with [`super::pool::Pool::refresh`].
    pub fn set_mode(&self, mode: Mode) {
        self.mode.store(mode as u8, Relaxed);
    }

    /// What the checks say.
    pub fn verdict(&self) -> Verdict {
        Verdict::from_u8(self.verdict.load(Relaxed))
    }

    /// For the backend's probe loop only; follow with [`super::pool::Pool::refresh`]. `now` starts a slow start when the
    /// backend comes back from `Unhealthy`. Any verdict, even `Unknown`, ends the wait for the first check.
    pub fn set_verdict(&self, verdict: Verdict, now: Millis) {
        let before = Verdict::from_u8(self.verdict.swap(verdict as u8, Relaxed));
        if before == Verdict::Unhealthy && verdict == Verdict::Healthy {
            self.healthy_since.store(now.max(1), Relaxed);
            self.strain.clear();
        }
        self.awaiting_first_check.store(false, Relaxed);
    }

    /// When the backend last came back from being unhealthy or ejected; `None` at process start. Slow start counts from here.
    pub fn returned_at(&self) -> Option<Millis> {
        Some(self.healthy_since.load(Relaxed)).filter(|t| *t > 0)
    }

    /// The weight in force: configured, or set by the operator.
    pub fn weight(&self) -> u32 {
        self.weight.load(Relaxed)
    }

    /// For the control desk only; follow with [`super::pool::Pool::refresh`].
    pub fn set_weight(&self, weight: u32) {
        self.weight.store(weight, Relaxed);
    }

    /// Until when the backend is ejected, if it is.
    pub fn ejected_until(&self) -> Option<Millis> {
        Some(self.ejected_until.load(Relaxed)).filter(|t| *t > 0)
    }

    /// For the outlier detector only; follow with [`super::pool::Pool::refresh`].
    pub fn set_ejected_until(&self, until: Option<Millis>) {
        self.ejected_until.store(until.map_or(0, |t| t.max(1)), Relaxed);
    }

    /// How often it has been ejected.
    pub fn ejections(&self) -> u64 {
        self.ejections.load(Relaxed)
    }

    /// For the outlier detector only.
    pub fn count_ejection(&self) {
        self.ejections.fetch_add(1, Relaxed);
    }

    /// Whether one request decides if the ejection is over.
    pub fn on_trial(&self) -> bool {
        self.on_trial.load(Relaxed)
    }

    /// For the outlier detector only; follow with [`super::pool::Pool::refresh`].
    pub fn set_on_trial(&self, on: bool) {
        self.on_trial.store(on, Relaxed);
    }

    /// For the outlier detector only, when a trial was passed: slow start counts from `now`.
    pub fn set_returned_at(&self, now: Millis) {
        self.healthy_since.store(now.max(1), Relaxed);
    }

    /// Requests in flight now.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// How long the oldest request in flight has been running, to about a second; `None` without any.
    pub fn oldest_ms(&self, now: Millis) -> Option<Millis> {
        let since = self.meters.iter().map(|meter| meter.oldest_since.load(Relaxed)).filter(|since| *since > 0).min();
        (self.in_flight() > 0).then(|| since.map_or(0, |since| now.saturating_sub(since)))
    }
}

/// A backend as pools hold it. A reload makes a new one around the same [`Live`].
#[derive(Debug)]
pub struct Backend {
    /// What the config says.
    pub spec: Spec,
    /// What is.
    pub live: Arc<Live>,
}

impl Backend {
    /// A new backend with fresh state.
    pub fn new(spec: Spec, checked: bool, workers: usize, pool: Arc<PoolLive>) -> Self {
        let live = Arc::new(Live::new(spec.weight, checked, workers, pool));
        Self { spec, live }
    }

    /// The same server under another spec: it keeps its state. A weight that the operator has set stays set.
    pub(super) fn succeeded_by(self: &Arc<Self>, spec: &Spec) -> Arc<Self> {
        if self.spec == *spec {
            return Arc::clone(self);
        }
        if self.live.weight() == self.spec.weight {
            self.live.set_weight(spec.weight);
        }
        Arc::new(Self { spec: spec.clone(), live: Arc::clone(&self.live) })
    }

    /// The one place where it is decided whether a backend may take requests. Whether it is *full* is judged at the pick.
    pub fn eligibility(&self) -> Eligibility {
        let live = &self.live;
        match live.mode() {
            Mode::Down => return Eligibility::Down,
            Mode::Drain => return Eligibility::Draining,
            Mode::Up => {}
        }
        if live.weight() == 0 {
            return Eligibility::NoWeight;
        }
        self.fitness()
    }

    /// As [`Self::eligibility`], for a request of a session that the backend has served before. What takes nothing new may
    /// still take those, if `keep`: while the operator drains it, or at weight 0.
    pub fn session_eligibility(&self, keep: bool) -> Eligibility {
        match self.eligibility() {
            Eligibility::Draining | Eligibility::NoWeight if keep => self.fitness(),
            eligibility => eligibility,
        }
    }

    /// What follows from checks and failures alone.
    fn fitness(&self) -> Eligibility {
        let live = &self.live;
        if live.awaiting_first_check.load(Relaxed) {
            return Eligibility::AwaitingFirstCheck;
        }
        if live.verdict() == Verdict::Unhealthy {
            return Eligibility::Unhealthy;
        }
        if live.ejected_until().is_some() {
            return Eligibility::Ejected;
        }
        if live.on_trial() { Eligibility::OnTrial } else { Eligibility::Eligible }
    }
}
