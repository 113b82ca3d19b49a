//! The configuration, checked and ready to use, with its defaults. Below this room nothing validates again.
//!
//! [`load()`] reads a file and collects *every* problem: `yaml` makes a tree of it; `file`, `pool` and `apps` walk the tree
//! with a `reader` and say what each key means; `report` finds the lines of whatever was wrong.

mod address;
mod apps;
mod describe;
mod file;
mod load;
mod node;
mod place;
mod pool;
mod reader;
mod report;
#[cfg(test)]
mod tests;
mod token;
mod value;
mod yaml;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustix::process::{Resource, getrlimit};

use crate::balance::pool::Settings;

pub use self::describe::Described;
pub use self::load::{load, parse, parse_str, read};
pub use self::token::Token;
pub use self::value::span;

/// What a file may hold, as a JSON Schema, for editors.
pub const SCHEMA: &str = include_str!("config/schema.json");

/// A whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Addresses that take traffic; at least one.
    pub listen: Vec<SocketAddr>,
    /// Data-plane threads, at least 1.
    pub workers: usize,
    /// Where the admin API listens; `None` = nowhere.
    pub admin: Option<AdminListen>,
    /// What callers of the admin API have to know; `None` = nothing (then it listens where only this machine can call).
    pub admin_token: Option<Token>,
    /// A line for each request; `None` = nowhere.
    pub access_log: Option<AccessLog>,
    /// Where overrides survive a restart; `None` = nowhere.
    pub state_file: Option<PathBuf>,
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
    /// `host:port`.
    Tcp(SocketAddr),
    /// `unix:PATH`.
    Unix(PathBuf),
}

/// Where a line is written for each request, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Where.
    pub target: LogTarget,
    /// How.
    pub format: LogFormat,
    /// What to do when lines come faster than they can be written.
    pub when_full: WhenFull,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// To the end of a file.
    File(PathBuf),
    /// To standard output.
    Stdout,
}

impl fmt::Display for LogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Stdout => f.write_str("stdout"),
        }
    }
}

/// How a line of the access log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// As Apache and nginx write it.
    #[default]
    Combined,
    /// One JSON object.
    Json,
}

/// What to do when lines come faster than they can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Lose lines, and count them.
    #[default]
    Drop,
    /// Lose none: let new requests wait.
    Block,
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

impl Default for Limits {
    fn default() -> Self {
        Self { max_connections: auto_connections(), header_bytes: 32 << 10, headers: 100, uri_bytes: 8 << 10 }
    }
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

impl Default for ClientTimeouts {
    fn default() -> Self {
        Self {
            client_header: Duration::from_secs(10),
            client_idle: Duration::from_secs(60),
            request_body_idle: Duration::from_secs(30),
        }
    }
}

/// One pool.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolConfig {
    /// What balancing needs to know.
    pub balance: Settings,
    /// Hosts it serves; empty = every host that no other pool serves.
    pub hosts: Vec<HostPattern>,
    /// Path prefix it serves: `/`, or starts with `/` and does not end with it. Longest match wins; matches whole segments.
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
    /// Whether a cookie keeps a client at its backend; `None` = no.
    pub sticky: Option<Sticky>,
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

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            kind: CheckKind::Http { path: CHECK_PATH.to_owned(), expect_status: vec![CHECK_STATUSES] },
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            rise: 2,
            fall: 3,
            jitter_percent: 10,
        }
    }
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

const CHECK_PATH: &str = "/";
const CHECK_STATUSES: (u16, u16) = (200, 399);

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

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 2,
            budget_percent: 20,
            backoff_min: Duration::from_millis(25),
            backoff_max: Duration::from_millis(250),
            replay_body: 64 << 10,
        }
    }
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

impl Default for UpstreamTimeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(2), response_head: Duration::from_secs(30), stream_idle: Duration::from_secs(300) }
    }
}

/// Waiting for a backend with room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Requests that may wait per pool.
    pub size: u32,
    /// How long one may wait.
    pub timeout: Duration,
}

impl Default for Queue {
    fn default() -> Self {
        Self { size: 1024, timeout: Duration::from_secs(1) }
    }
}

/// Keeping a client at its backend by a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// The cookie's name.
    pub cookie: String,
    /// What becomes of a client while its backend drains.
    pub on_drain: OnDrain,
}

/// What becomes of a sticky client while its backend drains, or has weight 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDrain {
    /// It stays; only new clients go elsewhere.
    #[default]
    Keep,
    /// It goes elsewhere, too.
    Move,
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

impl fmt::Display for Problem {
    /// `FILE:LINE:COL  pools[0].backends[1].weight: what is wrong; what is allowed`, without the parts that are unknown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        let colon = if self.path.is_empty() { "" } else { ": " };
        write!(f, "  {}{colon}{}", self.path, self.message)
    }
}

/// A config and what deserves a look in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Ready to use.
    pub config: Config,
    /// Not wrong, but probably not meant.
    pub warnings: Vec<Problem>,
}

/// One worker per core.
fn auto_workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(256)
}

/// Each client connection may need one towards a backend, and something has to be left for everything else: four fifths
/// of half the file descriptors this process may open.
fn auto_connections() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    (descriptors / 2 / 5 * 4).clamp(64, 1_000_000) as usize
}
