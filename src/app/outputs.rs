//! Where event lines and the access log go in this run.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::face::Face;
use super::failure::Failure;
use crate::config::{self, LogTarget};
use crate::event::{Event, EventBus, Severity};
use crate::telemetry::Lines;
use crate::telemetry::access_log::{AccessLog, Losses, Pen};
use crate::telemetry::log_file::LogFile;

/// The logs and the streams that are written to.
#[derive(Debug)]
pub(super) struct Outputs {
    bus: EventBus,
    log: Option<LogFile>,
    access_log: Option<AccessLog>,
    lines: Vec<Lines>,
}

impl Outputs {
    /// Opens the log file, if there is one, and the stream that goes with the face.
    pub(super) fn open(bus: &EventBus, log: Option<&Path>, face: Face) -> Result<Self, Failure> {
        let open = |path: &Path| {
            LogFile::open(path).map_err(|error| Failure::io(format_args!("cannot open the log file {}", path.display()), &error))
        };
        let mut outputs = Self { bus: bus.clone(), log: log.map(open).transpose()?, access_log: None, lines: Vec::new() };
        outputs.start(face).map_err(|error| Failure::io("cannot start", &error))?;
        Ok(outputs)
    }

    /// Opens the access log, if there is to be one; gives a pen for each worker.
    pub(super) fn open_access_log(
        &mut self,
        config: Option<&config::AccessLog>,
        workers: usize,
        face: Face,
    ) -> Result<Vec<Pen>, Failure> {
        let Some(config) = config else { return Ok(Vec::new()) };
        if face == Face::Dashboard && config.target == LogTarget::Stdout {
            return Err(Failure::unfit("access_log: stdout is where the dashboard is; write a file, or run evenkeel serve"));
        }
        let opened = AccessLog::open(config, workers);
        let (log, pens) =
            opened.map_err(|error| Failure::io(format_args!("cannot open the access log {}", config.target), &error))?;
        self.access_log = Some(log);
        Ok(pens)
    }

    /// The lines that the access log has lost.
    pub(super) fn losses(&self) -> Arc<Losses> {
        self.access_log.as_ref().map(|log| Arc::clone(log.losses())).unwrap_or_default()
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

    /// Opens the log files anew, and tells how that went.
    pub(super) fn reopen_logs(&self) {
        let access_log = self.access_log.as_ref().and_then(AccessLog::file);
        let files: Vec<_> = self.log.iter().chain(access_log).collect();
        if files.is_empty() {
            self.note("SIGUSR1: there is no log file to open anew".to_owned(), Severity::Info);
        }
        for file in files {
            let path = file.path().display();
            match file.reopen() {
                Ok(()) => self.note(format!("SIGUSR1: {path} opened anew"), Severity::Info),
                Err(error) => {
                    let text = format!("SIGUSR1: cannot open {path} anew, going on with the old file: {error}");
                    self.note(text, Severity::Error);
                }
            }
        }
    }

    fn note(&self, text: String, severity: Severity) {
        self.bus.publish(Event::Note { text, severity });
    }

    /// Waits until everything is written, for `patience` at most per output.
    pub(super) fn finish(self, patience: Duration) {
        for lines in self.lines {
            lines.finish(patience);
        }
        if let Some(log) = self.access_log {
            log.finish(patience);
        }
    }
}
