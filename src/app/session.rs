//! One run: starts everything in order, watches over it ([`watch`]), and stops it in order.

mod watch;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::face::Face;
use super::failure::Failure;
use super::outputs::Outputs;
use super::random;
use super::signals::Signals;
use crate::balance::Millis;
use crate::balance::pool::{Pool, Settings};
use crate::cli::{self, Options};
use crate::clock;
use crate::config::{Config, Loaded, OnHangup, Problem};
use crate::control::{self, Control};
use crate::demo::Demo;
use crate::event::{Event, EventBus, Severity};
use crate::proxy;
use crate::shutdown::Shutdown;
use crate::tally::Tally;
use crate::tui;

/// How long anything may take that should take no time, once the requests are done or cut.
const FAREWELL: Duration = Duration::from_secs(2);

/// Reports from the workers that may wait for the control plane.
const REPORTS: usize = 1024;

/// What to run, and how it shows itself.
#[derive(Debug)]
pub(super) struct Plan {
    config: Config,
    warnings: Vec<Problem>,
    face: Face,
    demo: Option<(Demo, cli::Demo)>,
}

impl Plan {
    /// A config of the operator's.
    pub(super) fn new(Loaded { config, warnings }: Loaded, face: Face) -> Self {
        Self { config, warnings, face, demo: None }
    }

    /// The built-in world.
    pub(super) fn demo(demo: Demo, wishes: cli::Demo, face: Face) -> Self {
        Self { config: demo.config(wishes.listen), warnings: Vec::new(), face, demo: Some((demo, wishes)) }
    }
}

/// Runs to the end.
pub(super) fn run(plan: Plan, options: &Options) -> Result<ExitCode, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io("cannot start", &error))?;
    let ending = runtime.block_on(async {
        let signals = Signals::catch().map_err(|error| Failure::io("cannot catch signals", &error))?;
        let mut session = Session::start(plan, options, signals).await?;
        let ending = session.watch().await;
        session.stop(ending.cut).await;
        ending.code
    });
    // A worker that does not end must not hold up the others.
    runtime.shutdown_background();
    ending
}

/// What is running.
#[derive(Debug)]
struct Session {
    signals: Signals,
    face: Face,
    on_hangup: OnHangup,
    grace: Millis,
    bus: EventBus,
    shutdown: Shutdown,
    pools: Arc<[Arc<Pool>]>,
    outputs: Outputs,
    control: Control,
    /// Ends when every worker has ended, with the number of requests that were cut.
    served: JoinHandle<u32>,
}

impl Session {
    /// Whatever may fail comes first and says nothing, so that a failure is one clear line.
    async fn start(plan: Plan, options: &Options, signals: Signals) -> Result<Self, Failure> {
        let Plan { config, warnings, face, demo } = plan;
        let (config, bus, shutdown) = (Arc::new(config), EventBus::default(), Shutdown::default());
        tui::install_panic_hook(bus.clone());
        let outputs = Outputs::open(&bus, options.log_file.as_deref(), face)?;

        let pools: Arc<[_]> = config.pools.iter().map(|pool| new_pool(pool.balance.clone(), config.workers)).collect();
        let tally = Arc::new(Tally::new(pools.len(), config.workers));
        let (reports, reported) = mpsc::channel(REPORTS);
        let proxy = proxy::start(proxy::Setup {
            config: Arc::clone(&config),
            pools: pools.to_vec(),
            tally: Arc::clone(&tally),
            reports,
            shutdown: shutdown.clone(),
            seed: random(),
        });
        let proxy = proxy.map_err(|error| Failure::listen(error.address, &error.source))?;
        let control = control::start(control::Setup {
            config: Arc::clone(&config),
            pools: Arc::clone(&pools),
            bus: bus.clone(),
            shutdown: shutdown.clone(),
            tally,
            reports: reported,
            listen: proxy.addresses.clone(),
        });
        let control = control.await.map_err(Failure::new)?;

        for warning in warnings {
            bus.publish(Event::ConfigWarning { problem: warning.to_string() });
        }
        control.set_serving();
        if let Some((demo, wishes)) = &demo {
            join_in((demo, wishes), proxy.addresses[0], &bus, &shutdown)?;
        }
        Ok(Self {
            signals,
            face,
            on_hangup: config.on_hangup,
            grace: config.shutdown_grace.as_millis() as Millis,
            bus,
            shutdown,
            pools,
            outputs,
            control,
            served: spawn_blocking(|| proxy.join()),
        })
    }

    /// Stops what is left when the requests are done.
    async fn stop(self, cut: u32) {
        self.bus.publish(Event::ShutdownEnded { cut });
        let _ = timeout(FAREWELL, self.control.stop()).await;
        self.outputs.finish(FAREWELL);
    }
}

/// A pool whose backends wait for their first check, or take requests at once if they have none.
fn new_pool(settings: Settings, workers: usize) -> Arc<Pool> {
    let pool = Arc::new(Pool::new(settings, workers, random()));
    pool.refresh(clock::now());
    pool
}

/// Tells where the demo's proxy is, and sends it traffic.
fn join_in((demo, wishes): (&Demo, &cli::Demo), proxy: SocketAddr, bus: &EventBus, shutdown: &Shutdown) -> Result<(), Failure> {
    let text = format!("try: curl http://{proxy}/");
    bus.publish(Event::Note { text, severity: Severity::Info });
    if wishes.no_traffic {
        return Ok(());
    }
    let sent = demo.send_traffic(proxy, wishes.rate, random(), shutdown.draining().clone());
    sent.map_err(|error| Failure::io("cannot start the demo's traffic", &error))
}
