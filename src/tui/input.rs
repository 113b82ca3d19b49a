//! Keys, read on a thread of their own.
//!
//! crossterm spins for ever on a terminal that is gone, and a process in the background is stopped when it reads. So we
//! ask the terminal ourselves before every single read.
//!
//! crossterm also watches for a new size of the terminal, but only while it is asked for keys: [`Input::stir`]. Its usual
//! reader, finding a size and a key at once, tells the size and forgets the key until the next one comes; the one that its
//! feature `use-dev-tty` brings does not.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::Sender;
use std::time::Duration;

use crossterm::event::{self, Event};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use super::update::Msg;

/// How long to wait when the terminal has bytes for us that we may not or cannot read.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long crossterm may look for an event. In no time at all it would not even look.
const GLANCE: Duration = Duration::from_millis(1);

const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// The thread that reads keys. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Input {
    wake: OwnedFd,
}

impl Input {
    /// Reads keys from the terminal into `tx`. When no more will come, for whatever reason, the last message is
    /// [`Msg::Hangup`].
    pub(super) fn spawn(tx: Sender<Msg>) -> io::Result<Self> {
        let tty = terminal()?;
        let (woken, wake) = rustix::pipe::pipe()?;
        std::thread::Builder::new().name("tui-input".to_owned()).spawn(move || {
            let last = Last(tx);
            let _ = read(&tty, &woken, &last.0);
        })?;
        Ok(Self { wake })
    }

    /// Has crossterm take note of a new size now, rather than with the next key.
    pub(super) fn stir(&self) {
        // Fails only when the thread has ended, which it tells itself.
        let _ = rustix::io::write(&self.wake, &[0]);
    }
}

/// Says that no key will come any more, also when its thread panics.
struct Last(Sender<Msg>);

impl Drop for Last {
    fn drop(&mut self) {
        let _ = self.0.send(Msg::Hangup);
    }
}

/// Where crossterm reads from: stdin, or the controlling terminal if stdin is something else.
fn terminal() -> io::Result<OwnedFd> {
    if io::stdin().is_terminal() {
        return io::stdin().as_fd().try_clone_to_owned();
    }
    Ok(File::options().read(true).write(true).open("/dev/tty")?.into())
}

fn read(tty: &OwnedFd, woken: &OwnedFd, tx: &Sender<Msg>) -> io::Result<()> {
    loop {
        match look(tty.as_fd(), woken.as_fd(), None)? {
            Look::Gone | Look::Dismissed => return Ok(()),
            Look::Quiet => continue,
            Look::Stirred => {
                rustix::io::read(woken, &mut [0; 64])?;
            }
            Look::Ready => {}
        }
        let mut nothing = true;
        while is_foreground(tty) && event::poll(GLANCE)? {
            nothing = false;
            let message = match event::read()? {
                Event::Key(key) => Msg::Key(key),
                Event::Paste(text) => Msg::Paste(text),
                Event::Resize(columns, rows) => Msg::Resize(columns, rows),
                Event::FocusGained => Msg::Focus(true),
                Event::FocusLost => Msg::Focus(false),
                Event::Mouse(_) => continue,
            };
            if tx.send(message).is_err() || matches!(look(tty.as_fd(), woken.as_fd(), Some(&AT_ONCE))?, Look::Gone) {
                return Ok(());
            }
        }
        if nothing && look(tty.as_fd(), woken.as_fd(), Some(&AT_ONCE))? == Look::Ready {
            std::thread::sleep(PATIENCE);
        }
    }
}

/// Whether reading the terminal would not stop the process.
fn is_foreground(tty: &OwnedFd) -> bool {
    rustix::termios::tcgetpgrp(tty).is_ok_and(|group| group == rustix::process::getpgrp())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// There is something to read.
    Ready,
    /// There is not.
    Quiet,
    /// The size of the terminal has changed.
    Stirred,
    /// We are told to stop.
    Dismissed,
    /// There will never be anything.
    Gone,
}

/// Looks at the terminal without reading from it; waits at most `timeout`.
fn look(tty: BorrowedFd<'_>, woken: BorrowedFd<'_>, timeout: Option<&Timespec>) -> io::Result<Look> {
    let mut fds = [PollFd::from_borrowed_fd(tty, PollFlags::IN), PollFd::from_borrowed_fd(woken, PollFlags::IN)];
    match rustix::event::poll(&mut fds, timeout) {
        Ok(_) => {}
        Err(Errno::INTR) => return Ok(Look::Quiet),
        Err(error) => return Err(error.into()),
    }
    let (tty, woken) = (fds[0].revents(), fds[1].revents());
    Ok(if woken.contains(PollFlags::IN) {
        Look::Stirred
    } else if !woken.is_empty() {
        Look::Dismissed
    } else if tty.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
        Look::Gone
    } else if tty.contains(PollFlags::IN) {
        Look::Ready
    } else {
        Look::Quiet
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_is_looked_at_before_it_is_read() {
        let (tty, far_end) = rustix::pipe::pipe().unwrap();
        let (woken, wake) = rustix::pipe::pipe().unwrap();
        let now = |timeout| look(tty.as_fd(), woken.as_fd(), timeout).unwrap();
        assert_eq!(now(Some(&AT_ONCE)), Look::Quiet);
        rustix::io::write(&far_end, b"j").unwrap();
        assert_eq!(now(None), Look::Ready);
        drop(far_end);
        assert_eq!(now(None), Look::Gone, "even if there were still keys to read");
        let input = Input { wake };
        input.stir();
        assert_eq!(now(None), Look::Stirred);
        rustix::io::read(&woken, &mut [0; 64]).unwrap();
        drop(input);
        assert_eq!(now(None), Look::Dismissed);
    }
}
