//! What happened: edges, never counts. One wording for the log and for the dashboard.

mod bus;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::bus::{EventBus, Remembered};

use crate::balance::backend::{BackendId, Mode, Verdict};
use crate::balance::meter::Failure;
use crate::balance::strategy::StrategyKind;
use crate::clock::for_humans;
use crate::command::Origin;

/// Problems of a config that are told in a line.
const TOLD: usize = 3;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Event {
    /// Traffic is accepted.
    Listening {
        /// The addresses.
        addresses: Vec<String>,
        /// Data-plane threads.
        workers: usize,
    },
    /// The admin API answers.
    AdminListening {
        /// Where.
        address: String,
    },
    /// The config loaded, but something in it deserves a look.
    ConfigWarning {
        /// `FILE:LINE:COL  path: what`.
        problem: String,
    },
    /// A check gave another result than the ones before, without changing the verdict yet.
    CheckTurned {
        /// Whose.
        backend: BackendId,
        /// Whether it passed.
        passed: bool,
        /// How many in a row so far.
        streak: u32,
        /// How many it takes.
        of: u32,
        /// Result in words.
        detail: String,
    },
    /// The checks' verdict changed.
    HealthChanged {
        /// Whose.
        backend: BackendId,
        /// Before.
        from: Verdict,
        /// After.
        to: Verdict,
        /// Result of the deciding check in words.
        detail: String,
    },
    /// The operator changed a mode.
    ModeChanged {
        /// Whose.
        backend: BackendId,
        /// Before.
        from: Mode,
        /// After.
        to: Mode,
        /// By whom.
        by: Origin,
        /// Why, in the operator's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Arc<str>>,
        /// For how many milliseconds; `None` = until it is changed again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_ms: Option<u64>,
        /// Requests in flight at that moment.
        in_flight: u32,
        /// Whether they were cut.
        cut: bool,
    },
    /// The operator changed a weight.
    WeightChanged {
        /// Whose.
        backend: BackendId,
        /// Before.
        from: u32,
        /// After.
        to: u32,
        /// By whom.
        by: Origin,
        /// Why, in the operator's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Arc<str>>,
        /// For how many milliseconds; `None` = until it is changed again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_ms: Option<u64>,
    },
    /// The operator switched a strategy.
    StrategyChanged {
        /// Whose.
        pool: Arc<str>,
        /// Before.
        from: StrategyKind,
        /// After.
        to: StrategyKind,
        /// By whom.
        by: Origin,
        /// Why, in the operator's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Arc<str>>,
        /// For how many milliseconds; `None` = until it is changed again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_ms: Option<u64>,
    },
    /// A command was refused; nothing has changed.
    Refused {
        /// The command, as one would type it.
        command: String,
        /// Who asked.
        by: Origin,
        /// Why it was refused.
        why: String,
        /// Why it was asked for, in the operator's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Arc<str>>,
    },
    /// A draining or switched-off backend has no request left.
    Drained {
        /// Which.
        backend: BackendId,
    },
    /// A backend was ejected.
    Ejected {
        /// Which.
        backend: BackendId,
        /// Failures in a row.
        failures: u32,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// An ejection is over; the next request decides.
    OnTrial {
        /// Which.
        backend: BackendId,
    },
    /// A backend is back after an ejection.
    Readmitted {
        /// Which.
        backend: BackendId,
    },
    /// The config was read again.
    Reloaded {
        /// At whose wish.
        by: Origin,
        /// What has changed.
        summary: String,
    },
    /// The config was to be read again and put in force; nothing has changed.
    ReloadRefused {
        /// At whose wish.
        by: Origin,
        /// Why not.
        problems: Vec<String>,
    },
    /// A backend is not in the config any more.
    Removed {
        /// Which.
        backend: BackendId,
        /// Where it is.
        url: String,
        /// Requests in flight at that moment; they may finish.
        in_flight: u32,
    },
    /// How many backends of a pool may take requests has changed.
    PoolChanged {
        /// Which pool.
        pool: Arc<str>,
        /// Eligible before.
        from: usize,
        /// Eligible now.
        to: usize,
        /// Backends in all.
        of: usize,
    },
    /// The admin API refused calls (told once a second at most).
    CallsRefused {
        /// From where, the last of them.
        from: String,
        /// Why, in the word that the answer has: `unauthorized`.
        code: String,
        /// How many.
        times: u64,
    },
    /// Attempts at a backend failed (told once a second at most).
    AttemptsFailed {
        /// Where.
        backend: BackendId,
        /// How.
        failure: Failure,
        /// How many.
        times: u64,
    },
    /// evenkeel answered requests itself (told once a second at most).
    AnsweredItself {
        /// For which pool, if one was found.
        pool: Option<Arc<str>>,
        /// Status.
        status: u16,
        /// Why.
        cause: String,
        /// How many.
        times: u64,
    },
    /// Lines of the access log were lost (told once a second at most).
    LogLinesLost {
        /// How many.
        lines: u64,
        /// Why.
        why: String,
    },
    /// A task panicked: a bug. The request is lost, the proxy goes on.
    Panicked {
        /// Message and place.
        message: String,
    },
    /// The drain has begun.
    ShutdownBegan {
        /// Why: `SIGTERM`, `quit`, ...
        reason: String,
        /// Milliseconds that requests in flight may take.
        grace_ms: u64,
        /// Requests in flight.
        in_flight: u32,
    },
    /// The process is done.
    ShutdownEnded {
        /// Requests that were cut.
        cut: u32,
    },
    /// Anything else worth a line (a refused Ctrl-Z, a lost terminal).
    Note {
        /// The line.
        text: String,
        /// How grave.
        severity: Severity,
    },
}

/// How grave an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For the record.
    Info,
    /// An operator's doing.
    Operator,
    /// Worth a look.
    Warning,
    /// Something is broken.
    Error,
}

