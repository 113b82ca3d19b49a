//! One run: starts everything in order, watches over it ([`watch`]), and stops it in order.

mod watch;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::broadcast::Receiver;
use tokio::sync::mpsc;
use tokio::sync::watch::channel;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::dashboard::{Dashboard, here, how};
use super::face::Face;
use super::failure::Failure;
use super::outputs::Outputs;
use super::random;
use super::service_manager::ServiceManager;
use super::signals::Signals;
use super::takeover::{self, Doors, Estate, Predecessor};
use crate::balance::Millis;
use crate::cli::Options;
use crate::config::{Config, Loaded, Problem};
use crate::control::reload::file::Source;
use crate::control::{self, Control};
use crate::demo::Demo;
use crate::event::{Event, EventBus, Severity, Stamped};
use crate::inherited::Inherited;
use crate::listener;
use crate::proxy;
use crate::running::{Follow, Running};
use crate::secret::Secret;
use crate::shutdown::Shutdown;
use crate::tally::Tally;
use crate::tui::{self, Door, Home};

/// How long anything may take that should take no time, once the requests are done or cut.
const FAREWELL: Duration = Duration::from_secs(2);

/// Reports from the workers that may wait for the control plane.
const REPORTS: usize = 1024;

/// What to run, and how it shows itself.
#[derive(Debug)]
pub(super) struct Plan {
    config: Config,
    warnings: Vec<Problem>,
    /// Where the config comes from.
    source: Option<Source>,
    face: Face,
    demo: Option<Demo>,
    inherited: Inherited,
    takeover: bool,
}

impl Plan {
    /// A config of the operator's, loaded from there.
    pub(super) fn new((source, loaded): (Source, Loaded), face: Face) -> Self {
        Self { source: Some(source), ..Self::of(loaded, face) }
    }

    /// A config of the operator's, served without a dashboard: on sockets that the service manager has opened, or on those
    /// of the process that is to be taken over from.
    pub(super) fn serve(loaded: (Source, Loaded), inherited: Inherited, takeover: bool) -> Self {
        Self { inherited, takeover, ..Self::new(loaded, Face::Stderr) }
    }

    /// The built-in world.
    pub(super) fn demo(demo: Demo, face: Face) -> Self {
        let loaded = Loaded { config: demo.config(), warnings: Vec::new() };
        Self { demo: Some(demo), ..Self::of(loaded, face) }
    }

    fn of(Loaded { config, warnings }: Loaded, face: Face) -> Self {
        Self { config, warnings, source: None, face, demo: None, inherited: Inherited::default(), takeover: false }
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
    bus: EventBus,
    shutdown: Shutdown,
    running: Follow,
    outputs: Outputs,
    control: Control,
    /// Ends when every worker has ended, with the number of requests that were cut.
    served: JoinHandle<u32>,
    /// Where a successor may knock.
    doors: Option<Doors>,
    dashboard: Option<Dashboard>,
    /// Cancelled when the dashboard must go.
    finished: CancellationToken,
}

impl Session {
    /// Whatever may fail comes first and says nothing, so that a failure is one clear line.
    async fn start(plan: Plan, options: &Options, signals: Signals) -> Result<Self, Failure> {
        let Plan { config, warnings, source, face, demo, mut inherited, takeover } = plan;
        let (bus, shutdown) = (EventBus::default(), Shutdown::default());
        tui::install_panic_hook(bus.clone());
        let mut outputs = Outputs::open(&bus, options.log_file.as_deref(), face)?;
        let pens = outputs.open_access_log(config.access_log.as_ref(), config.workers, face)?;
        let events = bus.subscribe();

        let tally = Arc::new(Tally::new(config.workers));
        let (reports, reported) = mpsc::channel(REPORTS);
        let predecessor = if takeover { takeover::ask(&config.listen, &mut inherited).await? } else { None };
        let listeners = listener::bind(&config.listen, config.workers, &mut inherited);
        let listeners = listeners.map_err(|error| Failure::listen(error.address, &error.source))?;
        let for_admin = inherited.take_admin(config.admin.as_ref());
        if predecessor.is_none() {
            all_are_used(&inherited)?;
        }
        let address = listeners[0].address;
        let (publisher, running) = channel(Running::new(config, listeners, random));
        let control = control::start(control::Setup {
            running: publisher,
            source,
            bus: bus.clone(),
            shutdown: shutdown.clone(),
            tally: Arc::clone(&tally),
            reports: reported,
            losses: outputs.losses(),
            secret: Secret::random().map_err(|error| Failure::io("cannot get random bytes", &error))?,
            inherited: for_admin,
        });
        let control = control.await.map_err(Failure::new)?;
        let proxy = proxy::start(proxy::Setup {
            running: running.clone(),
            tally,
            reports,
            pens,
            secret: Arc::clone(&control.secret),
            shutdown: shutdown.clone(),
            seed: random(),
        });
        let proxy = proxy.map_err(|error| Failure::io("cannot start the workers", &error))?;

        for warning in warnings {
            bus.publish(Event::ConfigWarning { problem: warning.to_string() });
        }
        control.set_serving();
        if face == Face::Stderr {
            inform_service_manager(&bus, &control);
        }
        if let Some(demo) = demo {
            invite(address, face, &bus);
            let sent = demo.send_traffic(address, random(), shutdown.draining().clone());
            sent.map_err(|error| Failure::io("cannot start the demo's traffic", &error))?;
        }
        let mut session = Self {
            signals,
            face,
            bus,
            shutdown,
            running,
            outputs,
            control,
            served: spawn_blocking(|| proxy.join()),
            doors: None,
            dashboard: None,
            finished: CancellationToken::new(),
        };
        match face {
            Face::Dashboard => {
                session.open_dashboard(events, options).map_err(|error| Failure::io("cannot start the dashboard", &error))?;
            }
            Face::Stdout => {}
            Face::Stderr => session.open_doors(predecessor).await,
        }
        Ok(session)
    }

