//! What the system asks of the process.

use std::io;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal, by what it means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// SIGINT, SIGTERM: finish and exit. Holds the signal's name.
    Stop(&'static str),
    /// SIGHUP: the terminal is gone, or somebody wants a reload.
    Hangup,
    /// SIGTSTP: stand still.
    Suspend,
    /// SIGUSR1: open the log files anew.
    ReopenLog,
}

/// The signals, caught from the moment of [`Signals::catch`].
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    suspend: Signal,
    reopen_log: Signal,
}

impl Signals {
    /// Catches them. Needs a tokio runtime.
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            suspend: signal(SignalKind::from_raw(Number::TSTP.as_raw()))?,
            reopen_log: signal(SignalKind::user_defined1())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Stop("SIGINT"),
            _ = self.terminate.recv() => Wish::Stop("SIGTERM"),
            _ = self.hangup.recv() => Wish::Hangup,
            _ = self.suspend.recv() => Wish::Suspend,
            _ = self.reopen_log.recv() => Wish::ReopenLog,
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{getpid, kill_process};

    use super::*;

    #[tokio::test]
    async fn each_signal_is_understood() {
        let mut signals = Signals::catch().unwrap();
        let cases = [
            (Number::INT, Wish::Stop("SIGINT")),
            (Number::TERM, Wish::Stop("SIGTERM")),
            (Number::HUP, Wish::Hangup),
            (Number::TSTP, Wish::Suspend),
            (Number::USR1, Wish::ReopenLog),
        ];
        for (number, wish) in cases {
            kill_process(getpid(), number).unwrap();
            assert_eq!(signals.next().await, wish);
        }
    }
}
