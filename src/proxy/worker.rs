//! One data-plane thread: its own runtime, its own upstream connections, its own counters.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};

use http::HeaderMap;
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;

use super::accept::{Doors, Handover};
use super::deadline::Sweep;
use super::log;
use super::memory::Leftovers;
use super::site::Site;
use super::upstream::Connection;
use super::upstream::idle::IdleConnections;
use crate::balance::Millis;
use crate::balance::backend::Backend;
use crate::balance::lease::Signal;
use crate::clock;
use crate::running::{Follow, Running};
use crate::secret::Secret;
use crate::shutdown::Shutdown;
use crate::tally::{Report, Reports, Tally};
use crate::telemetry::access_log::Pen;

/// What one worker is made of; built by the front door, taken to the thread.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) index: usize,
    pub(super) running: Follow,
    pub(super) tally: Arc<Tally>,
    pub(super) reports: Reports,
    pub(super) log: Option<Pen>,
    pub(super) secret: Arc<Secret>,
    pub(super) shutdown: Shutdown,
    pub(super) inbox: mpsc::UnboundedReceiver<Handover>,
    pub(super) peers: Arc<[mpsc::UnboundedSender<Handover>]>,
    pub(super) seed: u64,
}

/// The state that the tasks of one worker share.
#[derive(Debug)]
pub(super) struct Worker {
    /// Its number, from 0.
    pub(super) index: usize,
    /// What the data plane counts.
    pub(super) tally: Arc<Tally>,
    /// Its deadlines.
    pub(super) sweep: Rc<Sweep>,
    /// Whether connections are to end after their present request.
    pub(super) draining: Cell<bool>,
    /// What sleeping connections have left behind.
    pub(super) memory: Leftovers,
    /// Maps for the fields of answers.
    pub(super) spare_headers: SpareHeaders,
    /// Where requests are logged, if they are.
    pub(super) log: Option<Rc<Pen>>,
    site: RefCell<Rc<Site>>,
    secret: Arc<Secret>,
    reports: Reports,
    idle: RefCell<IdleConnections>,
    random: Cell<u64>,
    /// Told when the count of its connections has come to 0.
    pub(super) last_connection_gone: Notify,
}

impl Worker {
    fn new(plan: &mut Plan, running: &Running) -> Rc<Self> {
        plan.tally.generations[plan.index].store(running.generation, Release);
        Rc::new(Self {
            index: plan.index,
            tally: Arc::clone(&plan.tally),
            sweep: Rc::default(),
            draining: Cell::new(false),
            site: RefCell::new(Rc::new(Site::new(running, plan.index, None, &plan.secret))),
            secret: Arc::clone(&plan.secret),
            reports: plan.reports.clone(),
            memory: Leftovers::default(),
            spare_headers: SpareHeaders::default(),
            log: plan.log.take().map(Rc::new),
            idle: RefCell::default(),
            // Mixed, or the workers would walk the same sequence a step apart.
            random: Cell::new(mix(plan.seed.wrapping_add(plan.index as u64))),
            last_connection_gone: Notify::new(),
        })
    }

    /// What new requests are served by.
    pub(super) fn site(&self) -> Rc<Site> {
        Rc::clone(&self.site.borrow())
    }

    /// Goes over to what runs by now. Connections kept for backends that are gone are closed.
    fn follow(&self, running: &Running) {
        let site = Site::new(running, self.index, Some(&self.site()), &self.secret);
        self.idle.borrow_mut().keep_only(site.backends());
        self.site.replace(Rc::new(site));
        self.tally.generations[self.index].store(running.generation, Release);
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

/// How often backends are told how long their oldest request has been running, in milliseconds.
const AGES: Millis = 1000;

/// Runs a worker to its end. Returns the requests, of all workers, that were in flight when this one was cut.
pub(super) fn run(plan: Plan) -> io::Result<u32> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, serve(plan))
}

async fn serve(mut plan: Plan) -> io::Result<u32> {
    let running = Arc::clone(&plan.running.borrow_and_update());
    let worker = Worker::new(&mut plan, &running);
    let mut cut_epochs = worker.site().cut_epochs();
    let (mut ages_due, mut busy) = (0, false);
    let sweeping = {
        let sweep = Rc::clone(&worker.sweep);
        let worker = Rc::clone(&worker);
        let each_tick = move || {
            let epochs = worker.site.borrow().cut_epochs();
            if std::mem::replace(&mut cut_epochs, epochs) != epochs {
                worker.sweep.wake_all();
            }
            let now = clock::now();
            worker.memory.release(now);
            if now >= ages_due {
                ages_due = now + AGES;
                busy = worker.site.borrow().tell_ages(now);
            }
            let mut idle = worker.idle.borrow_mut();
            idle.expire(worker.sweep.now());
            let unlogged = worker.log.as_ref().is_some_and(|log| log.pass_on());
            unlogged || busy || !idle.is_empty()
        };
        tokio::task::spawn_local(sweep.run(each_tick))
    };

    let mut doors = Doors::new(&worker, &plan);
    doors.follow(&running.listeners)?;
    drop(running);
    loop {
        tokio::select! {
            Some(handed) = plan.inbox.recv() => worker.take_over(handed),
            Ok(()) = plan.running.changed() => {
                let running = Arc::clone(&plan.running.borrow_and_update());
                worker.follow(&running);
                // What this worker cannot listen on, others can.
                let _ = doors.follow(&running.listeners);
            }
            () = plan.shutdown.draining().cancelled() => break,
        }
    }
    doors.close().await;
    while let Ok(handed) = plan.inbox.try_recv() {
        worker.take_over(handed);
    }
    // What clients have sent by now is to be heard of before anybody is told to drain.
    tokio::task::yield_now().await;
    worker.draining.set(true);
    worker.give_up_idle();
    worker.sweep.wake_all();
    let cut = loop {
        if worker.tally.connections[worker.index].load(Relaxed) == 0 {
            // Whoever has something to hand over from now on keeps it.
            plan.inbox.close();
            match plan.inbox.try_recv() {
                Ok(handed) => worker.take_over(handed),
                Err(_) => break 0,
            }
        }
        tokio::select! {
            () = worker.last_connection_gone.notified() => {}
            // Another worker's last accept may come in late.
            Some(handed) = plan.inbox.recv() => worker.take_over(handed),
            () = plan.shutdown.cutting().cancelled() => break plan.running.borrow().in_flight(),
        }
    };
    if let Some(log) = &worker.log {
        log::close(log).await;
    }
    sweeping.abort();
    Ok(cut)
}
