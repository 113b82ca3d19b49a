//! The dashboard's thread, and who does what its keys ask for in this process.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::sync::broadcast::Receiver;
use tokio::sync::{mpsc, oneshot, watch};

use crate::balance::snapshot::Snapshot;
use crate::cli;
use crate::command::{Ask, CommandError, Desk, Origin};
use crate::event::Stamped;
use crate::tui::fleet::Link;
use crate::tui::theme::Options as Looks;
use crate::tui::{self, Door, Exit, Instance, Options, Order};

/// Orders that may wait for the desk.
const ORDERS: usize = 64;

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
pub(super) fn here(snapshots: watch::Receiver<Arc<Snapshot>>, events: Receiver<Arc<Stamped>>, desk: Desk) -> Instance {
    let (_, link) = watch::channel(Link::Open);
    Instance { name: "this process".into(), snapshots, events, link, orders: clerk(desk) }
}

/// Has the desk do what is ordered, one after the other. Ends with the desk or with the dashboard.
fn clerk(desk: Desk) -> mpsc::Sender<Order> {
    let (orders, mut ordered) = mpsc::channel::<Order>(ORDERS);
    tokio::spawn(async move {
        while let Some(Order { command, terms, force, reply }) = ordered.recv().await {
            let (answer, answered) = oneshot::channel();
            let ask = Ask { command, by: Origin::Dashboard, terms, force, reply: answer };
            let result = match desk.send(ask).await {
                Ok(()) => answered.await.unwrap_or(Err(CommandError::Gone)),
                Err(_) => Err(CommandError::Gone),
            };
            // Whoever ordered may have left.
            let _ = reply.send(result.map_err(|refusal| refusal.to_string()));
        }
    });
    orders
}
