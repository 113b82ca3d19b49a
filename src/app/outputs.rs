//! Where event lines go in this run.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use super::face::Face;
use super::failure::Failure;
use crate::event::{Event, EventBus, Severity};
use crate::telemetry::Lines;
use crate::telemetry::log_file::LogFile;

/// The log file and the streams that are written to.
#[derive(Debug)]
pub(super) struct Outputs {
    bus: EventBus,
    log: Option<LogFile>,
    lines: Vec<Lines>,
}

impl Outputs {
    /// Opens the log file, if there is one, and the stream that goes with the face.
    pub(super) fn open(bus: &EventBus, log: Option<&Path>, face: Face) -> Result<Self, Failure> {
        let open = |path: &Path| {
            LogFile::open(path).map_err(|error| Failure::io(format_args!("cannot open the log file {}", path.display()), &error))
        };
        let mut outputs = Self { bus: bus.clone(), log: log.map(open).transpose()?, lines: Vec::new() };
        outputs.start(face).map_err(|error| Failure::io("cannot start", &error))?;
        Ok(outputs)
    }

    fn start(&mut self, face: Face) -> io::Result<()> {
        if let Some(log) = self.log.clone() {
            self.write_to(log)?;
        }
        match face {
            Face::Dashboard => Ok(()),
            Face::Stdout => self.write_to(io::stdout()),
            Face::Stderr => self.write_to(io::stderr()),
        }
    }

    /// Writes to another stream from now on as well.
    pub(super) fn write_to(&mut self, out: impl Write + Send + 'static) -> io::Result<()> {
        self.lines.push(Lines::spawn(&self.bus, out)?);
        Ok(())
    }

    /// Opens the log file anew, and tells how that went.
    pub(super) fn reopen_log(&self) {
        let (text, severity) = match self.log.as_ref().map(LogFile::reopen) {
            None => ("SIGUSR1: there is no log file to open anew".to_owned(), Severity::Info),
            Some(Ok(())) => ("SIGUSR1: log file opened anew".to_owned(), Severity::Info),
            Some(Err(error)) => {
                (format!("SIGUSR1: cannot open the log file anew, going on with the old one: {error}"), Severity::Error)
            }
        };
        self.bus.publish(Event::Note { text, severity });
    }

    /// Waits until everything is written, for `patience` at most per output.
    pub(super) fn finish(self, patience: Duration) {
        for lines in self.lines {
            lines.finish(patience);
        }
    }
}
