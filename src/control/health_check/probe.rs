//! One health check: ask the backend, say in words what came.

mod excerpt;
mod http;

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::balance::backend::Spec;
use crate::config::{CheckKind, HealthCheck};
use crate::system_error::is_shortage;

/// What is read of an answer after its head, for manners only.
const LEFTOVER: u64 = 64 * 1024;
const LEFTOVER_TIME: Duration = Duration::from_millis(100);

/// What a check found.
#[derive(Debug)]
pub(super) struct Finding {
    /// What the backend did, or why that is not good enough.
    pub(super) result: Result<Passed, CheckError>,
    /// How long it took.
    pub(super) took: Duration,
    /// What the body said that came with a wrong status, see [`excerpt`].
    pub(super) body: Option<String>,
}

impl Finding {
    /// Whether nothing was found, because there was nothing left to look with.
    pub(super) fn is_void(&self) -> bool {
        matches!(&self.result, Err(CheckError::Io(error)) if is_shortage(error))
    }

    /// Whether the check passed.
    pub(super) fn passed(&self) -> bool {
        self.result.is_ok()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.result, self.took.as_millis()) {
            (Ok(passed), 0) => write!(f, "{passed} in <1 ms"),
            (Ok(passed), ms) => write!(f, "{passed} in {ms} ms"),
            (Err(error), _) => write!(f, "{error}"),
        }
    }
}

/// What a good backend did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// It answered with this status.
    Status(u16),
    /// It took a connection.
    Connected,
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Connected => f.write_str("connected"),
        }
    }
}

/// Why a check failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    /// Nobody listens.
    #[error("refused")]
    Refused,
    /// The host's name leads nowhere.
    #[error("cannot resolve {0}")]
    Unresolved(String),
    /// It took too long.
    #[error("timeout after {0:?}")]
    Timeout(Duration),
    /// The answer's status is not one of those that pass.
    #[error("{got}, want {}", Ranges(want))]
    Status {
        /// The answer's.
        got: u16,
        /// Those that pass.
        want: Vec<(u16, u16)>,
    },
    /// The connection ended before the answer began.
    #[error("closed without an answer")]
    Closed,
    /// What came is no HTTP.
    #[error("not HTTP")]
    NotHttp,
    /// The answer's head is larger than anybody needs.
    #[error("the answer's head is too large")]
    HeadTooLarge,
    /// Anything else that went wrong with the connection.
    #[error("{}", .0.kind())]
    Io(#[from] io::Error),
}

struct Ranges<'a>(&'a [(u16, u16)]);

impl fmt::Display for Ranges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (low, high)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            if low == high { write!(f, "{comma}{low}")? } else { write!(f, "{comma}{low}-{high}")? }
        }
        Ok(())
    }
}

/// Checks a backend once, within the check's time-out from the look-up of its name to the answer's head.
pub(super) async fn probe(backend: &Spec, check: &HealthCheck) -> Finding {
    let started = Instant::now();
    let asked = timeout(check.timeout, ask(backend, &check.kind)).await;
    let took = started.elapsed();
    match asked {
        Ok(Ok(answer)) => {
            let (result, body) = judge(answer, &check.kind).await;
            Finding { result, took, body }
        }
        Ok(Err(error)) => Finding { result: Err(error), took, body: None },
        Err(_) => Finding { result: Err(CheckError::Timeout(check.timeout)), took, body: None },
    }
}

/// What a backend answered.
enum Answered {
    Http(http::Answer, TcpStream),
    Connected,
}

async fn ask(backend: &Spec, kind: &CheckKind) -> Result<Answered, CheckError> {
    let mut stream = connect(backend).await?;
    match kind {
        CheckKind::Http { path, .. } => Ok(Answered::Http(http::get(&mut stream, &backend.authority(), path).await?, stream)),
        CheckKind::Tcp => Ok(Answered::Connected),
    }
}

async fn judge(answered: Answered, kind: &CheckKind) -> (Result<Passed, CheckError>, Option<String>) {
    let Answered::Http(answer, stream) = answered else { return (Ok(Passed::Connected), None) };
    let got = answer.status;
    match kind {
        CheckKind::Http { expect_status: want, .. } if !want.iter().any(|(low, high)| (*low..=*high).contains(&got)) => {
            let body = read_excerpt(stream, answer).await;
            (Err(CheckError::Status { got, want: want.clone() }), body)
        }
        _ => {
            read_leftover(stream).await;
            (Ok(Passed::Status(got)), None)
        }
    }
}

async fn connect(backend: &Spec) -> Result<TcpStream, CheckError> {
    let mut refused = CheckError::Unresolved(backend.host.clone());
    let addresses = tokio::net::lookup_host((backend.host.as_str(), backend.port)).await;
    let unresolved = |error| if is_shortage(&error) { error.into() } else { CheckError::Unresolved(backend.host.clone()) };
    for address in addresses.map_err(unresolved)? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => refused = CheckError::Refused,
            Err(error) => refused = error.into(),
        }
    }
    Err(refused)
}

/// A server that is still writing its answer when the connection goes tends to complain in its log, each time.
async fn read_leftover(stream: TcpStream) {
    let _ = timeout(LEFTOVER_TIME, tokio::io::copy(&mut stream.take(LEFTOVER), &mut tokio::io::sink())).await;
}

/// The same, keeping what the body says at its beginning.
async fn read_excerpt(mut stream: TcpStream, http::Answer { chunked, mut body, .. }: http::Answer) -> Option<String> {
    let read = async { while body.len() < excerpt::ENOUGH && stream.read_buf(&mut body).await.is_ok_and(|read| read > 0) {} };
    let _ = timeout(LEFTOVER_TIME, read).await;
    read_leftover(stream).await;
    excerpt::excerpt(&body, chunked)
}

#[cfg(test)]
mod tests;
