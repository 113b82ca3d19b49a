//! Pools and configs for the tests of this room.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::desk::book::Book;
use super::health_check::Register;
use super::phase::PhaseWatch;
use super::reload::Reloader;
use super::sampler::{Sampler, Sources};
use crate::balance::backend::{BackendId, Spec};
use crate::balance::pool::{AllDown, Pool, Settings};
use crate::balance::snapshot::Snapshot;
use crate::balance::strategy::StrategyKind;
use crate::clock;
use crate::config::{ClientTimeouts, Config, HashKey, HealthCheck, Limits, OnHangup, PoolConfig, Queue, Retry, UpstreamTimeouts};
use crate::event::EventBus;
use crate::running::Running;
use crate::shutdown::Shutdown;
use crate::tally::Tally;

/// Settings of a round robin pool without checks and ejection, its backends at ports 1, 2, ... of loopback.
pub(super) fn settings(pool: &str, backends: &[&str]) -> Settings {
    let spec = |(port, backend): (u16, &&str)| Spec {
        id: BackendId::new(pool, backend),
        host: "127.0.0.1".into(),
        port,
        weight: 1,
        max_in_flight: None,
        backup: false,
    };
    Settings {
        name: pool.into(),
        strategy: StrategyKind::RoundRobin,
        backends: (1..).zip(backends).map(spec).collect(),
        checked: false,
        outlier_detection: None,
        slow_start: 0,
        all_down: AllDown::Fail,
    }
}

/// A refreshed pool of these settings, for one worker.
pub(super) fn pool_of(settings: Settings) -> Arc<Pool> {
    let pool = Arc::new(Pool::new(settings, 1, 0));
    pool.refresh(clock::now());
    pool
}

/// A refreshed pool of [`settings`], for one worker.
pub(super) fn pool(pool: &str, backends: &[&str]) -> Arc<Pool> {
    pool_of(settings(pool, backends))
}

/// The default check, without jitter.
pub(super) fn check() -> HealthCheck {
    HealthCheck { jitter_percent: 0, ..HealthCheck::default() }
}

/// A config of these pools, without admin API.
pub(super) fn config(pools: Vec<Settings>) -> Config {
    let pool = |balance: Settings| PoolConfig {
        health_check: balance.checked.then(check),
        balance,
        hosts: Vec::new(),
        path_prefix: "/".into(),
        hash_key: HashKey::default(),
        retry: Retry::default(),
        timeouts: UpstreamTimeouts::default(),
        queue: Queue::default(),
        sticky: None,
    };
    Config {
        listen: Vec::new(),
        workers: 1,
        admin: None,
        admin_token: None,
        access_log: None,
        state_file: None,
        on_hangup: OnHangup::default(),
        shutdown_grace: Duration::ZERO,
        limits: Limits::default(),
        timeouts: ClientTimeouts::default(),
        trusted_proxies: Vec::new(),
        pools: pools.into_iter().map(pool).collect(),
    }
}

/// These pools at work, checked as their settings say; on no address.
pub(super) fn running(config: Config) -> Arc<Running> {
    let running = Running::new(config, Vec::new(), || 0);
    running.pools.iter().for_each(|pool| _ = pool.refresh(clock::now()));
    running
}

/// What reloads it: there is no file.
pub(super) fn reloader(running: Arc<Running>, bus: &EventBus) -> Reloader {
    let (running, tally) = (watch::Sender::new(running), Arc::new(Tally::new(1)));
    Reloader::new(None, running, Register::default(), tally, Shutdown::default(), bus.clone())
}

/// How things are.
pub(super) fn snapshot(running: &Arc<Running>) -> Snapshot {
    snapshot_by(running, watch::channel(Book::default()).1)
}

/// The same, with these overrides.
pub(super) fn snapshot_by(running: &Arc<Running>, book: watch::Receiver<Book>) -> Snapshot {
    let sources = Sources {
        running: watch::channel(Arc::clone(running)).1,
        checks: Register::new(running),
        phase: PhaseWatch::new(Shutdown::default()),
        tally: Arc::new(Tally::new(1)),
        losses: Arc::default(),
        book,
        config: watch::channel(None).1,
        bus: EventBus::default(),
    };
    let now = clock::now();
    Sampler::new(sources, now).sample(now)
}
