//! The dashboard over other instances, which go on when it leaves.

mod link;

use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::dashboard::{Dashboard, how};
use super::face::Face;
use super::failure::Failure;
use super::signals::{Signals, Wish};
use crate::cli::{Attach, Options};
use crate::client::Client;
use crate::event::EventBus;
use crate::tui::{self, Door, Exit};
use crate::verbs;

/// How long the dashboard may take to leave the terminal.
const FAREWELL: Duration = Duration::from_secs(2);

/// Shows them until the operator has seen enough.
pub(super) fn run(Attach { addresses }: &Attach, options: &Options) -> Result<ExitCode, Failure> {
    let face = Face::for_this_terminal();
    if face != Face::Dashboard {
        return Err(Failure::usage("attach needs a terminal; `status` and `events --follow` do without"));
    }
    let clients = verbs::attached(addresses, options)?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io("cannot start", &error))?;
    let code = runtime.block_on(async {
        let mut signals = Signals::catch().map_err(|error| Failure::io("cannot catch signals", &error))?;
        show(clients, face, &mut signals, options).await
    });
    runtime.shutdown_background();
    code
}

async fn show(clients: Vec<Client>, face: Face, signals: &mut Signals, options: &Options) -> Result<ExitCode, Failure> {
    // There is no log to tell panics to: they are printed, unless the dashboard is on the screen.
    tui::install_panic_hook(EventBus::default());
    let finished = CancellationToken::new();
    let instances = clients.into_iter().map(link::open).collect();
    let door = Door { instances, home: None, finished: finished.clone(), runtime: Handle::current() };
    let mut dashboard = Dashboard::open(how(options), door).map_err(|error| Failure::io("cannot start the dashboard", &error))?;
    let exit = loop {
        tokio::select! {
            exit = dashboard.gone() => break exit,
            wish = signals.next() => match wish {
                Wish::Stop(_) => finished.cancel(),
                Wish::Hangup if face.has_lost_its_terminal() => finished.cancel(),
                Wish::Hangup | Wish::Suspend | Wish::ReopenLog => continue,
            },
        }
        // A terminal that does not read any more holds the dashboard up, but nobody else.
        break timeout(FAREWELL, dashboard.gone()).await.unwrap_or(Exit::TerminalGone);
    };
    match exit {
        Exit::Panicked => Err(Failure::new("the dashboard has failed (a bug); what it was attached to goes on")),
        Exit::Finished | Exit::Quit | Exit::TerminalGone => Ok(ExitCode::SUCCESS),
    }
}
