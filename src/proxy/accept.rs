//! Accepting connections, and sharing them out so that every worker has as many.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::connection;
use super::headers::Peer;
use super::worker::Worker;
use crate::shutdown::Shutdown;

/// Pause when nothing more can be accepted for now.
const PAUSE: Duration = Duration::from_millis(20);

/// A client connection handed from the worker that accepted it to the one that has fewest.
pub(super) type Handover = (std::net::TcpStream, SocketAddr);

/// Accepts on one listener.
pub(super) struct Acceptor {
    /// For whom.
    pub(super) worker: Rc<Worker>,
    /// The ways to all workers.
    pub(super) peers: Arc<[mpsc::UnboundedSender<Handover>]>,
    /// Where.
    pub(super) listener: TcpListener,
}

impl Acceptor {
    /// Accepts until the drain begins; what waits by then is still accepted.
    pub(super) async fn run(self, shutdown: Shutdown) {
        while !shutdown.is_draining() {
            tokio::select! {
                accepted = self.listener.accept() => self.accepted(accepted, &shutdown).await,
                () = shutdown.draining().cancelled() => break,
            }
        }
        self.accept_the_rest();
    }

    /// Takes what waits in the kernel's queue, asked directly: the runtime tells of only so many at once.
    fn accept_the_rest(self) {
        let Self { worker, listener, .. } = self;
        let Ok(listener) = listener.into_std() else { return };
        while let Ok((stream, address)) = listener.accept() {
            if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
                worker.admit(stream, address);
            }
        }
    }

    async fn accepted(&self, accepted: io::Result<(TcpStream, SocketAddr)>, shutdown: &Shutdown) {
        match accepted {
            Ok((stream, address)) => {
                // Judged now: other workers have accepted while this one waited.
                while self.is_full() && !shutdown.is_draining() {
                    tokio::time::sleep(PAUSE).await;
                }
                self.dispatch(stream, address, shutdown);
            }
            // The client was gone before it was served.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Out of descriptors or memory: what is open goes on, and makes room.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }

    fn is_full(&self) -> bool {
        self.worker.tally.open_connections() >= self.worker.config.limits.max_connections as u64
    }

    /// Keeps the connection, unless another worker has fewer. (In a drain that one may be gone already.)
    fn dispatch(&self, stream: TcpStream, address: SocketAddr, shutdown: &Shutdown) {
        let counts = &self.worker.tally.connections;
        let load = |index: &usize| counts[*index].load(Relaxed);
        let own = self.worker.index;
        let fewest = (0..counts.len()).min_by_key(load).unwrap_or(own);
        let target = if load(&own) > load(&fewest) && !shutdown.is_draining() { fewest } else { own };
        if target == own {
            self.worker.admit(stream, address);
            return;
        }
        counts[target].fetch_add(1, Relaxed);
        self.worker.tally.connections_total.fetch_add(1, Relaxed);
        if stream.into_std().ok().and_then(|stream| self.peers[target].send((stream, address)).ok()).is_none() {
            counts[target].fetch_sub(1, Relaxed);
        }
    }
}

impl Worker {
    /// Counts and serves a connection that this worker has accepted.
    fn admit(self: &Rc<Self>, stream: TcpStream, address: SocketAddr) {
        self.tally.connections[self.index].fetch_add(1, Relaxed);
        self.tally.connections_total.fetch_add(1, Relaxed);
        self.start(Counted(Rc::clone(self)), stream, address);
    }

    /// Serves a connection that another worker has accepted, and counted as ours.
    pub(super) fn take_over(self: &Rc<Self>, (stream, address): Handover) {
        let counted = Counted(Rc::clone(self));
        if let Ok(stream) = TcpStream::from_std(stream) {
            self.start(counted, stream, address);
        }
    }

    fn start(self: &Rc<Self>, counted: Counted, stream: TcpStream, address: SocketAddr) {
        let worker = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let _counted = counted;
            let peer = Peer::new(address.ip(), &worker.config.trusted_proxies);
            connection::serve(worker, stream, peer).await;
        });
    }
}

/// A connection in its worker's count.
struct Counted(Rc<Worker>);

impl Drop for Counted {
    fn drop(&mut self) {
        if self.0.tally.connections[self.0.index].fetch_sub(1, Relaxed) == 1 {
            self.0.last_connection_gone.notify_one();
        }
    }
}
