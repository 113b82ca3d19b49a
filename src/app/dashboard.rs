//! The dashboard's thread, and who does what its keys ask for in this process.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::balance::snapshot::Snapshot;
use crate::cli;
use crate::command::{Applied, Ask, Command, CommandError, Desk, Origin, Terms};
use crate::config::{self, Problem};
use crate::control::Control;
use crate::event::Stamped;
use crate::plan::Plan;
use crate::running::Follow;
use crate::tui::fleet::Link;
use crate::tui::theme::Options as Looks;
use crate::tui::{self, Door, Exit, Instance, Options, Order};

/// Orders that may wait for the desk.
const ORDERS: usize = 64;

/// How long reading the config file may take.
const READING: Duration = Duration::from_secs(5);

/// A dashboard at work.
#[derive(Debug)]
pub(super) struct Dashboard {
    gone: oneshot::Receiver<Exit>,
}

impl Dashboard {
    /// Opens it.
    pub(super) fn open(options: Options, door: Door) -> io::Result<Self> {
        let (tell, gone) = oneshot::channel();
        thread::Builder::new().name("tui".into()).spawn(move || tell.send(tui::run(options, door)))?;
        Ok(Self { gone })
    }

    /// Waits until it has left the terminal. Not to be asked again when it has answered.
    pub(super) async fn gone(&mut self) -> Exit {
        (&mut self.gone).await.unwrap_or(Exit::Panicked)
    }
}

/// What the command line says about it.
pub(super) fn how(options: &cli::Options) -> Options {
    let looks = Looks { look: options.theme, depth: options.color, ascii: options.ascii };
    Options { looks, read_only: options.read_only, ..Options::default() }
}

/// The evenkeel of this process, as the dashboard sees it.
pub(super) fn here(control: &Control, running: Follow, events: Receiver<Arc<Stamped>>) -> Instance {
    let (_, link) = watch::channel(Link::Open);
    let snapshots = control.snapshots.clone();
    let clerk = Clerk { desk: control.desk.clone(), snapshots: snapshots.clone(), running };
    Instance { name: "this process".into(), snapshots, events, link, orders: clerk.start() }
}

/// Who has done what keys ask for.
struct Clerk {
    desk: Desk,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    running: Follow,
}

impl Clerk {
    /// Takes one order after the other. Ends with the dashboard.
    fn start(self) -> mpsc::Sender<Order> {
        let (orders, mut ordered) = mpsc::channel(ORDERS);
        tokio::spawn(async move {
            while let Some(order) = ordered.recv().await {
                // Whoever ordered may have left.
                match order {
                    Order::Do { command, terms, force, reply } => {
                        let _ = reply.send(self.ask(command, terms, force).await.map_err(|refusal| refusal.to_string()));
                    }
                    Order::Plan { reply } => drop(reply.send(self.plan().await)),
                }
            }
        });
        orders
    }

    async fn ask(&self, command: Command, terms: Terms, force: bool) -> Result<Applied, CommandError> {
        let (reply, answer) = oneshot::channel();
        let ask = Ask { command, by: Origin::Dashboard, terms, force, reply };
        self.desk.send(ask).await.map_err(|_| CommandError::Gone)?;
        answer.await.unwrap_or(Err(CommandError::Gone))
    }

    /// What the config file, as it is now, would change.
    async fn plan(&self) -> Result<Plan, String> {
        let file = self.snapshots.borrow().config.as_ref().map(|config| config.file.clone());
        let file = file.ok_or("there is no config file")?;
        let loading = timeout(READING, spawn_blocking(move || config::load(Path::new(&file)))).await;
        let loaded = loading.ok().and_then(Result::ok).ok_or("the config file cannot be read in time")?;
        let lines = |problems: Vec<Problem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        Ok(Plan::new(&self.running.borrow(), &loaded.map_err(lines)?))
    }
}
