//! Connections that wait for their next request, and the buffers that busy ones take turns with.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::io::ErrorKind;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::net::TcpStream;

use super::{Connection, FIRST_READ};
use crate::balance::Millis;
use crate::balance::backend::{Backend, Live};

/// Idle connections kept per worker and backend.
const MAX_IDLE_CONNECTIONS: usize = 256;

/// Kept-alive connections that have been idle for longer are closed. Shorter than what common servers allow (Node.js 5 s), so
/// that a connection is rarely closed under a request.
const MAX_IDLE: Millis = 4_000;

/// An idle connection: nothing is kept but the socket.
#[derive(Debug)]
struct Idle {
    stream: TcpStream,
    since: Millis,
}

impl Idle {
    /// Whether the backend has closed the connection, or sent something unasked, while it was idle. Needs no system call:
    /// the runtime has heard of it. (Polled, the runtime would say no as soon as the task has done much at a stretch.)
    fn is_stale(&self) -> bool {
        !matches!(self.stream.try_read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }
}

/// The idle connections to one backend.
#[derive(Debug)]
struct Kept {
    connections: Vec<Idle>,
    /// Theirs. As long as it lives its address is its own, and no other backend comes by these connections.
    _live: Arc<Live>,
}

/// One worker's idle connections, by backend. The last one used goes first.
#[derive(Debug, Default)]
pub(crate) struct IdleConnections {
    by_backend: HashMap<usize, Kept, BuildHasherDefault<AddressHasher>>,
    buffers: SpareBuffers,
}

impl IdleConnections {
    /// A connection that is still usable, if there is one.
    pub(crate) fn take(&mut self, backend: &Backend) -> Option<Connection> {
        let idle = &mut self.by_backend.get_mut(&key(&backend.live))?.connections;
        while let Some(connection) = idle.pop() {
            if !connection.is_stale() {
                let (out, buffer) = self.buffers.take();
                return Some(Connection { stream: connection.stream, out, reused: true, buffer, read_size: FIRST_READ });
            }
        }
        None
    }

    /// Keeps a connection whose last answer has been read to its end.
    pub(crate) fn put(&mut self, backend: &Backend, connection: Connection, now: Millis) {
        let kept = self.by_backend.entry(key(&backend.live));
        let nothing = || Kept { connections: Vec::new(), _live: Arc::clone(&backend.live) };
        let idle = &mut kept.or_insert_with(nothing).connections;
        if idle.len() < MAX_IDLE_CONNECTIONS {
            let Connection { stream, out, buffer, read_size, .. } = connection;
            idle.push(Idle { stream, since: now });
            if read_size == FIRST_READ {
                self.buffers.put(out, buffer);
            }
        }
    }

    /// Closes what has been idle for too long.
    pub(crate) fn expire(&mut self, now: Millis) {
        self.by_backend.retain(|_, Kept { connections, .. }| {
            connections.retain(|connection| now.saturating_sub(connection.since) < MAX_IDLE);
            !connections.is_empty()
        });
    }

    /// Closes those to other backends than these.
    pub(crate) fn keep_only<'a>(&mut self, backends: impl Iterator<Item = &'a Arc<Live>>) {
        let known: HashSet<usize> = backends.map(key).collect();
        self.by_backend.retain(|key, _| known.contains(key));
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_backend.is_empty()
    }

    /// Closes all.
    pub(crate) fn clear(&mut self) {
        self.by_backend.clear();
    }
}

/// Buffers that are used in turn by whichever connection is busy: a few that stay in the processor's cache, instead of some for
/// each of perhaps thousands of connections. The oldest goes first, because nobody looks at what was read into it any more;
/// else it could not be written again.
#[derive(Debug, Default)]
struct SpareBuffers(VecDeque<(Vec<u8>, BytesMut)>);

impl SpareBuffers {
    /// How many are left alone until their answers have been passed on.
    const RESTING: usize = 8;

    /// Most that are kept.
    const MOST: usize = 64;

    fn take(&mut self) -> (Vec<u8>, BytesMut) {
        if self.0.len() > Self::RESTING { self.0.pop_front().unwrap_or_default() } else { Default::default() }
    }

    fn put(&mut self, out: Vec<u8>, buffer: BytesMut) {
        if self.0.len() < Self::MOST {
            self.0.push_back((out, buffer));
        }
    }
}

/// Mixes an address (Fibonacci hashing, Knuth 6.4): they differ, and nobody outside chooses them.
#[derive(Debug, Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = (self.0 ^ address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32);
    }
}

/// A backend's state outlives configs, and so do its connections.
fn key(live: &Arc<Live>) -> usize {
    Arc::as_ptr(live).addr()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use tokio::net::TcpListener;
    use tokio::task::coop;

    use super::*;

    #[tokio::test]
    async fn a_closed_connection_is_stale_however_much_the_task_has_done() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let idle = Idle { stream, since: 0 };
        let (backend, _) = listener.accept().await.unwrap();
        assert!(!idle.is_stale());
        drop(backend);
        idle.stream.readable().await.unwrap();
        let stale = poll_fn(|cx| {
            while let Poll::Ready(budget) = coop::poll_proceed(cx) {
                budget.made_progress();
            }
            Poll::Ready(idle.is_stale())
        });
        assert!(stale.await);
    }
}
