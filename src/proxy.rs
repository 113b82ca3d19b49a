//! The data plane: takes requests, hands them to backends, passes the answers on.
//!
//! One thread per worker, nothing shared between them on the request path. A request walks through [`handler`]:
//! [`request`] checks it, [`crate::route`] finds its pool in the worker's [`site`], the pool's rotation picks a backend,
//! [`exchange`] sends it over an [`upstream`] connection, and the answer's [`body`] carries the lease until its last byte. What
//! went wrong becomes a status in [`error`] and nowhere else. hyper speaks HTTP/1.1 to clients ([`connection`]); towards backends we speak it ourselves.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::running::Follow;
use crate::secret::Secret;
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
mod site;
mod sticky;
mod tunnel;
mod upload;
mod upstream;
mod worker;

/// What the data plane needs.
#[derive(Debug)]
pub struct Setup {
    /// What to serve by, and on which listeners.
    pub running: Follow,
    /// Where it counts. It has a place for each worker.
    pub tally: Arc<Tally>,
    /// Where it reports.
    pub reports: Reports,
    /// Where requests are logged: a pen for each worker, or none.
    pub pens: Vec<Pen>,
    /// What cookies are made with.
    pub secret: Arc<Secret>,
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

/// Starts the workers.
///
/// # Errors
/// The system has no thread left.
pub fn start(setup: Setup) -> io::Result<Proxy> {
    let Setup { running, tally, reports, pens, secret, shutdown, seed } = setup;
    let mut pens = pens.into_iter();
    let (senders, inboxes): (Vec<_>, Vec<_>) = tally.connections.iter().map(|_| mpsc::unbounded_channel()).unzip();
    let peers: Arc<[_]> = senders.into();
    let mut workers = Vec::new();
    for (index, inbox) in inboxes.into_iter().enumerate() {
        let plan = worker::Plan {
            index,
            running: running.clone(),
            tally: Arc::clone(&tally),
            reports: reports.clone(),
            log: pens.next(),
            secret: Arc::clone(&secret),
            shutdown: shutdown.clone(),
            inbox,
            peers: Arc::clone(&peers),
            seed,
        };
        let thread = std::thread::Builder::new().name(format!("worker-{index}"));
        workers.push(thread.spawn(move || worker::run(plan))?);
    }
    Ok(Proxy { workers })
}

impl Proxy {
    /// Waits until every worker has ended, which they do after [`Shutdown::begin`]. Returns the requests that were cut.
    pub fn join(self) -> u32 {
        // A worker that panicked has been reported by the panic hook. They are cut together, so the first one to look saw all.
        self.workers.into_iter().filter_map(|worker| worker.join().ok()?.ok()).max().unwrap_or(0)
    }
}
