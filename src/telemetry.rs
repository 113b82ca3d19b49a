//! What leaves the process as text: event lines here and in [`mod@line`], the access log, metrics for Prometheus.
//!
//! Each destination of event lines has a thread and a subscription of its own, so a stalled pipe delays neither the proxy nor the
//! log file.

pub mod access_log;
pub mod line;
pub mod log_file;
pub mod prometheus;

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::broadcast::error::RecvError;

use crate::clock;
use crate::event::{Event, EventBus, Severity};

/// A thread that writes events to one destination. Dropping it changes nothing: the thread ends with the bus or with
/// [`Event::ShutdownEnded`].
#[derive(Debug)]
pub struct Lines {
    ended: Receiver<()>,
}

impl Lines {
    /// Writes everything published from now on to `out`. A line that cannot be written counts as dropped; the next one is tried
    /// all the same.
    ///
    /// # Errors
    /// The system grants no further thread.
    pub fn spawn(bus: &EventBus, out: impl Write + Send + 'static) -> io::Result<Self> {
        let mut events = bus.subscribe();
        let bus = bus.clone();
        let (alive, ended) = mpsc::channel();
        thread::Builder::new().name("event-lines".into()).spawn(move || {
            let _alive: Sender<()> = alive;
            let (mut out, zone) = (out, TimeZone::system());
            loop {
                let (at_unix_ms, event) = match events.blocking_recv() {
                    Ok(stamped) => (stamped.at_unix_ms, stamped.event.clone()),
                    Err(RecvError::Lagged(lost)) => {
                        bus.count_dropped(lost);
                        let text = format!("{lost} events are missing here: this output could not keep up");
                        (clock::unix_ms(), Event::Note { text, severity: Severity::Warning })
                    }
                    Err(RecvError::Closed) => return,
                };
                let line = line::format(at_unix_ms, &zone, &event);
                if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
                    bus.count_dropped(1);
                }
                if matches!(event, Event::ShutdownEnded { .. }) {
                    return;
                }
            }
        })?;
        Ok(Self { ended })
    }

    /// Waits until [`Event::ShutdownEnded`] has been written, but no longer than `patience`: the destination may be stalled.
    pub fn finish(self, patience: Duration) {
        let _ = self.ended.recv_timeout(patience);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Page {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct BrokenPipe;

    impl Write for BrokenPipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn note(text: &str) -> Event {
        Event::Note { text: text.into(), severity: Severity::Info }
    }

    #[test]
    fn every_event_becomes_a_line_until_the_shutdown_has_ended() {
        let (bus, page) = (EventBus::default(), Page::default());
        let lines = Lines::spawn(&bus, page.clone()).unwrap();
        bus.publish(note("one"));
        bus.publish(note("two"));
        bus.publish(Event::ShutdownEnded { cut: 0 });
        bus.publish(note("too late"));
        lines.finish(PATIENCE);
        let text = page.text();
        let ends: Vec<_> = text.lines().map(|line| line.rsplit_once("INFO ").unwrap().1).collect();
        assert_eq!(ends, ["one", "two", "shut down: every request was finished"]);
    }

    #[test]
    fn a_slow_output_tells_of_the_gap() {
        let (bus, page) = (EventBus::default(), Page::default());
        let gate = page.0.lock().unwrap();
        let lines = Lines::spawn(&bus, page.clone()).unwrap();
        for _ in 0..3000 {
            bus.publish(note("flood"));
        }
        bus.publish(Event::ShutdownEnded { cut: 0 });
        drop(gate);
        lines.finish(PATIENCE);
        assert!(page.text().contains("events are missing here"));
        assert!(bus.dropped() >= 3000 - 1024);
    }

    #[test]
    fn a_broken_pipe_is_survived_and_counted() {
        let bus = EventBus::default();
        let lines = Lines::spawn(&bus, BrokenPipe).unwrap();
        bus.publish(note("lost"));
        bus.publish(Event::ShutdownEnded { cut: 0 });
        lines.finish(PATIENCE);
        assert_eq!(bus.dropped(), 2);
    }
}
