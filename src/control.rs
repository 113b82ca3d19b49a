//! The control plane: everything that is not a request, on one current-thread runtime.
//!
//! [`start`] spawns it; its tasks share nothing with the workers but atomics, the pools' rotations, the channel of
//! [`crate::tally::Reports`], and what runs ([`crate::running`]), which all of them follow.
//!
//! | task | sole writer of |
//! |---|---|
//! | [`desk`] | mode, weight, strategy |
//! | [`health_check`], one per backend | verdict |
//! | [`outlier`] | ejection |
//! | [`reload`], at the desk | what runs |
//! | [`sampler`] | snapshots |
//! | [`state_file`] | that file |
//! | [`admin`] | - |

pub mod admin;
pub mod announce;
pub mod desk;
pub mod drain;
#[cfg(test)]
mod fixture;
pub mod health_check;
pub mod outlier;
pub mod phase;
pub mod reload;
pub mod sampler;
pub mod state_file;

use std::hash::{BuildHasher, RandomState};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::admin::BindError;
use self::admin::Heirloom;
use self::desk::ControlDesk;
use self::health_check::{Register, Roster};
use self::outlier::Detector;
use self::phase::PhaseWatch;
use self::reload::Reloader;
use self::reload::file::Source;
use self::sampler::{Sampler, Sources};
use self::state_file::{Kept, StateFile};
use crate::balance::snapshot::Snapshot;
use crate::clock;
use crate::command::Desk;
use crate::event::{Event, EventBus};
use crate::inherited::Inherited;
use crate::running::Running;
use crate::secret::Secret;
use crate::shutdown::Shutdown;
use crate::tally::{Report, Tally};
use crate::telemetry::access_log::Losses;

/// Commands that may wait for the desk.
const INBOX: usize = 64;

/// What the control plane needs.
#[derive(Debug)]
pub struct Setup {
    /// What runs, and the way to change it.
    pub running: watch::Sender<Arc<Running>>,
    /// Where its config has been loaded from, if it is a file.
    pub source: Option<Source>,
    /// Where events go.
    pub bus: EventBus,
    /// Tells when the process drains.
    pub shutdown: Shutdown,
    /// What the data plane counts.
    pub tally: Arc<Tally>,
    /// What the data plane notices.
    pub reports: mpsc::Receiver<Report>,
    /// What the access log loses.
    pub losses: Arc<Losses>,
    /// A secret for who has none yet.
    pub secret: Secret,
    /// Sockets for the admin API that are open already.
    pub inherited: Inherited,
}

/// A running control plane. Dropped, it ends at once; see [`Self::stop`].
#[derive(Debug)]
pub struct Control {
    /// The door to the desk.
    pub desk: Desk,
    /// How things are, four times a second.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Where the admin API listens: `host:port` or `unix:PATH`.
    pub admin: Option<String>,
    /// What cookies are made with; the one of the state file if it holds one.
    pub secret: Arc<Secret>,
    phase: PhaseWatch,
    bus: EventBus,
    listening: Event,
    tasks: Tasks,
    admin_stop: CancellationToken,
    heirloom: Option<Heirloom>,
}

