//! Watching over a run: signals, the dashboard, the workers and the clock, until the last request is done or cut.

use std::future::pending;
use std::io;
use std::mem;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::{FAREWELL, Session};
use crate::app::dashboard::Dashboard;
use crate::app::face::Face;
use crate::app::failure::{CUT, Failure};
use crate::app::signals::Wish;
use crate::app::takeover::Doors;
use crate::command::{Ask, Command, Origin, Terms};
use crate::config::OnHangup;
use crate::event::{Event, Severity};
use crate::shutdown::Shutdown;
use crate::tui::Exit;

/// How it ended.
#[derive(Debug)]
pub(super) struct Ending {
    /// Requests that were cut.
    pub(super) cut: u32,
    /// What to tell the shell.
    pub(super) code: Result<ExitCode, Failure>,
}

impl Session {
    /// Serves until somebody wants it to end, lets requests finish within the grace, and cuts what is left then.
    pub(super) async fn watch(&mut self) -> Ending {
        let shutdown = self.shutdown.clone();
        let mut grace_over = pin!(grace_over(&shutdown));
        let mut too_late = pin!(too_late(&shutdown));
        let mut out_of_time = false;
        let cut = loop {
            tokio::select! {
                cut = &mut self.served => break cut.unwrap_or_default(),
                () = &mut grace_over, if !shutdown.cutting().is_cancelled() => {
                    out_of_time = !shutdown.cutting().is_cancelled();
                    shutdown.cut();
                }
                () = &mut too_late => break self.in_flight(),
                wish = self.signals.next() => self.obey(wish),
                exit = gone(&mut self.dashboard) => self.dashboard_gone(exit),
                successor = taken_over(&mut self.doors) => self.leave_to(successor).await,
            }
        };
        let code = if !shutdown.is_draining() {
            Err(Failure::new("every worker has stopped: a bug"))
        } else if shutdown.cutting().is_cancelled() && !out_of_time {
            Ok(ExitCode::from(CUT))
        } else {
            Ok(ExitCode::SUCCESS)
        };
        Ending { cut, code }
    }

    fn obey(&mut self, wish: Wish) {
        match wish {
            Wish::Stop(_) if self.shutdown.is_draining() => self.shutdown.cut(),
            Wish::Stop(signal) => self.begin_drain(signal),
            Wish::Hangup if self.face.has_lost_its_terminal() => self.terminal_gone(),
            Wish::Hangup => self.reload(),
            Wish::Suspend => self.note(Severity::Warning, "SIGTSTP refused: it would freeze the proxy"),
            Wish::ReopenLog => self.outputs.reopen_logs(),
        }
    }

    /// What comes of it is an event.
    fn reload(&self) {
        let (reply, _) = oneshot::channel();
        let (command, by, terms) = (Command::Reload, Origin::Signal, Terms::default());
        if self.control.desk.try_send(Ask { command, by, terms, force: false, reply }).is_err() {
            self.note(Severity::Warning, "SIGHUP: too many commands are waiting; nothing has been reloaded");
        }
    }

    fn dashboard_gone(&mut self, exit: Exit) {
        self.dashboard = None;
        match exit {
            Exit::Finished | Exit::Quit => self.begin_drain("quit"),
            Exit::TerminalGone => self.terminal_gone(),
            Exit::Panicked => {
                self.face = Face::Stdout;
                // Without a thread for it the proxy goes on all the same; the log file has the rest.
                let _ = self.outputs.write_to(io::stdout());
                self.note(Severity::Error, "the dashboard has failed (a bug); the proxy goes on without it");
            }
        }
    }

    /// Hands over to a process that serves by now.
    async fn leave_to(&mut self, successor: UnixStream) {
        self.control.leave_admin();
        let doors = self.doors.take();
        self.begin_drain("a new process has taken over");
        if let Some(doors) = doors {
            doors.close().await;
        }
        // It hears from this that the doors are free.
        drop(successor);
    }

    /// Heard of from the system and from the dashboard alike; acted upon once.
    fn terminal_gone(&mut self) {
        if mem::replace(&mut self.face, Face::Stderr) == Face::Stderr {
            return;
        }
        let on_hangup = self.running.borrow().config.on_hangup;
        match on_hangup {
            OnHangup::Drain => self.begin_drain("terminal closed"),
            OnHangup::Serve => self.note(Severity::Warning, "the terminal is gone; going on without it (on_hangup: serve)"),
        }
    }

    fn begin_drain(&mut self, reason: &str) {
        if !self.shutdown.is_draining() {
            self.doors = None;
            let (reason, grace_ms, in_flight) = (reason.to_owned(), self.grace(), self.in_flight());
            self.bus.publish(Event::ShutdownBegan { reason, grace_ms, in_flight });
            self.shutdown.begin(grace_ms);
        }
    }

    fn in_flight(&self) -> u32 {
        self.running.borrow().in_flight()
    }

    fn note(&self, severity: Severity, text: &str) {
        self.bus.publish(Event::Note { text: text.to_owned(), severity });
    }
}

async fn gone(dashboard: &mut Option<Dashboard>) -> Exit {
    match dashboard {
        Some(dashboard) => dashboard.gone().await,
        None => pending().await,
    }
}

async fn taken_over(doors: &mut Option<Doors>) -> UnixStream {
    let successor = match doors {
        Some(doors) => doors.taken_over().await,
        None => None,
    };
    match successor {
        Some(successor) => successor,
        None => pending().await,
    }
}

/// The drain has begun, by whomever, and its grace is over.
async fn grace_over(shutdown: &Shutdown) {
    shutdown.draining().cancelled().await;
    sleep(Duration::from_millis(shutdown.left().unwrap_or_default())).await;
}

/// What is left has been cut and should have ended long since.
async fn too_late(shutdown: &Shutdown) {
    shutdown.cutting().cancelled().await;
    sleep(FAREWELL).await;
}
