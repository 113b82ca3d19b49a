//! Pools and configs for the tests of this room.

use std::iter;
use std::sync::Arc;
use std::time::Duration;

use super::phase::PhaseWatch;
use super::register;
use super::sampler::{Sampler, Sources};
use crate::balance::backend::{BackendId, Spec};
use crate::balance::pool::{AllDown, Pool, Settings};
use crate::balance::snapshot::Snapshot;
use crate::balance::strategy::StrategyKind;
use crate::clock;
use crate::config::{
    CheckKind, ClientTimeouts, Config, HashKey, HealthCheck, Limits, OnHangup, PoolConfig, Queue, Retry, UpstreamTimeouts,
};
use crate::event::EventBus;
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

/// An HTTP check each second, without jitter.
pub(super) fn check() -> HealthCheck {
    HealthCheck {
        kind: CheckKind::Http { path: "/".into(), expect_status: vec![(200, 399)] },
        interval: Duration::from_secs(2),
        timeout: Duration::from_secs(1),
        rise: 2,
        fall: 3,
        jitter_percent: 0,
    }
}

/// A config of these pools, without admin API.
pub(super) fn config(pools: Vec<Settings>) -> Config {
    let second = Duration::from_secs(1);
    let pool = |balance: Settings| PoolConfig {
        health_check: balance.checked.then(check),
        balance,
        hosts: Vec::new(),
        path_prefix: "/".into(),
        hash_key: HashKey::ClientIp,
        retry: Retry { attempts: 0, budget_percent: 0, backoff_min: second, backoff_max: second, replay_body: 0 },
        timeouts: UpstreamTimeouts { connect: second, response_head: second, stream_idle: second },
        queue: Queue { size: 0, timeout: second },
    };
    Config {
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        workers: 1,
        admin: None,
        on_hangup: OnHangup::Drain,
        shutdown_grace: second,
        limits: Limits { max_connections: 1, header_bytes: 1, headers: 1, uri_bytes: 1 },
        timeouts: ClientTimeouts { client_header: second, client_idle: second, request_body_idle: second },
        trusted_proxies: Vec::new(),
        pools: pools.into_iter().map(pool).collect(),
    }
}

/// How these pools look, checked as their settings say.
pub(super) fn snapshot(config: &Config, pools: &[Arc<Pool>]) -> Snapshot {
    let sources = Sources {
        listen: vec!["127.0.0.1:8080".into()],
        workers: 1,
        phase: PhaseWatch::new(Shutdown::default()),
        tally: Arc::new(Tally::new(pools.len(), 1)),
        bus: EventBus::default(),
    };
    let now = clock::now();
    Sampler::new(sources, iter::zip(&config.pools, pools), &register(config, pools), now).sample(now)
}
