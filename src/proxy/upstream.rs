//! Connections to backends: our own HTTP/1.1, spoken in the request's own task. No dispatcher, no channel, no wake-up.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::net::TcpStream;

use crate::balance::backend::Spec;

pub(super) mod answer;
pub(super) mod decoder;
pub(super) mod idle;

/// Bytes asked for in the first read of an answer.
const FIRST_READ: usize = 8 * 1024;

/// Most bytes asked for in one read.
const LARGEST_READ: usize = 512 * 1024;

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
        Ok(Self { stream, out: Vec::new(), reused: false, buffer: BytesMut::new(), read_size: FIRST_READ })
    }

    /// Reads once. `Ready(0)` is the end. What was read is taken with [`Self::take`].
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.buffer.reserve(self.read_size);
        let room = self.buffer.spare_capacity_mut().len();
        let read = std::pin::pin!(tokio::io::AsyncReadExt::read_buf(&mut self.stream, &mut self.buffer));
        let n = std::task::ready!(read.poll(cx))?;
        // A read that fills the buffer announces a large body: fewer, larger reads then.
        if n == room {
            self.read_size = (self.read_size * 4).min(LARGEST_READ);
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
}
