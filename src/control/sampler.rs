//! How things are: four times a second the workers' counters become one [`Snapshot`], once a second their news become
//! events.
//!
//! The workers are not asked and do not notice: their counters are read as they are. A pool's part is in `pool`, a
//! backend's in `backend`, what is kept over time in `series` and `window`.

mod backend;
mod counts;
mod deeds;
mod emptying;
mod fair;
mod pool;
mod series;
mod told;
mod window;

use std::mem::take;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::deeds::Listener;
use self::pool::PoolSampler;
use self::told::Told;
use super::desk::book::Book;
use super::health_check::Register;
use super::phase::PhaseWatch;
use crate::balance::Millis;
use crate::balance::snapshot::{ConfigState, Snapshot};
use crate::balance::totals::Deeds;
use crate::clock;
use crate::event::{Event, EventBus};
use crate::running::{Follow, Running};
use crate::tally::{Cause, Tally};
use crate::telemetry::access_log::{LOSSES, Losses};

/// Between two snapshots.
const TICK: Duration = Duration::from_millis(250);

/// Asks for a snapshot of this instant.
pub type Asks = mpsc::Sender<oneshot::Sender<Arc<Snapshot>>>;

/// What is looked at.
#[derive(Debug)]
pub struct Sources {
    /// What runs.
    pub running: Follow,
    /// The checks of the backends.
    pub checks: Register,
    /// What the process is doing.
    pub phase: PhaseWatch,
    /// What the data plane counts.
    pub tally: Arc<Tally>,
    /// What the access log loses.
    pub losses: Arc<Losses>,
    /// The overrides in force.
    pub book: watch::Receiver<Book>,
    /// How the config file stands to what runs.
    pub config: watch::Receiver<Option<ConfigState>>,
    /// Where news go.
    pub bus: EventBus,
}

/// See the module.
#[derive(Debug)]
pub struct Sampler {
    sources: Sources,
    /// What was running at the last look.
    running: Arc<Running>,
    /// Its pools.
    pools: Vec<PoolSampler>,
    unrouted: Told<{ Cause::ALL.len() }>,
    lost: Told<{ LOSSES.len() }>,
    listener: Listener,
    started_unix_ms: u64,
    /// The second that news were told in last.
    told: u64,
}

impl Sampler {
    /// Watches what runs from `now` on.
    pub fn new(sources: Sources, now: Millis) -> Self {
        let running = Arc::clone(&sources.running.borrow());
        let mut sampler = Self {
            running,
            pools: Vec::new(),
            unrouted: Told::default(),
            lost: Told::default(),
            listener: Listener::new(&sources.bus),
            started_unix_ms: clock::unix_ms().saturating_sub(now),
            told: now / 1000,
            sources,
        };
        sampler.watch(now);
        sampler
    }

    /// Watches the pools of what runs by now. What is kept of a pool or backend that was there before is kept on.
    fn watch(&mut self, now: Millis) {
        let mut before = take(&mut self.pools);
        for index in 0..self.running.pools.len() {
            let name = self.running.pools[index].name();
            let old = before.extract_if(.., |old| old.name() == name).next();
            let pool = PoolSampler::new(&self.running, index, &self.sources.checks, old, now);
            self.pools.push(pool);
        }
    }

    /// Publishes a snapshot at each tick and whenever one is asked for, and a last one of everything at the end.
    pub async fn run(
        mut self,
        snapshots: watch::Sender<Arc<Snapshot>>,
        mut asked: mpsc::Receiver<oneshot::Sender<Arc<Snapshot>>>,
        stop: CancellationToken,
    ) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let reply = tokio::select! {
                _ = tick.tick() => None,
                Some(reply) = asked.recv() => Some(reply),
                () = stop.cancelled() => break,
            };
            let snapshot = Arc::new(self.sample(clock::now()));
            snapshots.send_replace(Arc::clone(&snapshot));
            // Whoever asked may have left meanwhile.
            let _ = reply.map(|reply| reply.send(snapshot));
        }
        snapshots.send_replace(Arc::new(self.sample(clock::now())));
        self.tell();
    }

    /// Reads the counters. Once a second, publishes what is new.
    pub fn sample(&mut self, now: Millis) -> Snapshot {
        let running = Arc::clone(&self.sources.running.borrow());
        if !Arc::ptr_eq(&running, &self.running) {
            self.running = running;
            self.watch(now);
        }
        self.pools.iter_mut().for_each(|pool| pool.tick(now));
        if now / 1000 > self.told {
            self.told = now / 1000;
            self.tell();
        }
        let Sources { phase, tally, losses, book, config, bus, .. } = &self.sources;
        let book = book.borrow();
        Snapshot {
            version: env!("CARGO_PKG_VERSION").into(),
            at_unix_ms: clock::unix_ms(),
            started_unix_ms: self.started_unix_ms,
            uptime_ms: now,
            phase: phase.get(),
            drain_left_ms: phase.drain_left(),
            listen: self.running.addresses().iter().map(ToString::to_string).collect(),
            workers: self.running.config.workers,
            connections: tally.open_connections(),
            connections_total: tally.connections_total.load(Relaxed),
            events_dropped: bus.dropped(),
            config: config.borrow().clone(),
            log_lines_lost: losses.counts().iter().sum(),
            deeds: Deeds { log_lines_lost: losses.counts(), ..self.listener.deeds() },
            own_answers: pool::in_words(pool::read(&tally.unrouted)),
            pools: self.pools.iter().map(|pool| pool.view(&book, now)).collect(),
        }
    }

    fn tell(&mut self) {
        let unrouted = pool::answered(&mut self.unrouted, pool::read(&self.sources.tally.unrouted), None);
        let news = self.pools.iter_mut().flat_map(PoolSampler::news);
        let Sources { losses, bus, .. } = &self.sources;
        let words = losses.words();
        let lost = self.lost.news(losses.counts());
        let lost = lost.map(|(index, lines)| Event::LogLinesLost { lines, why: words[index].clone() });
        unrouted.chain(news).chain(lost).for_each(|event| bus.publish(event));
    }
}

#[cfg(test)]
mod tests;
