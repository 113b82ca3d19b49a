//! A world to try evenkeel in: backends of different temper and traffic that swings, all on loopback ports of the system's
//! choice, on threads of their own.

pub mod backend;
pub mod dice;
pub mod temper;
pub mod traffic;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime;
use tokio_util::sync::CancellationToken;

use self::backend::Backend;
use self::dice::Dice;
use self::temper::Temper;
use self::traffic::Traffic;
use crate::balance::backend::{BackendId, Spec};
use crate::balance::ejection::OutlierDetection;
use crate::balance::pool::{AllDown, Settings};
use crate::balance::strategy::StrategyKind;
use crate::cli;
use crate::config::{
    AdminListen, CheckKind, ClientTimeouts, Config, HashKey, HealthCheck, Limits, OnHangup, PoolConfig, Queue, Retry,
    UpstreamTimeouts,
};

/// The only pool.
const POOL: &str = "web";

/// Running backends, and what the operator wishes of them.
#[derive(Debug)]
pub struct Demo {
    wishes: cli::Demo,
    backends: Vec<(String, &'static Temper, SocketAddr)>,
}

impl Demo {
    /// Starts the backends, one temper after the other.
    ///
    /// # Errors
    /// The system grants no port or no thread.
    pub fn start(wishes: cli::Demo, seed: u64) -> io::Result<Self> {
        let dice = Arc::new(Dice::new(seed));
        let mut backends = Vec::new();
        let mut sites = Vec::new();
        for (name, temper) in Temper::cast(usize::from(wishes.backends)) {
            let site = Backend::open(name.clone(), temper, Arc::clone(&dice))?;
            backends.push((name, temper, site.address()));
            sites.push(site);
        }
        spawn("demo-backends", async move {
            let running: tokio::task::JoinSet<()> = sites.into_iter().map(Backend::serve).collect();
            running.join_all().await;
        })?;
        Ok(Self { wishes, backends })
    }

    /// A config with these backends.
    pub fn config(&self) -> Config {
        Config {
            listen: vec![self.wishes.listen],
            workers: thread::available_parallelism().map_or(1, usize::from),
            admin: Some(AdminListen::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)))),
            admin_token: None,
            access_log: None,
            state_file: None,
            on_hangup: OnHangup::Drain,
            shutdown_grace: Duration::from_secs(10),
            limits: Limits::default(),
            timeouts: ClientTimeouts::default(),
            trusted_proxies: Vec::new(),
            pools: vec![self.pool()],
        }
    }

    fn pool(&self) -> PoolConfig {
        let specs = self.backends.iter().map(|(name, temper, address)| Spec {
            id: BackendId::new(POOL, name),
            host: address.ip().to_string(),
            port: address.port(),
            weight: temper.weight,
            max_in_flight: None,
            backup: false,
        });
        let check = HealthCheck {
            kind: CheckKind::Http { path: backend::HEALTH_PATH.into(), expect_status: vec![(200, 299)] },
            interval: Duration::from_secs(1),
            // A machine that has just compiled this may be busy still.
            timeout: Duration::from_secs(2),
            ..HealthCheck::default()
        };
        PoolConfig {
            balance: Settings {
                name: POOL.into(),
                strategy: StrategyKind::LeastConnections,
                backends: specs.collect(),
                checked: true,
                outlier_detection: Some(OutlierDetection { base_ejection: 5_000, ..OutlierDetection::default() }),
                slow_start: 5_000,
                all_down: AllDown::Fail,
            },
            hosts: Vec::new(),
            path_prefix: "/".into(),
            hash_key: HashKey::Path,
            health_check: Some(check),
            retry: Retry::default(),
            timeouts: UpstreamTimeouts::default(),
            queue: Queue::default(),
            sticky: None,
        }
    }

    /// Sends traffic to the proxy until `stop`, unless it is not wanted.
    ///
    /// # Errors
    /// The system grants no thread.
    pub fn send_traffic(&self, proxy: SocketAddr, seed: u64, stop: CancellationToken) -> io::Result<()> {
        if self.wishes.no_traffic {
            return Ok(());
        }
        spawn("demo-traffic", Traffic::new(proxy, f64::from(self.wishes.rate), seed).run(stop))
    }
}

/// A thread with a runtime of its own, which ends with the process or with its task.
fn spawn(name: &str, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name(name.into()).spawn(move || runtime.block_on(task))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_holds_every_backend() {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let demo = Demo::start(cli::Demo { no_traffic: false, rate: 1, backends: 7, listen }, 1).unwrap();
        let config = demo.config();
        let backends = &config.pools[0].balance.backends;
        let names: Vec<_> = backends.iter().map(|spec| &*spec.id.backend).collect();
        assert_eq!(names, ["steady", "heavy", "slow", "flaky", "nomad", "steady-2", "heavy-2"]);
        assert_eq!(backends[1].weight, 2);
        let mut ports: Vec<_> = backends.iter().map(|spec| spec.port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 7);
    }
}