/// Starts the control plane: backends are checked and commands obeyed from here on. The process is not ready before
/// [`Control::set_serving`].
///
/// # Errors
/// The admin API cannot listen. Nothing has been started then.
pub async fn start(setup: Setup) -> Result<Control, BindError> {
    let Setup { running: stage, source, bus, shutdown, tally, reports, losses, mut inherited, mut secret } = setup;
    let running = stage.subscribe();
    let now = Arc::clone(&running.borrow());
    let bound = match &now.config.admin {
        Some(listen) => Some(admin::Bound::bind(listen, &mut inherited).await?),
        None => None,
    };
    if let Some(bound) = &bound {
        bus.publish(Event::AdminListening { address: bound.to_string() });
    }
    now.pools.iter().for_each(|pool| _ = pool.refresh(clock::now()));

    let admin = bound.as_ref().map(ToString::to_string);
    let leaving = shutdown.draining().child_token();
    let heirloom = bound.as_ref().map(admin::Bound::heirloom).transpose()?;
    let phase = PhaseWatch::new(shutdown.clone());
    let checks = Register::new(&now);
    let mut tasks = Tasks::default();

    let (desk, asks) = mpsc::channel(INBOX);
    if let Some(source) = &source {
        tasks.spawn(source.clone().watch(desk.clone()));
    }
    let file = source.as_ref().map(|source| source.file().into());
    let reloader = Reloader::new(source, stage, checks.clone(), Arc::clone(&tally), shutdown, bus.clone());
    let config = reloader.state();
    let mut control_desk = ControlDesk::new(reloader, bus.clone());
    let book = control_desk.book();
    if let Some(path) = &now.config.state_file {
        let file = StateFile::new(path.clone(), bus.clone());
        let Kept { overrides, secret: kept } = file.load(clock::unix_ms());
        control_desk.restore(overrides);
        secret = kept.unwrap_or(secret);
        tasks.set.spawn(file.keep(book.clone(), secret.clone(), leaving));
    }
    tasks.spawn(control_desk.run(asks));

    let (recovered, recoveries) = mpsc::unbounded_channel();
    tasks.spawn(Roster::new(checks.clone(), bus.clone(), recovered).run(running.clone()));
    tasks.spawn(Detector::new(running.clone(), checks.clone(), bus.clone()).run(reports, recoveries));

    let sources =
        Sources { running: running.clone(), checks, phase: phase.clone(), tally, losses, book, config, bus: bus.clone() };
    let mut sampler = Sampler::new(sources, clock::now());
    let (publisher, snapshots) = watch::channel(Arc::new(sampler.sample(clock::now())));
    let (fresh, asked) = mpsc::channel(INBOX);
    tasks.set.spawn(sampler.run(publisher, asked, tasks.stop.clone()));

    let admin_stop = tasks.stop.child_token();
    if let Some(bound) = bound {
        let (snapshots, phase) = (snapshots.clone(), phase.clone());
        let view = admin::View { snapshots, fresh, phase, running, file, desk: desk.clone(), bus: bus.clone() };
        tasks.set.spawn(admin::serve(bound, view, admin_stop.clone()));
    }
    let addresses = now.addresses().iter().map(ToString::to_string).collect();
    let listening = Event::Listening { addresses, workers: now.config.workers };
    Ok(Control { desk, snapshots, admin, secret: Arc::new(secret), phase, bus, listening, tasks, admin_stop, heirloom })
}

impl Control {
    /// Traffic is accepted from now on.
    pub fn set_serving(&self) {
        self.phase.set_serving();
        self.bus.publish(self.listening.clone());
    }

    /// The admin API's socket, for a successor of this process.
    pub fn admin_socket(&self) -> Option<&OwnedFd> {
        self.heirloom.as_ref().map(|heirloom| &heirloom.socket)
    }

    /// Leaves the admin API to the successor that has its socket: it does not answer here any more.
    pub fn leave_admin(&mut self) {
        self.heirloom.take().into_iter().for_each(Heirloom::leave);
        self.admin_stop.cancel();
    }

    /// Ends every task and waits for it. The admin API answers until then, also while the process drains.
    pub async fn stop(mut self) {
        self.heirloom = None;
        self.tasks.stop.cancel();
        while self.tasks.set.join_next().await.is_some() {}
    }
}

/// Everything that has been spawned.
#[derive(Debug, Default)]
struct Tasks {
    stop: CancellationToken,
    set: JoinSet<()>,
}

impl Tasks {
    /// Spawns a task that may be dropped wherever it waits.
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.set.spawn(async move { _ = stop.run_until_cancelled_owned(task).await });
    }
}

/// 64 random bits, good enough for jitter.
fn entropy() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests;
