//! Connections to backends: our own HTTP/1.1, spoken in the request's own task. No dispatcher, no channel, no wake-up.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tokio::io::AsyncRead;
use tokio::net::TcpStream;

use crate::balance::Millis;
use crate::balance::backend::{Backend, Spec};

pub(super) mod answer;
pub(super) mod decoder;

/// Kept-alive connections that have been idle for longer are closed. Shorter than what common servers allow (Node.js 5 s), so
/// that a connection is rarely closed under a request.
const MAX_IDLE: Millis = 4_000;

/// Idle connections kept per worker and backend.
const MAX_IDLE_CONNECTIONS: usize = 256;

/// Bytes asked for in the first read of an answer.
const FIRST_READ: usize = 8 * 1024;

/// Most bytes asked for in one read.
const LARGEST_READ: usize = 256 * 1024;

/// A connection to a backend.
#[derive(Debug)]
pub(super) struct Connection {
    /// The socket.
    pub(super) stream: TcpStream,
    /// Head and chunk lines on their way out; kept for its capacity.
    pub(super) out: Vec<u8>,
    /// Whether it has served a request before.
    pub(super) reused: bool,
    buffer: BytesMut,
    read_size: usize,
    idle_since: Millis,
}

impl Connection {
    /// Connects, trying each address of the host in turn.
    ///
    /// # Errors
    /// The last address's error, or the resolver's.
    pub(super) async fn open(spec: &Spec) -> io::Result<Self> {
        let mut last = None;
        for address in tokio::net::lookup_host((spec.host.as_str(), spec.port)).await? {
            match Self::open_to(address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address")))
    }

    async fn open_to(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, out: Vec::new(), reused: false, buffer: BytesMut::new(), read_size: FIRST_READ, idle_since: 0 })
    }

    /// Reads once. `Ready(0)` is the end. What was read is taken with [`Self::take`].
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.buffer.reserve(self.read_size);
        let room = self.buffer.spare_capacity_mut().len();
        let read = std::pin::pin!(tokio::io::AsyncReadExt::read_buf(&mut self.stream, &mut self.buffer));
        let n = std::task::ready!(read.poll(cx))?;
        // A read that fills the buffer announces a large body: fewer, larger reads then.
        if n == room && self.read_size < LARGEST_READ {
            self.read_size *= 4;
        }
        Poll::Ready(Ok(n))
    }

    /// Takes all that was read.
    pub(super) fn take(&mut self) -> bytes::Bytes {
        self.buffer.split().freeze()
    }

    /// Gives back what cannot be used yet, to be taken together with what follows.
    pub(super) fn give_back(&mut self, bytes: bytes::Bytes) {
        self.buffer = bytes.try_into_mut().unwrap_or_else(|bytes| BytesMut::from(&bytes[..]));
    }

    /// Whether the backend has closed the connection, or sent something unasked, while it was idle. Needs no system call:
    /// the runtime has heard of it.
    fn is_stale(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        if self.stream.poll_read_ready(&mut cx).is_pending() {
            return false;
        }
        let mut byte = [0];
        Pin::new(&mut self.stream).poll_read(&mut cx, &mut tokio::io::ReadBuf::new(&mut byte)).is_ready()
    }
}

/// One worker's idle connections, by backend. The last one used goes first.
#[derive(Debug, Default)]
pub(super) struct IdleConnections(HashMap<usize, Vec<Connection>>);

impl IdleConnections {
    /// A connection that is still usable, if there is one.
    pub(super) fn take(&mut self, backend: &Backend) -> Option<Connection> {
        let idle = self.0.get_mut(&key(backend))?;
        while let Some(mut connection) = idle.pop() {
            if !connection.is_stale() {
                connection.reused = true;
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose last answer has been read to its end.
    pub(super) fn put(&mut self, backend: &Backend, mut connection: Connection, now: Millis) {
        let idle = self.0.entry(key(backend)).or_default();
        if idle.len() < MAX_IDLE_CONNECTIONS {
            connection.idle_since = now;
            connection.read_size = FIRST_READ;
            idle.push(connection);
        }
    }

    /// Closes what has been idle for too long.
    pub(super) fn expire(&mut self, now: Millis) {
        self.0.retain(|_, idle| {
            idle.retain(|connection| now.saturating_sub(connection.idle_since) < MAX_IDLE);
            !idle.is_empty()
        });
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Closes all.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// A backend's live state outlives configs, and its address is its own for as long.
fn key(backend: &Backend) -> usize {
    std::sync::Arc::as_ptr(&backend.live).addr()
}
