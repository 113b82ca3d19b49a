//! The access log: a line for each request, written when its last byte has been handed on.
//!
//! Each worker has a [`Pen`] of its own, which gathers lines in a buffer and passes it on, over a bounded queue of its own, when
//! it is full or at the next tick of the worker. So a line costs an append. One thread writes what comes out of the queues, one
//! write for each buffer. Nothing that goes wrong there stops traffic: lines that find no room or cannot be written are counted
//! in [`Losses`].

mod combined;
mod json;
mod line;
mod losses;
mod pen;
mod reason;
mod request;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod writer;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

pub use self::line::{Facts, Line, Request};
pub use self::losses::{LOSSES, Losses};
pub use self::pen::Pen;
pub use self::reason::Reason;
use self::writer::Writer;
use super::log_file::LogFile;
use crate::config::{self, LogTarget};

/// The thread that writes, and what can be asked of it.
#[derive(Debug)]
pub struct AccessLog {
    file: Option<LogFile>,
    losses: Arc<Losses>,
    ended: Receiver<()>,
}

impl AccessLog {
    /// Opens the log and starts its thread. There is a pen for each worker; the thread ends when all of them are gone.
    ///
    /// # Errors
    /// The file cannot be opened, or the system grants no further thread.
    pub fn open(config: &config::AccessLog, workers: usize) -> io::Result<(Self, Vec<Pen>)> {
        let (file, out): (_, Box<dyn Write + Send>) = match &config.target {
            LogTarget::File(path) => {
                let file = LogFile::open(path)?;
                (Some(file.clone()), Box::new(file))
            }
            // The descriptor itself: a buffer in between would hide which lines have not been written.
            LogTarget::Stdout => (None, Box::new(File::from(io::stdout().as_fd().try_clone_to_owned()?))),
        };
        let (log, pens) = Self::start(config, workers, out)?;
        Ok((Self { file, ..log }, pens))
    }

    fn start(config: &config::AccessLog, workers: usize, out: impl Write + Send + 'static) -> io::Result<(Self, Vec<Pen>)> {
        let losses = Arc::new(Losses::default());
        let (pens, lanes) = (0..workers).map(|_| Pen::new(config, &losses)).unzip();
        let writer = Writer::new(lanes, out, Arc::clone(&losses));
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let (alive, ended) = channel::<()>();
        thread::Builder::new().name("access-log".into()).spawn(move || {
            let _alive = alive;
            runtime.block_on(writer.run());
        })?;
        Ok((Self { file: None, losses, ended }, pens))
    }

    /// Its file, if it has one.
    pub fn file(&self) -> Option<&LogFile> {
        self.file.as_ref()
    }

    /// The lines that it has lost.
    pub fn losses(&self) -> &Arc<Losses> {
        &self.losses
    }

    /// Waits until everything has been written, but no longer than `patience`: the disk may be stalled.
    pub fn finish(self, patience: Duration) {
        let _ = self.ended.recv_timeout(patience);
    }
}
