//! The data plane: takes requests, hands them to backends, passes the answers on.
//!
//! One thread per worker, nothing shared between them on the request path. A request walks through [`handler`]:
//! [`request`] checks it, [`router`] finds its pool, the pool's rotation picks a backend, [`exchange`] sends it over an
//! [`upstream`] connection, and the answer's [`body`] carries the lease until its last byte. What went wrong becomes a status
//! in [`error`] and nowhere else. hyper speaks HTTP/1.1 to clients ([`connection`]); towards backends we speak it ourselves.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc;

use crate::balance::pool::Pool;
use crate::config::Config;
use crate::shutdown::Shutdown;
use crate::tally::{Reports, Tally};
use crate::telemetry::access_log::Pen;

mod accept;
mod answered;
mod body;
mod client;
mod connection;
mod deadline;
mod error;
mod exchange;
mod handler;
mod headers;
#[cfg(feature = "internals")]
pub mod internals;
mod log;
mod memory;
mod queue;
mod request;
mod request_body;
mod request_id;
mod retry;
mod router;
mod tunnel;
mod upload;
mod upstream;
mod worker;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// Bytes that may wait in the kernel for a client to take them. Unlimited, the kernel would take megabytes, and then nothing
/// for as long as a slow client needs for a third of them: from here it would look as if it had stopped reading.
const MAX_UNSENT: u32 = 128 * 1024;

/// What the data plane needs.
#[derive(Debug)]
pub struct Setup {
    /// The configuration.
    pub config: Arc<Config>,
    /// The pools, in the order of the config.
    pub pools: Vec<Arc<Pool>>,
    /// Where it counts.
    pub tally: Arc<Tally>,
    /// Where it reports.
    pub reports: Reports,
    /// Where requests are logged: a pen for each worker, or none.
    pub pens: Vec<Pen>,
    /// When it stops.
    pub shutdown: Shutdown,
    /// Differs from process to process.
    pub seed: u64,
}

/// The running data plane.
#[derive(Debug)]
pub struct Proxy {
    workers: Vec<JoinHandle<io::Result<u32>>>,
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

/// Every listener, bound: the addresses are ours, but nobody is served yet.
#[derive(Debug)]
pub struct Bound {
    /// The addresses, with the ports that the system chose.
    pub addresses: Vec<SocketAddr>,
    /// By worker.
    listeners: Vec<Vec<TcpListener>>,
}

/// Binds every listener.
///
/// # Errors
/// The first address that cannot be bound.
pub fn bind(config: &Config) -> Result<Bound, ListenError> {
    let mut addresses = Vec::new();
    let mut listeners: Vec<Vec<TcpListener>> = (0..config.workers).map(|_| Vec::new()).collect();
    for &address in &config.listen {
        let (bound, shares) = bind_shares(address, config.workers).map_err(|source| ListenError { address, source })?;
        addresses.push(bound);
        listeners.iter_mut().zip(shares).for_each(|(of_worker, listener)| of_worker.push(listener));
    }
    Ok(Bound { addresses, listeners })
}

impl Bound {
    /// Starts the workers.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(self, setup: Setup) -> io::Result<Proxy> {
        let Setup { config, pools, tally, reports, pens, shutdown, seed } = setup;
        let mut pens = pens.into_iter();
        let (senders, inboxes): (Vec<_>, Vec<_>) = self.listeners.iter().map(|_| mpsc::unbounded_channel()).unzip();
        let peers: Arc<[_]> = senders.into();
        let mut workers = Vec::new();
        for (index, (listeners, inbox)) in self.listeners.into_iter().zip(inboxes).enumerate() {
            let plan = worker::Plan {
                index,
                config: Arc::clone(&config),
                pools: pools.clone(),
                tally: Arc::clone(&tally),
                reports: reports.clone(),
                log: pens.next(),
                shutdown: shutdown.clone(),
                listeners,
                inbox,
                peers: Arc::clone(&peers),
                seed,
            };
            let thread = std::thread::Builder::new().name(format!("worker-{index}"));
            workers.push(thread.spawn(move || worker::run(plan))?);
        }
        Ok(Proxy { workers })
    }
}

impl Proxy {
    /// Waits until every worker has ended, which they do after [`Shutdown::begin`]. Returns the requests that were cut.
    pub fn join(self) -> u32 {
        // A worker that panicked has been reported by the panic hook. They are cut together, so the first one to look saw all.
        self.workers.into_iter().filter_map(|worker| worker.join().ok()?.ok()).max().unwrap_or(0)
    }
}

/// One listener per worker on the same address, and that address.
fn bind_shares(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    if count == 1 {
        let listener = listen(address, false)?;
        return Ok((listener.local_addr()?, vec![listener]));
    }
    // With SO_REUSEPORT a second process of the same user would silently get a part of the traffic: make sure first that
    // the address is free.
    drop(socket(address, false)?);
    let first = listen(address, true)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..count {
        listeners.push(listen(address, true)?);
    }
    Ok((address, listeners))
}

fn listen(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = socket(address, shared)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if shared {
        socket.set_reuse_port(true)?;
    }
    // Accepted connections inherit these.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_notsent_lowat(MAX_UNSENT)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}
