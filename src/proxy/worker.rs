//! One data-plane thread: its own runtime, its own upstream connections, its own counters.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use http::HeaderMap;
use hyper::server::conn::http1;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;

use super::accept::{Acceptor, Handover};
use super::deadline::Sweep;
use super::log;
use super::memory::Leftovers;
use super::router::Router;
use super::upstream::Connection;
use super::upstream::idle::IdleConnections;
use crate::balance::Millis;
use crate::balance::backend::Backend;
use crate::balance::lease::Signal;
use crate::balance::picker::Picker;
use crate::balance::pool::Pool;
use crate::balance::retry_budget::RetryBudget;
use crate::clock;
use crate::config::{Config, PoolConfig};
use crate::shutdown::Shutdown;
use crate::tally::{Answers, Report, Reports, Tally};
use crate::telemetry::access_log::Pen;

/// What one worker is made of; built by the front door, taken to the thread.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) index: usize,
    pub(super) config: Arc<Config>,
    pub(super) pools: Vec<Arc<Pool>>,
    pub(super) tally: Arc<Tally>,
    pub(super) reports: Reports,
    pub(super) log: Option<Pen>,
    pub(super) shutdown: Shutdown,
    pub(super) listeners: Vec<std::net::TcpListener>,
    pub(super) inbox: mpsc::UnboundedReceiver<Handover>,
    pub(super) peers: Arc<[mpsc::UnboundedSender<Handover>]>,
    pub(super) seed: u64,
}

/// A pool as one worker sees it.
#[derive(Debug)]
pub(super) struct Upstream {
    /// The pool.
    pub(super) pool: Arc<Pool>,
    /// This worker's picks from it.
    pub(super) picker: Picker,
    /// Its place in the config.
    pub(super) index: usize,
    config: Arc<Config>,
    budget: RefCell<RetryBudget>,
}

impl Upstream {
    /// What the config says of the pool.
    pub(super) fn config(&self) -> &PoolConfig {
        &self.config.pools[self.index]
    }

    /// Where its answers by evenkeel are counted.
    pub(super) fn answers<'a>(&self, tally: &'a Tally) -> &'a Answers {
        &tally.answers[self.index]
    }

    /// A request came: it earns its part of a retry.
    pub(super) fn count_request(&self, now: Millis) {
        self.budget.borrow_mut().count_request(now);
    }

    /// Whether the budget has a retry left; takes it.
    pub(super) fn withdraw_retry(&self, now: Millis) -> bool {
        self.budget.borrow_mut().try_retry(now)
    }
}

/// The state that the tasks of one worker share.
#[derive(Debug)]
pub(super) struct Worker {
    /// Its number, from 0.
    pub(super) index: usize,
    /// The configuration.
    pub(super) config: Arc<Config>,
    /// Which pool serves what.
    pub(super) router: Router,
    /// The pools, in the order of the config.
    pub(super) upstreams: Vec<Upstream>,
    /// What the data plane counts.
    pub(super) tally: Arc<Tally>,
    /// Its deadlines.
    pub(super) sweep: Rc<Sweep>,
    /// hyper's settings.
    pub(super) http: http1::Builder,
    /// Whether connections are to end after their present request.
    pub(super) draining: Cell<bool>,
    /// What sleeping connections have left behind.
    pub(super) memory: Leftovers,
    /// Maps for the fields of answers.
    pub(super) spare_headers: SpareHeaders,
    /// Where requests are logged, if they are.
    pub(super) log: Option<Rc<Pen>>,
    reports: Reports,
    idle: RefCell<IdleConnections>,
    random: Cell<u64>,
    /// Told when the count of its connections has come to 0.
    pub(super) last_connection_gone: Notify,
}

impl Worker {
    fn new(plan: &mut Plan) -> Rc<Self> {
        let config = Arc::clone(&plan.config);
        let limits = config.limits;
        let mut http = http1::Builder::new();
        // Head time-outs are ours; the buffer holds a head of the largest size allowed and bounds what a slow reader can make
        // us keep.
        http.header_read_timeout(None)
            // Whether the client has left is ours to find out: hyper would ask for a buffer to do so.
            .half_close(true)
            .max_headers(limits.headers)
            .max_header_size(limits.header_bytes)
            .max_buf_size((limits.header_bytes + limits.uri_bytes).max(64 * 1024));
        let floor = RETRIES_PER_SECOND / config.workers as f64;
        let upstream = |(index, pool): (usize, &Arc<Pool>)| Upstream {
            picker: pool.picker(plan.index),
            pool: Arc::clone(pool),
            index,
            budget: RefCell::new(RetryBudget::new(config.pools[index].retry.budget_percent, floor)),
            config: Arc::clone(&config),
        };
        Rc::new(Self {
            index: plan.index,
            router: Router::new(config.pools.iter().map(|p| (p.hosts.as_slice(), p.path_prefix.as_str()))),
            upstreams: plan.pools.iter().enumerate().map(upstream).collect(),
            tally: Arc::clone(&plan.tally),
            sweep: Rc::default(),
            http,
            draining: Cell::new(false),
            reports: plan.reports.clone(),
            memory: Leftovers::default(),
            spare_headers: SpareHeaders::default(),
            log: plan.log.take().map(Rc::new),
            idle: RefCell::default(),
            // Mixed, or the workers would walk the same sequence a step apart.
            random: Cell::new(mix(plan.seed.wrapping_add(plan.index as u64))),
            last_connection_gone: Notify::new(),
            config,
        })
    }

