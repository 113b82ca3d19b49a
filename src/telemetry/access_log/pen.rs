//! One worker's end of the log: gathers lines and passes them on.

use std::cell::{Cell, RefCell};
use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::line::{Facts, Request};
use super::losses::{Losses, lines};
use super::reason::Reason;
use super::time::TimeOfDay;
use super::writer::Lane;
use super::{combined, json};
use crate::config::{AccessLog, LogFormat, WhenFull};
use crate::tally::Cause;

/// Bytes that are passed on together.
const BATCH: usize = 16 * 1024;

/// Batches that may wait to be written, for each worker: 4 MiB.
const QUEUE: usize = 256;

/// Buffers of each kind that are kept for later.
const SPARE: usize = 16;

/// A line that has begun: the request, with a gap for what becomes of it.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) text: Vec<u8>,
    pub(super) gap: usize,
}

/// See the module. Stays with its worker's thread.
#[derive(Debug)]
pub struct Pen {
    format: LogFormat,
    when_full: WhenFull,
    time: RefCell<TimeOfDay>,
    batch: RefCell<Vec<u8>>,
    queue: mpsc::Sender<Vec<u8>>,
    used: Receiver<Vec<u8>>,
    drafts: RefCell<Vec<Draft>>,
    losses: Arc<Losses>,
    cutting: Cell<bool>,
}

impl Pen {
    /// A pen, and where its lines come out.
    pub(super) fn new(config: &AccessLog, losses: &Arc<Losses>) -> (Self, Lane) {
        let (queue, batches) = mpsc::channel(QUEUE);
        let (give_back, used) = sync_channel(SPARE);
        let pen = Self {
            format: config.format,
            when_full: config.when_full,
            time: RefCell::new(TimeOfDay::new(config.format, TimeZone::system())),
            batch: RefCell::default(),
            queue,
            used,
            drafts: RefCell::default(),
            losses: Arc::clone(losses),
            cutting: Cell::new(false),
        };
        (pen, Lane { batches, used: give_back })
    }

    /// Whether lines tell how long things took.
    pub(super) fn is_timed(&self) -> bool {
        self.format == LogFormat::Json
    }

    /// How a request ended of which nobody said how.
    pub(super) fn untold(&self) -> Reason {
        if std::thread::panicking() {
            Reason::Own(Cause::Bug)
        } else if self.cutting.get() {
            Reason::Own(Cause::Cut)
        } else {
            Reason::ClientLeft
        }
    }

    /// Requests that end from now on without a word have been cut.
    pub fn cut(&self) {
        self.cutting.set(true);
    }

    /// Begins a line.
    pub(super) fn begin(&self, request: &Request<'_>) -> Draft {
        let mut draft = self.drafts.borrow_mut().pop().unwrap_or_default();
        let mut time = self.time.borrow_mut();
        match self.format {
            LogFormat::Combined => combined::begin(&mut draft, &mut time, request),
            LogFormat::Json => json::begin(&mut draft, &mut time, request),
        }
        draft
    }

    /// Ends a line.
    pub(super) fn end(&self, mut draft: Draft, facts: &Facts, reason: Reason) {
        let mut batch = self.batch.borrow_mut();
        if batch.len() >= BATCH && !self.hand_over(&mut batch) && self.when_full == WhenFull::Drop {
            self.losses.count_refused(1);
        } else {
            match self.format {
                LogFormat::Combined => combined::end(&mut batch, &draft, facts),
                LogFormat::Json => json::end(&mut batch, &draft, facts, reason),
            }
            if batch.len() >= BATCH {
                self.hand_over(&mut batch);
            }
        }
        let mut drafts = self.drafts.borrow_mut();
        if drafts.len() < SPARE && draft.text.capacity() < BATCH {
            draft.text.clear();
            drafts.push(draft);
        }
    }

    /// Passes on what there is, to be called every now and then. Says whether anything is left.
    pub fn pass_on(&self) -> bool {
        let mut batch = self.batch.borrow_mut();
        !batch.is_empty() && !self.hand_over(&mut batch)
    }

    /// Whether a line may come without one being lost for it or waiting too long.
    pub fn has_room(&self) -> bool {
        self.when_full == WhenFull::Drop || self.batch.borrow().len() < BATCH
    }

    /// Waits until there is room.
    pub async fn room(&self) {
        while !self.has_room() {
            let Ok(place) = self.queue.reserve().await else { return };
            let mut batch = self.batch.borrow_mut();
            // Somebody else who waited may have been first.
            if batch.len() >= BATCH {
                place.send(self.take(&mut batch));
            }
        }
    }

    /// Waits until everything has been passed on.
    pub async fn flush(&self) {
        let Ok(place) = self.queue.reserve().await else { return };
        place.send(self.take(&mut self.batch.borrow_mut()));
    }

    /// Passes a batch on, if the queue has room.
    fn hand_over(&self, batch: &mut Vec<u8>) -> bool {
        match self.queue.try_reserve() {
            Ok(place) => place.send(self.take(batch)),
            Err(TrySendError::Full(())) => return false,
            // The writer is gone, which only a bug can bring about.
            Err(TrySendError::Closed(())) => {
                self.losses.count_refused(lines(batch));
                batch.clear();
            }
        }
        true
    }

    fn take(&self, batch: &mut Vec<u8>) -> Vec<u8> {
        let empty = self.used.try_recv().unwrap_or_else(|_| Vec::with_capacity(BATCH + BATCH / 8));
        mem::replace(batch, empty)
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        let batch = mem::take(self.batch.get_mut());
        if let Err(TrySendError::Full(batch) | TrySendError::Closed(batch)) = self.queue.try_send(batch) {
            self.losses.count_refused(lines(&batch));
        }
    }
}