    fn open_dashboard(&mut self, events: Receiver<Arc<Stamped>>, options: &Options) -> io::Result<()> {
        let door = Door {
            instances: vec![here(&self.control, self.running.clone(), events)],
            home: Some(Home { bus: self.bus.clone(), shutdown: self.shutdown.clone(), running: self.running.clone() }),
            runtime: Handle::current(),
            finished: self.finished.clone(),
        };
        self.dashboard = Some(Dashboard::open(how(options), door)?);
        Ok(())
    }

    /// Relieves the predecessor, if there is one, and waits for a successor in its place.
    async fn open_doors(&mut self, predecessor: Option<Predecessor>) {
        if let Some(predecessor) = predecessor {
            predecessor.relieve().await;
        }
        let admin = self.control.admin_socket().and_then(|socket| socket.try_clone().ok());
        self.doors = Some(Doors::open(Estate { running: self.running.clone(), admin }, self.bus.clone()));
    }

    /// How long requests in flight may take to finish.
    fn grace(&self) -> Millis {
        self.running.borrow().config.shutdown_grace.as_millis() as Millis
    }

    /// Stops what is left when the requests are done: the dashboard leaves last.
    async fn stop(mut self, cut: u32) {
        let end = Event::ShutdownEnded { cut };
        self.bus.publish(end.clone());
        let _ = timeout(FAREWELL, self.control.stop()).await;
        self.finished.cancel();
        if let Some(dashboard) = &mut self.dashboard {
            let _ = timeout(FAREWELL, dashboard.gone()).await;
        }
        self.outputs.finish(FAREWELL);
        if self.face == Face::Dashboard {
            let _ = writeln!(io::stdout(), "{end}");
        }
    }
}

/// A socket that nobody accepts from would keep its clients waiting.
fn all_are_used(inherited: &Inherited) -> Result<(), Failure> {
    let names = inherited.names();
    if names.is_empty() {
        return Ok(());
    }
    let names = names.join(", ");
    let advice = "listen there, or take it out of the socket unit";
    Err(Failure::new(format_args!("passed by the service manager, but not in the config: {names}; {advice}")))
}

/// Keeps the service manager informed, if there is one.
fn inform_service_manager(bus: &EventBus, control: &Control) {
    match ServiceManager::from_env() {
        Ok(Some(manager)) => drop(tokio::spawn(manager.inform(bus.subscribe(), control.snapshots.clone()))),
        Ok(None) => {}
        Err(error) => {
            let text = format!("the service manager cannot be told that this is ready: {error}");
            bus.publish(Event::Note { text, severity: Severity::Warning });
        }
    }
}

/// Tells where the demo's proxy is, so that others can join in.
fn invite(proxy: SocketAddr, face: Face, bus: &EventBus) {
    let text = format!("try: curl http://{proxy}/");
    if face == Face::Dashboard {
        // Stays on the screen under the dashboard, and above its report.
        let _ = writeln!(io::stdout(), "evenkeel demo; {text}");
    }
    bus.publish(Event::Note { text, severity: Severity::Info });
}