impl Event {
    /// How grave it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::ModeChanged { .. }
            | Self::WeightChanged { .. }
            | Self::StrategyChanged { .. }
            | Self::Reloaded { .. }
            | Self::Removed { .. } => Severity::Operator,
            Self::HealthChanged { to: Verdict::Unhealthy, .. }
            | Self::Ejected { .. }
            | Self::Panicked { .. }
            | Self::ReloadRefused { .. }
            | Self::PoolChanged { to: 0, .. } => Severity::Error,
            Self::PoolChanged { from, to, .. } if to < from => Severity::Warning,
            Self::CheckTurned { passed: false, .. }
            | Self::AttemptsFailed { .. }
            | Self::CallsRefused { .. }
            | Self::AnsweredItself { .. }
            | Self::LogLinesLost { .. }
            | Self::ConfigWarning { .. }
            | Self::Refused { .. }
            | Self::ShutdownBegan { .. } => Severity::Warning,
            Self::ShutdownEnded { cut } if *cut > 0 => Severity::Warning,
            Self::Note { severity, .. } => *severity,
            _ => Severity::Info,
        }
    }

    /// The backend it is about.
    pub fn backend(&self) -> Option<&BackendId> {
        match self {
            Self::CheckTurned { backend, .. }
            | Self::HealthChanged { backend, .. }
            | Self::ModeChanged { backend, .. }
            | Self::WeightChanged { backend, .. }
            | Self::Drained { backend }
            | Self::Ejected { backend, .. }
            | Self::OnTrial { backend }
            | Self::Readmitted { backend }
            | Self::Removed { backend, .. }
            | Self::AttemptsFailed { backend, .. } => Some(backend),
            _ => None,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening { addresses, workers } => write!(f, "listening on {} with {workers} workers", addresses.join(", ")),
            Self::AdminListening { address } => write!(f, "admin API on {address}"),
            Self::ConfigWarning { problem } => write!(f, "config: {problem}"),
            Self::CheckTurned { backend, passed, streak, of, detail } => {
                write!(f, "{backend} check {streak} of {of} {}: {detail}", if *passed { "passed" } else { "failed" })
            }
            Self::HealthChanged { backend, from, to, detail } => write!(f, "{backend} {from} -> {to}: {detail}"),
            Self::ModeChanged { backend, from, to, by, reason, for_ms, in_flight, cut } => {
                let cut = if *cut { " cut" } else { "" };
                let change = Change(from, to);
                write!(f, "{backend} {change} by {by}, {in_flight} in flight{cut}{}", Terms(reason, *for_ms))
            }
            Self::WeightChanged { backend, from, to, by, reason, for_ms } => {
                write!(f, "{backend} weight {} by {by}{}", Change(from, to), Terms(reason, *for_ms))
            }
            Self::StrategyChanged { pool, from, to, by, reason, for_ms } => {
                write!(f, "{pool} strategy {} by {by}{}", Change(from, to), Terms(reason, *for_ms))
            }
            Self::Refused { command, by, why, reason } => {
                let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
                write!(f, "refused to {by}: {command}{reason}: {why}")
            }
            Self::Drained { backend } => write!(f, "{backend} drained: nothing in flight"),
            Self::Ejected { backend, failures, for_ms } => {
                write!(f, "{backend} ejected for {} s after {failures} failures in a row", for_ms.div_ceil(1000))
            }
            Self::OnTrial { backend } => write!(f, "{backend} on trial: the next request decides"),
            Self::Readmitted { backend } => write!(f, "{backend} readmitted after its ejection"),
            Self::PoolChanged { pool, from, to: 0, of } => {
                write!(f, "{pool} {from} -> 0 of {of} eligible: clients get 503")
            }
            Self::PoolChanged { pool, from, to, of } => write!(f, "{pool} {from} -> {to} of {of} eligible"),
            Self::AttemptsFailed { backend, failure, times: 1 } => write!(f, "{backend} {}", failure.words()),
            Self::AttemptsFailed { backend, failure, times } => write!(f, "{backend} {} (x{times})", failure.words()),
            Self::CallsRefused { from, code, times: 1 } => write!(f, "admin API refused a call from {from}: {code}"),
            Self::CallsRefused { from, code, times } => write!(f, "admin API refused {times} calls from {from}: {code}"),
            Self::AnsweredItself { pool, status, cause, times } => {
                if let Some(pool) = pool {
                    write!(f, "{pool} ")?;
                }
                write!(f, "answered {status}: {cause}")?;
                if *times > 1 { write!(f, " (x{times})") } else { Ok(()) }
            }
            Self::LogLinesLost { lines: 1, why } => write!(f, "access log: 1 line lost: {why}"),
            Self::LogLinesLost { lines, why } => write!(f, "access log: {lines} lines lost: {why}"),
            Self::Reloaded { by, summary } => write!(f, "config reloaded by {by}: {summary}"),
            Self::ReloadRefused { by, problems } => {
                write!(
                    f,
                    "config not reloaded, asked by {by}: {}",
                    problems.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; ")
                )?;
                match problems.len().saturating_sub(TOLD) {
                    0 => Ok(()),
                    more => write!(f, "; and {more} more"),
                }
            }
            Self::Removed { backend, url, in_flight } => {
                write!(f, "{backend} ({url}) removed from the config: {in_flight} in flight")
            }
            Self::Panicked { message } => write!(f, "a task panicked (a bug in evenkeel): {message}"),
            Self::ShutdownBegan { reason, grace_ms, in_flight } => {
                write!(f, "shutting down ({reason}): {in_flight} in flight, {} s to finish", grace_ms.div_ceil(1000))
            }
            Self::ShutdownEnded { cut: 1 } => f.write_str("shut down: 1 request was cut"),
            Self::ShutdownEnded { cut: 0 } => f.write_str("shut down: every request was finished"),
            Self::ShutdownEnded { cut } => write!(f, "shut down: {cut} requests were cut"),
            Self::Note { text, .. } => f.write_str(text),
        }
    }
}

/// From which value to which. The same twice: only the terms have changed.
struct Change<'a, T>(&'a T, &'a T);

impl<T: fmt::Display + PartialEq> fmt::Display for Change<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(from, to) = self;
        if from == to { write!(f, "stays {to}") } else { write!(f, "{from} -> {to}") }
    }
}

/// Why something was changed, and for how long.
struct Terms<'a>(&'a Option<Arc<str>>, Option<u64>);

impl fmt::Display for Terms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ms) = self.1 {
            write!(f, ", for {}", for_humans(ms))?;
        }
        self.0.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}

/// An event with its time and number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// Counts up from 1.
    pub seq: u64,
    /// Milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}
