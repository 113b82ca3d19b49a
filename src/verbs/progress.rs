//! How far something is that takes a while: one line that changes on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tokio::time::Instant;
use unicode_width::UnicodeWidthStr;

/// How often a line is written where it stays.
const PAUSE: Duration = Duration::from_secs(5);

/// See the module. What is on the terminal goes when it is dropped.
#[derive(Debug)]
pub(super) struct Progress<W: Write = io::Stderr> {
    out: W,
    changing: bool,
    /// Columns of the line on the terminal.
    shown: usize,
    last: Option<Instant>,
}

impl Progress {
    /// On stderr: stdout is for what comes of it.
    pub(super) fn new() -> Self {
        let out = io::stderr();
        Self::to(out.is_terminal(), out)
    }
}

impl<W: Write> Progress<W> {
    const fn to(changing: bool, out: W) -> Self {
        Self { out, changing, shown: 0, last: None }
    }

    /// Tells how far it is.
    pub(super) fn tell(&mut self, line: &str) {
        if self.changing {
            let rest = self.shown.saturating_sub(line.width());
            self.shown = line.width();
            self.write(&format!("\r{line}{}", " ".repeat(rest)));
        } else if self.last.is_none_or(|last| last.elapsed() >= PAUSE) {
            self.last = Some(Instant::now());
            self.write(&format!("{line}\n"));
        }
    }

    fn write(&mut self, text: &str) {
        // Nobody need watch.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

impl<W: Write> Drop for Progress<W> {
    fn drop(&mut self) {
        if self.shown > 0 {
            self.write(&format!("\r{}\r", " ".repeat(self.shown)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(changing: bool, lines: &[&str]) -> String {
        let mut out = Vec::new();
        let mut progress = Progress::to(changing, &mut out);
        for line in lines {
            progress.tell(line);
        }
        drop(progress);
        String::from_utf8(out).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn one_line_on_a_terminal_and_few_elsewhere() {
        assert_eq!(told(true, &["17 left", "9 left"]), "\r17 left\r9 left \r      \r");
        assert_eq!(told(false, &["17 left", "9 left"]), "17 left\n");
        let mut out = Vec::new();
        let mut progress = Progress::to(false, &mut out);
        for left in 0..12 {
            progress.tell(&left.to_string());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        drop(progress);
        assert_eq!(out, b"0\n5\n10\n");
    }
}
