//! How the operator sees what happens.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

/// Where a run shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// In the terminal, as a dashboard.
    Dashboard,
    /// As event lines on stdout.
    Stdout,
    /// As event lines on stderr: nobody is expected to watch, and a hang-up means nothing.
    Stderr,
}

impl Face {
    /// The dashboard where there is a terminal that can show it and that listens to us, event lines elsewhere.
    pub(super) fn for_this_terminal() -> Self {
        let (stdin, stdout) = (io::stdin(), io::stdout());
        let able = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        let terminal = stdin.is_terminal() && stdout.is_terminal();
        // In the background the first touch of the terminal would stop the process.
        let foreground = tcgetpgrp(&stdin).is_ok_and(|group| group == getpgrp());
        if able && terminal && foreground { Self::Dashboard } else { Self::Stdout }
    }

    /// Whether the terminal that this run lives in has been closed.
    pub(super) fn has_lost_its_terminal(self) -> bool {
        self != Self::Stderr && is_closed_terminal(io::stdin())
    }
}

/// Whether this was a terminal and its other end is gone. It does not call itself a terminal any more then.
fn is_closed_terminal(fd: impl AsFd) -> bool {
    let is_device = fstat(&fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_char_device());
    let mut fds = [PollFd::new(&fd, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    is_device && poll(&mut fds, Some(&at_once)).is_ok() && fds[0].revents().contains(PollFlags::HUP)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use portable_pty::{PtySize, native_pty_system};

    use super::*;

    #[test]
    fn only_a_terminal_can_be_closed() {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let terminal = File::options().read(true).write(true).open(pair.master.tty_name().unwrap()).unwrap();
        assert!(!is_closed_terminal(&terminal));
        drop(pair);
        assert!(is_closed_terminal(&terminal));

        assert!(!is_closed_terminal(File::open("/dev/null").unwrap()));
        let (reader, writer) = io::pipe().unwrap();
        drop(writer);
        assert!(!is_closed_terminal(reader));
    }
}
