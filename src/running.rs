//! What runs: a config, the pools made of it, and the addresses listened on, as one immutable value. A reload publishes the
//! next one; whoever goes by it follows a [`Follow`].
//!
//! The control desk holds the only sender. Workers and control tasks take the newest value at a moment that suits them;
//! [`crate::tally::Tally::generations`] tells how far the workers are.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

use crate::balance::pool::Pool;
use crate::config::{Config, PoolConfig};
use crate::listener::Listener;
use crate::tally::PoolTally;

/// Tells what runs, and when that changes: `borrow()` it for the newest, never across an `await`.
pub type Follow = watch::Receiver<Arc<Running>>;

/// See the module.
#[derive(Debug)]
pub struct Running {
    /// Counts up from 1 with each reload that changes anything.
    pub generation: u64,
    /// The config in force. What only a restart can change is as it was at the start, whatever the file says by now.
    pub config: Arc<Config>,
    /// Its pools, in the same order.
    pub pools: Arc<[Arc<Pool>]>,
    /// What evenkeel itself answers and keeps waiting for each pool, in the same order.
    pub tallies: Arc<[Arc<PoolTally>]>,
    /// The addresses listened on, in the order of the config.
    pub listeners: Arc<[Arc<Listener>]>,
    /// Pools that are not in the config any more, while requests are in flight there.
    pub leaving: Arc<[Arc<Pool>]>,
}

impl Running {
    /// What a config makes, on these listeners. `seed` differs from process to process. Nobody is eligible before the pools
    /// are refreshed.
    pub fn new(config: Config, listeners: Vec<Arc<Listener>>, mut seed: impl FnMut() -> u64) -> Arc<Self> {
        let pool = |pool: &PoolConfig| Arc::new(Pool::new(pool.balance.clone(), config.workers, seed()));
        Arc::new(Self {
            generation: 1,
            pools: config.pools.iter().map(pool).collect(),
            tallies: config.pools.iter().map(|_| Arc::default()).collect(),
            listeners: listeners.into(),
            leaving: Arc::default(),
            config: Arc::new(config),
        })
    }

    /// What takes its place under another config, on these listeners. A pool of the same name keeps its state; if nothing
    /// that concerns its balancing has changed it is the very same pool, else the one that succeeds it (see
    /// [`Pool::succeeded_by`]) and is to be refreshed.
    pub fn succeeded_by(&self, config: Config, listeners: Vec<Arc<Listener>>, mut seed: impl FnMut() -> u64) -> Arc<Self> {
        let known: HashMap<_, _> =
            self.pools.iter().zip(&*self.tallies).map(|(pool, tally)| (pool.name(), (pool, tally))).collect();
        let successor = |new: &PoolConfig| match known.get(new.name()) {
            Some((pool, tally)) if *pool.settings() == new.balance => (Arc::clone(pool), Arc::clone(tally)),
            Some((pool, tally)) => (Arc::new(pool.succeeded_by(new.balance.clone())), Arc::clone(tally)),
            None => (Arc::new(Pool::new(new.balance.clone(), config.workers, seed())), Arc::default()),
        };
        let (pools, tallies): (Vec<_>, Vec<_>) = config.pools.iter().map(successor).unzip();
        let gone = self.pools.iter().filter(|old| pools.iter().all(|new| new.name() != old.name()));
        let leaving = gone.chain(&*self.leaving).filter(|pool| pool.in_flight() > 0).cloned().collect();
        Arc::new(Self {
            generation: self.generation + 1,
            pools: pools.into(),
            tallies: tallies.into(),
            listeners: listeners.into(),
            leaving,
            config: Arc::new(config),
        })
    }

    /// A pool by its name.
    pub fn pool(&self, name: &str) -> Option<&Arc<Pool>> {
        self.pools.iter().find(|pool| **pool.name() == *name)
    }

    /// Requests in flight, also at backends and in pools that a reload has removed.
    pub fn in_flight(&self) -> u32 {
        self.pools.iter().chain(&*self.leaving).map(|pool| pool.in_flight()).sum()
    }

    /// The addresses that take traffic.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.address).collect()
    }
}
