//! The dashboard's thread.

use std::io;
use std::thread;

use tokio::sync::oneshot;

use crate::tui::{self, Door, Exit, Options};

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
