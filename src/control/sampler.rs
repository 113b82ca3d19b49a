//! How things are: four times a second the workers' counters become one [`Snapshot`], once a second their news become
//! events.
//!
//! The workers are not asked and do not notice: their counters are read as they are. A pool's part is in [`pool`], a
//! backend's in [`backend`], what is kept over time in [`series`] and [`window`].

mod backend;
mod counts;
mod fair;
mod pool;
mod series;
mod told;
mod window;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use self::pool::PoolSampler;
use self::told::Told;
use super::health_check::Register;
use super::phase::PhaseWatch;
use crate::balance::Millis;
use crate::balance::pool::Pool;
use crate::balance::snapshot::Snapshot;
use crate::clock;
use crate::config::PoolConfig;
use crate::event::{Event, EventBus};
use crate::tally::{Cause, Tally};

/// Between two snapshots.
const TICK: Duration = Duration::from_millis(250);

/// What does not change while the process runs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Addresses that take traffic.
    pub listen: Vec<String>,
    /// Data-plane threads.
    pub workers: usize,
}

/// See the module.
#[derive(Debug)]
pub struct Sampler {
    facts: Facts,
    phase: PhaseWatch,
    bus: EventBus,
    tally: Arc<Tally>,
    pools: Vec<PoolSampler>,
    unrouted: Told<{ Cause::ALL.len() }>,
    /// The second that news were told in last.
    told: u64,
}

impl Sampler {
    /// Watches these pools from `now` on; `configs` are in the same order.
    pub fn new(
        facts: Facts,
        phase: PhaseWatch,
        bus: EventBus,
        tally: Arc<Tally>,
        pools: impl Iterator<Item = PoolSampler>,
        now: Millis,
    ) -> Self {
        Self { facts, phase, bus, tally, pools: pools.collect(), unrouted: Told::default(), told: now / 1000 }
    }

    /// Reads the counters. Once a second, publishes what is new.
    pub fn sample(&mut self, now: Millis) -> Snapshot {
        self.pools.iter_mut().for_each(|pool| pool.tick(&self.tally, now));
        if now / 1000 > self.told {
            self.told = now / 1000;
            let unrouted = pool::answered(&mut self.unrouted, pool::read(&self.tally.unrouted), None);
            let news = self.pools.iter_mut().flat_map(PoolSampler::news);
            unrouted.chain(news).for_each(|event| self.bus.publish(event));
        }
        Snapshot {
            version: env!("CARGO_PKG_VERSION").into(),
            at_unix_ms: clock::unix_ms(),
            uptime_ms: now,
            phase: self.phase.get(),
            drain_left_ms: self.phase.drain_left(),
            listen: self.facts.listen.clone(),
            workers: self.facts.workers,
            connections: self.tally.open_connections(),
            connections_total: self.tally.connections_total.load(std::sync::atomic::Ordering::Relaxed),
            events_dropped: self.bus.dropped(),
            pools: self.pools.iter().map(|pool| pool.view(&self.tally, now)).collect(),
        }
    }

    /// Publishes snapshots for ever.
    pub async fn run(mut self, snapshots: watch::Sender<Arc<Snapshot>>) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tick.tick().await;
            snapshots.send_replace(Arc::new(self.sample(clock::now())));
        }
    }
}