    /// 64 random bits (`SplitMix64`, Steele, Lea and Flood 2014). Not for secrets.
    pub(super) fn entropy(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.random.set(state);
        mix(state)
    }

    /// A kept-alive connection to a backend.
    pub(super) fn reuse(&self, backend: &Backend) -> Option<Connection> {
        self.idle.borrow_mut().take(backend)
    }

    /// Keeps a connection for later requests.
    pub(super) fn keep(&self, backend: &Backend, connection: Connection) {
        if !self.draining.get() {
            self.idle.borrow_mut().put(backend, connection, self.sweep.now());
        }
    }

    /// Closes the connections that are kept for later requests. Says whether there were any.
    pub(super) fn give_up_idle(&self) -> bool {
        let mut idle = self.idle.borrow_mut();
        let any = !idle.is_empty();
        idle.clear();
        any
    }

    /// Tells the control plane.
    pub(super) fn report(&self, backend: Arc<Backend>, signal: Signal) {
        // Full means that the control plane has plenty of the same to act upon.
        let _ = self.reports.try_send(Report { backend, signal });
    }

    fn cut_epochs(&self) -> u32 {
        let backends = self.upstreams.iter().flat_map(|u| u.pool.backends());
        backends.fold(0, |sum, backend| sum.wrapping_add(backend.live.cut_epoch.load(Relaxed)))
    }
}

/// The header maps of past requests, emptied, for the answers to come: to make one costs two allocations.
#[derive(Debug, Default)]
pub(super) struct SpareHeaders(RefCell<Vec<HeaderMap>>);

impl SpareHeaders {
    /// Most that are kept.
    const MOST: usize = 64;

    /// Largest that is kept, in fields.
    const LARGEST: usize = 64;

    /// An empty map.
    pub(super) fn take(&self) -> HeaderMap {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    /// Empties a map and keeps it.
    pub(super) fn put(&self, mut headers: HeaderMap) {
        let mut spare = self.0.borrow_mut();
        if spare.len() < Self::MOST && headers.capacity() <= Self::LARGEST {
            headers.clear();
            spare.push(headers);
        }
    }
}

/// Every bit of the result depends on every bit of `state`.
fn mix(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Retries per second that are always allowed, over all workers.
const RETRIES_PER_SECOND: f64 = 10.0;

/// Runs a worker to its end. Returns the requests, of all workers, that were in flight when this one was cut.
pub(super) fn run(plan: Plan) -> io::Result<u32> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, serve(plan))
}

async fn serve(mut plan: Plan) -> io::Result<u32> {
    let worker = Worker::new(&mut plan);
    let mut cut_epochs = worker.cut_epochs();
    let sweeping = {
        let sweep = Rc::clone(&worker.sweep);
        let worker = Rc::clone(&worker);
        let each_tick = move || {
            let epochs = worker.cut_epochs();
            if std::mem::replace(&mut cut_epochs, epochs) != epochs {
                worker.sweep.wake_all();
            }
            worker.memory.release(clock::now());
            let mut idle = worker.idle.borrow_mut();
            idle.expire(worker.sweep.now());
            let unlogged = worker.log.as_ref().is_some_and(|log| log.pass_on());
            unlogged || !idle.is_empty()
        };
        tokio::task::spawn_local(sweep.run(each_tick))
    };

    let mut accepting = Vec::new();
    for listener in std::mem::take(&mut plan.listeners) {
        let listener = TcpListener::from_std(listener)?;
        let acceptor = Acceptor { worker: Rc::clone(&worker), peers: Arc::clone(&plan.peers), listener };
        accepting.push(tokio::task::spawn_local(acceptor.run(plan.shutdown.clone())));
    }
    loop {
        tokio::select! {
            Some(handed) = plan.inbox.recv() => worker.take_over(handed),
            () = plan.shutdown.draining().cancelled() => break,
        }
    }
    for acceptor in accepting {
        let _ = acceptor.await;
    }
    while let Ok(handed) = plan.inbox.try_recv() {
        worker.take_over(handed);
    }
    // What clients have sent by now is to be heard of before anybody is told to drain.
    tokio::task::yield_now().await;
    worker.draining.set(true);
    worker.give_up_idle();
    worker.sweep.wake_all();
    let mut cut = 0;
    while worker.tally.connections[worker.index].load(Relaxed) > 0 {
        tokio::select! {
            () = worker.last_connection_gone.notified() => {}
            // Another worker's last accept may come in late.
            Some(handed) = plan.inbox.recv() => worker.take_over(handed),
            () = plan.shutdown.cutting().cancelled() => {
                cut = plan.pools.iter().map(|pool| pool.in_flight()).sum();
                break;
            }
        }
    }
    if let Some(log) = &worker.log {
        log::close(log).await;
    }
    sweeping.abort();
    Ok(cut)
}
