//! The configuration, checked and ready to use. Below this room nothing validates again.
//!
//! [`load`] reads a file and collects *every* problem.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::balance::pool::Settings;

/// A whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Addresses that take traffic; at least one.
    pub listen: Vec<SocketAddr>,
    /// Data-plane threads, at least 1.
    pub workers: usize,
    /// Where the admin API listens; `None` = nowhere.
    pub admin: Option<AdminListen>,
    /// What to do when the dashboard's terminal disappears.
    pub on_hangup: OnHangup,
    /// How long requests in flight may take to finish at shutdown.
    pub shutdown_grace: Duration,
    /// Bounds on what clients may send and open.
    pub limits: Limits,
    /// Time-outs towards clients.
    pub timeouts: ClientTimeouts,
    /// Peers whose `X-Forwarded-*` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The pools; at least one.
    pub pools: Vec<PoolConfig>,
}

/// Where the admin API listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminListen {
    /// A loopback address.
    Tcp(SocketAddr),
    /// `unix:PATH`.
    Unix(PathBuf),
}

/// What to do when the dashboard's terminal disappears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnHangup {
    /// Finish what is in flight and exit.
    #[default]
    Drain,
    /// Go on without a dashboard.
    Serve,
}

/// Bounds on what clients may send and open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open client connections.
    pub max_connections: usize,
    /// Bytes of a request head.
    pub header_bytes: usize,
    /// Number of header fields.
    pub headers: usize,
    /// Bytes of a request target.
    pub uri_bytes: usize,
}

/// Time-outs towards clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientTimeouts {
    /// From the first byte of a request head to its last; also from accept to the first byte.
    pub client_header: Duration,
    /// Between requests of a kept-alive connection.
    pub client_idle: Duration,
    /// Between pieces of a request body.
    pub request_body_idle: Duration,
}

/// One pool.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolConfig {
    /// What balancing needs to know.
    pub balance: Settings,
    /// Hosts it serves; empty = every host that no other pool serves.
    pub hosts: Vec<HostPattern>,
    /// Path prefix it serves, starting with `/`. Longest match wins; matches whole segments.
    pub path_prefix: String,
    /// What `consistent_hash` hashes.
    pub hash_key: HashKey,
    /// Active checks; `None` = off.
    pub health_check: Option<HealthCheck>,
    /// Further tries.
    pub retry: Retry,
    /// Time-outs towards backends.
    pub timeouts: UpstreamTimeouts,
    /// Waiting for a backend with room.
    pub queue: Queue,
}

impl PoolConfig {
    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.balance.name
    }
}

/// A host name, or `*.` and a suffix. Lower case, without port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This name exactly.
    Exact(String),
    /// Any name that ends in this suffix (which starts with a dot): `*.example.org` is `.example.org`.
    Wildcard(String),
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Wildcard(suffix) => write!(f, "*{suffix}"),
        }
    }
}

/// What `consistent_hash` hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HashKey {
    /// The client's address.
    #[default]
    ClientIp,
    /// The path without query.
    Path,
    /// A request header (name in lower case).
    Header(String),
    /// A cookie.
    Cookie(String),
}

/// Active health checks.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthCheck {
    /// How to check.
    pub kind: CheckKind,
    /// Between checks in steady state.
    pub interval: Duration,
    /// Longest a check may take.
    pub timeout: Duration,
    /// Passed checks in a row that make a backend healthy.
    pub rise: u32,
    /// Failed checks in a row that make a backend unhealthy.
    pub fall: u32,
    /// Random variation of the interval, 0..=100 percent.
    pub jitter_percent: u32,
}

/// How to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// `GET path`, and the status lies in one of the ranges (inclusive).
    Http {
        /// Request target.
        path: String,
        /// Statuses that pass.
        expect_status: Vec<(u16, u16)>,
    },
    /// A connection can be made.
    Tcp,
}

/// Further tries of a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Further tries, each on another backend.
    pub attempts: u32,
    /// Retries per request on average, in percent (plus a floor per second).
    pub budget_percent: u32,
    /// Shortest pause before a retry.
    pub backoff_min: Duration,
    /// Longest pause before a retry.
    pub backoff_max: Duration,
    /// Bytes of a request body that are kept for a retry.
    pub replay_body: usize,
}

/// Time-outs towards backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// Until a connection stands.
    pub connect: Duration,
    /// From the end of the request to the head of the answer.
    pub response_head: Duration,
    /// Without progress while an answer (or a tunnel) streams.
    pub stream_idle: Duration,
}

/// Waiting for a backend with room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Requests that may wait per pool.
    pub size: u32,
    /// How long one may wait.
    pub timeout: Duration,
}

/// Something wrong in a config file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// Line and column, from 1; 0 when the problem has no place.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// `pools[0].backends[1].weight`; empty for the whole file.
    pub path: String,
    /// What is wrong; what is allowed; did you mean.
    pub message: String,
}

/// A config and what deserves a look in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Ready to use.
    pub config: Config,
    /// Not wrong, but probably not meant.
    pub warnings: Vec<Problem>,
}

/// Reads and checks a file. Never panics, whatever the file holds.
///
/// # Errors
/// Every problem found, in the order of the file. A file that cannot be read is one problem.
pub fn load(_path: &Path) -> Result<Loaded, Vec<Problem>> {
    unimplemented!()
}
