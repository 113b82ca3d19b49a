//! Accepting connections, and sharing them out so that every worker has as many.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, error::SendError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::connection;
use super::headers::Peer;
use super::worker::{Plan, Worker};
use crate::listener::Listener;
use crate::shutdown::Shutdown;

/// Pause when nothing more can be accepted for now.
const PAUSE: Duration = Duration::from_millis(20);

/// A client connection handed from the worker that accepted it to the one that has fewest.
pub(super) type Handover = (std::net::TcpStream, SocketAddr);

/// The listeners of one worker, each with a task that accepts.
pub(super) struct Doors {
    worker: Rc<Worker>,
    peers: Arc<[mpsc::UnboundedSender<Handover>]>,
    shutdown: Shutdown,
    open: Vec<Door>,
}

struct Door {
    listener: Arc<Listener>,
    /// Cancelled when nothing more is to be accepted.
    stop: CancellationToken,
    accepting: JoinHandle<()>,
}

impl Doors {
    /// None yet. They close when the drain begins.
    pub(super) fn new(worker: &Rc<Worker>, plan: &Plan) -> Self {
        let (peers, shutdown) = (Arc::clone(&plan.peers), plan.shutdown.clone());
        Self { worker: Rc::clone(worker), peers, shutdown, open: Vec::new() }
    }

    /// Accepts on these listeners from now on, and on no others. Connections that are open stay.
    ///
    /// # Errors
    /// The last share that the system would not take; the others are open.
    pub(super) fn follow(&mut self, listeners: &[Arc<Listener>]) -> io::Result<()> {
        let stays = |door: &Door| listeners.iter().any(|listener| Arc::ptr_eq(listener, &door.listener));
        self.open.extract_if(.., |door| !stays(door)).for_each(|door| door.stop.cancel());
        let mut opened = Ok(());
        for listener in listeners {
            for share in listener.take_shares(self.worker.index) {
                opened = self.open(listener, share).and(opened);
            }
        }
        opened
    }

    fn open(&mut self, listener: &Arc<Listener>, share: std::net::TcpListener) -> io::Result<()> {
        let stop = self.shutdown.draining().child_token();
        let acceptor = Acceptor {
            worker: Rc::clone(&self.worker),
            peers: Arc::clone(&self.peers),
            origin: Arc::clone(listener),
            listener: TcpListener::from_std(share)?,
            stop: stop.clone(),
        };
        let accepting = tokio::task::spawn_local(acceptor.run());
        self.open.push(Door { listener: Arc::clone(listener), stop, accepting });
        Ok(())
    }

    /// Waits until all are closed, which they are soon after the drain has begun.
    pub(super) async fn close(self) {
        for door in self.open {
            let _ = door.accepting.await;
        }
    }
}

/// Accepts on one listener.
struct Acceptor {
    /// For whom.
    worker: Rc<Worker>,
    /// The ways to all workers.
    peers: Arc<[mpsc::UnboundedSender<Handover>]>,
    /// Whose share this is.
    origin: Arc<Listener>,
    /// Where.
    listener: TcpListener,
    /// Until when.
    stop: CancellationToken,
}

impl Acceptor {
    /// Accepts until it is stopped; what waits by then is still accepted.
    async fn run(self) {
        while !self.stop.is_cancelled() {
            tokio::select! {
                accepted = self.listener.accept() => self.accepted(accepted).await,
                () = self.stop.cancelled() => break,
            }
        }
        self.origin.let_go();
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

    async fn accepted(&self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        match accepted {
            Ok((stream, address)) => {
                // Judged now: other workers have accepted while this one waited.
                while self.is_full() && !self.stop.is_cancelled() {
                    tokio::time::sleep(PAUSE).await;
                }
                self.dispatch(stream, address);
            }
            // The client was gone before it was served.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Out of descriptors or memory: what is open goes on, and makes room.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }

    fn is_full(&self) -> bool {
        self.worker.tally.open_connections() >= self.worker.site().config.limits.max_connections as u64
    }

    /// Keeps the connection, unless another worker has fewer. (In a drain that one may be gone already.)
    fn dispatch(&self, stream: TcpStream, address: SocketAddr) {
        let counts = &self.worker.tally.connections;
        let load = |index: &usize| counts[*index].load(Relaxed);
        let own = self.worker.index;
        let fewest = (0..counts.len()).min_by_key(load).unwrap_or(own);
        let target = if load(&own) > load(&fewest) && !self.stop.is_cancelled() { fewest } else { own };
        if target == own {
            self.worker.admit(stream, address);
            return;
        }
        let Ok(stream) = stream.into_std() else { return };
        counts[target].fetch_add(1, Relaxed);
        self.worker.tally.connections_total.fetch_add(1, Relaxed);
        if let Err(SendError(handover)) = self.peers[target].send((stream, address)) {
            // That worker has ended meanwhile.
            counts[target].fetch_sub(1, Relaxed);
            counts[own].fetch_add(1, Relaxed);
            self.worker.take_over(handover);
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
            let peer = Peer::new(address.ip(), &worker.site().config.trusted_proxies);
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
