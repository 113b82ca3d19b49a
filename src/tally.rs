//! What the data plane tells the control plane: counts by shared atomics, rare signals by a channel.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed},
};

use tokio::sync::mpsc;

use crate::balance::backend::Backend;
use crate::balance::lease::Signal;

/// Why evenkeel answered a request itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// 200: an `OPTIONS` request that was to go no further.
    LastRecipient,
    /// 400: the request broke the rules of HTTP.
    BadRequest,
    /// 404: no pool for this host and path.
    NoPool,
    /// 405: a method that is not proxied (CONNECT, TRACE).
    Method,
    /// 408: the request body stalled.
    RequestTimeout,
    /// 414: the request target is too long.
    UriTooLong,
    /// 431: the head is too long, or has too many fields.
    HeadTooLarge,
    /// 502: no connection to the backend.
    ConnectFailed,
    /// 502: the backend broke the connection before it answered.
    Broken,
    /// 502: the backend's answer was unusable.
    BadAnswer,
    /// 503: no backend is eligible.
    NoneEligible,
    /// 503: every eligible backend is full and so is the queue.
    QueueFull,
    /// 503: waited in the queue for too long.
    QueueTimeout,
    /// 503: no descriptor or no memory left for a connection to a backend.
    Shortage,
    /// 503: evenkeel is shutting down or the operator cut the request.
    Cut,
    /// 504: no connection in time.
    ConnectTimeout,
    /// 504: no answer in time.
    HeadTimeout,
    /// 500: a bug in evenkeel.
    Bug,
}

impl Cause {
    /// Every cause, in the order of their counters.
    pub const ALL: [Self; 18] = [
        Self::LastRecipient,
        Self::BadRequest,
        Self::NoPool,
        Self::Method,
        Self::RequestTimeout,
        Self::UriTooLong,
        Self::HeadTooLarge,
        Self::ConnectFailed,
        Self::Broken,
        Self::BadAnswer,
        Self::NoneEligible,
        Self::QueueFull,
        Self::QueueTimeout,
        Self::Shortage,
        Self::Cut,
        Self::ConnectTimeout,
        Self::HeadTimeout,
        Self::Bug,
    ];

    /// The status that clients get.
    pub const fn status(self) -> u16 {
        match self {
            Self::LastRecipient => 200,
            Self::BadRequest => 400,
            Self::NoPool => 404,
            Self::Method => 405,
            Self::RequestTimeout => 408,
            Self::UriTooLong => 414,
            Self::HeadTooLarge => 431,
            Self::ConnectFailed | Self::Broken | Self::BadAnswer => 502,
            Self::NoneEligible | Self::QueueFull | Self::QueueTimeout | Self::Shortage | Self::Cut => 503,
            Self::ConnectTimeout | Self::HeadTimeout => 504,
            Self::Bug => 500,
        }
    }

    /// The cause in a word, for logs and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::LastRecipient => "last_recipient",
            Self::BadRequest => "bad_request",
            Self::NoPool => "no_pool",
            Self::Method => "method",
            Self::RequestTimeout => "request_timeout",
            Self::UriTooLong => "uri_too_long",
            Self::HeadTooLarge => "head_too_large",
            Self::ConnectFailed => "connect_failed",
            Self::Broken => "backend_broke",
            Self::BadAnswer => "bad_answer",
            Self::NoneEligible => "none_eligible",
            Self::QueueFull => "queue_full",
            Self::QueueTimeout => "queue_timeout",
            Self::Shortage => "shortage",
            Self::Cut => "cut",
            Self::ConnectTimeout => "connect_timeout",
            Self::HeadTimeout => "head_timeout",
            Self::Bug => "bug",
        }
    }

    /// The cause in words, for clients and operators alike. Says nothing of the request itself.
    pub const fn words(self) -> &'static str {
        match self {
            Self::LastRecipient => "OPTIONS that was to go no further",
            Self::BadRequest => "malformed request",
            Self::NoPool => "no pool for this host and path",
            Self::Method => "method not supported",
            Self::RequestTimeout => "the request body stalled",
            Self::UriTooLong => "request target too long",
            Self::HeadTooLarge => "request head too large",
            Self::ConnectFailed => "no connection to the backend",
            Self::Broken => "the backend broke the connection",
            Self::BadAnswer => "the backend's answer was unusable",
            Self::NoneEligible => "no backend is eligible",
            Self::QueueFull => "every backend is full, and so is the queue",
            Self::QueueTimeout => "every backend stayed full",
            Self::Shortage => "out of file descriptors or memory",
            Self::Cut => "cut by the operator",
            Self::ConnectTimeout => "no connection to the backend in time",
            Self::HeadTimeout => "no answer from the backend in time",
            Self::Bug => "internal error",
        }
    }
}

/// Answers that evenkeel gave itself, by cause. These are rare, so workers share them.
#[derive(Debug, Default)]
pub struct Answers([AtomicU64; Cause::ALL.len()]);

impl Answers {
    /// Counts one.
    pub fn count(&self, cause: Cause) {
        self.0[cause as usize].fetch_add(1, Relaxed);
    }

    /// How often so far.
    pub fn get(&self, cause: Cause) -> u64 {
        self.0[cause as usize].load(Relaxed)
    }
}

/// Counts of the whole data plane.
#[derive(Debug)]
pub struct Tally {
    /// Open client connections, by worker.
    pub connections: Box<[AtomicU64]>,
    /// Client connections ever accepted.
    pub connections_total: AtomicU64,
    /// Answers evenkeel gave itself before a pool was found.
    pub unrouted: Answers,
    /// By which generation of the config each worker serves (see [`crate::running::Running::generation`]).
    pub generations: Box<[AtomicU64]>,
}

/// Counts of one pool, which outlive reloads.
#[derive(Debug, Default)]
pub struct PoolTally {
    /// Answers evenkeel gave itself.
    pub answers: Answers,
    /// Requests waiting for a backend with room.
    pub queued: AtomicU64,
}

impl Tally {
    /// All zero.
    pub fn new(workers: usize) -> Self {
        Self {
            connections: (0..workers).map(|_| AtomicU64::new(0)).collect(),
            connections_total: AtomicU64::new(0),
            unrouted: Answers::default(),
            generations: (0..workers).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Whether every worker serves by this generation of the config, or a later one.
    pub fn has_reached(&self, generation: u64) -> bool {
        self.generations.iter().all(|of_worker| of_worker.load(Acquire) >= generation)
    }

    /// Open client connections over all workers.
    pub fn open_connections(&self) -> u64 {
        self.connections.iter().map(|n| n.load(Relaxed)).sum()
    }
}

/// Something that a lease noticed and that the control plane must act upon.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where.
    pub backend: Arc<Backend>,
    /// What.
    pub signal: Signal,
}

/// The way from the workers to the control plane. Bounded; a report that does not fit is dropped, the next one says the same.
pub type Reports = mpsc::Sender<Report>;
