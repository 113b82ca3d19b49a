//! The thread that writes what the pens pass on.

use std::future::poll_fn;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::task::{Context, Poll};

use tokio::sync::mpsc;

use super::losses::{Losses, lines};

/// The writer's end of a pen's queue.
#[derive(Debug)]
pub(super) struct Lane {
    /// Lines to write.
    pub(super) batches: mpsc::Receiver<Vec<u8>>,
    /// Buffers that have been written go back, as far as they are wanted.
    pub(super) used: SyncSender<Vec<u8>>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Writer<W> {
    lanes: Vec<Lane>,
    /// Whose turn it is.
    turn: usize,
    out: W,
    /// Whether the last write ended within a line.
    torn: bool,
    losses: Arc<Losses>,
}

impl<W: Write> Writer<W> {
    /// Writes to `out`.
    pub(super) fn new(lanes: Vec<Lane>, out: W, losses: Arc<Losses>) -> Self {
        Self { lanes, turn: 0, out, torn: false, losses }
    }

    /// Writes until every pen is gone.
    pub(super) async fn run(mut self) {
        while let Some((lane, mut batch)) = poll_fn(|cx| self.poll_next(cx)).await {
            self.write(&batch);
            batch.clear();
            let _ = self.lanes[lane].used.try_send(batch);
        }
    }

    /// Takes the lanes in turn, so that a busy one does not keep the others waiting.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, Vec<u8>)>> {
        let mut open = false;
        for step in 0..self.lanes.len() {
            let index = (self.turn + step) % self.lanes.len();
            match self.lanes[index].batches.poll_recv(cx) {
                Poll::Ready(Some(batch)) => {
                    self.turn = index + 1;
                    return Poll::Ready(Some((index, batch)));
                }
                Poll::Ready(None) => {}
                Poll::Pending => open = true,
            }
        }
        if open { Poll::Pending } else { Poll::Ready(None) }
    }

    /// Writes a batch. After an error the rest of it is lost, and the next one is tried all the same.
    fn write(&mut self, batch: &[u8]) {
        let mut rest = batch;
        let written = self.mend().and_then(|()| self.write_all(&mut rest));
        if let Err(error) = written {
            self.losses.count_unwritten(lines(rest), &error);
        }
    }

    /// Ends a line that was torn, so that what follows stands on lines of its own.
    fn mend(&mut self) -> io::Result<()> {
        if self.torn { self.write_all(&mut &b"\n"[..]) } else { Ok(()) }
    }

    /// Takes from `rest` what has been written.
    fn write_all(&mut self, rest: &mut &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.torn = rest[n - 1] != b'\n';
                    *rest = &rest[n..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
