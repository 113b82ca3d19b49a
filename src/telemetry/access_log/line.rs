//! One request's line, from the request's first moment to its last.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use tokio::time::Instant;

use super::pen::{Draft, Pen};
use super::reason::Reason;
use crate::balance::backend::Backend;

/// Status of a request whose client left before it was answered, as nginx has it.
const CLIENT_LEFT: u16 = 499;

/// A request as it came.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// When its head was complete.
    pub at: Instant,
    /// Who sent it.
    pub client: &'a str,
    /// Its id; `None` if it could not be read.
    pub id: Option<&'a [u8]>,
    /// Its head; `None` if it could not be read.
    pub parts: Option<&'a Parts>,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Status of the answer.
    pub status: u16,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// The pool that it belongs to.
    pub pool: Option<Arc<str>>,
    /// The last backend that it was given to.
    pub backend: Option<Arc<Backend>>,
    /// How many backends it was given to.
    pub attempts: u32,
    /// How long it waited for a backend.
    pub queue: Duration,
    /// How long the last connection took to make; no time if it was there already.
    pub connect: Option<Duration>,
    /// From the last byte of the request to the head of the answer, at the last backend.
    pub first_byte: Option<Duration>,
    /// From the head of the request to the last byte of the answer.
    pub total: Duration,
}

/// See the module. A line that is dropped before its end is that of a client that left.
#[derive(Debug)]
pub struct Line {
    /// What became of the request so far.
    pub facts: Facts,
    pen: Rc<Pen>,
    began: Instant,
    waits_since: Option<Instant>,
    sent: Option<Instant>,
    draft: Option<Draft>,
}

impl Line {
    /// Begins a request's line.
    pub fn begin(pen: &Rc<Pen>, request: &Request<'_>) -> Box<Self> {
        let facts = Facts {
            status: CLIENT_LEFT,
            bytes_in: 0,
            bytes_out: 0,
            pool: None,
            backend: None,
            attempts: 0,
            queue: Duration::ZERO,
            connect: None,
            first_byte: None,
            total: Duration::ZERO,
        };
        let (pen, draft) = (Rc::clone(pen), Some(pen.begin(request)));
        Box::new(Self { facts, pen, began: request.at, waits_since: None, sent: None, draft })
    }

    /// Whether it may begin: there is room for it.
    pub fn has_room(&self) -> bool {
        self.pen.has_room()
    }

    /// Waits until there is room for it.
    pub async fn room(&self) {
        self.pen.room().await;
    }

    /// The request begins to wait for a backend.
    pub fn waits(&mut self, since: Instant) {
        self.waits_since = Some(since);
    }

    /// The wait, if there was one, is over.
    pub fn waited(&mut self, until: Instant) {
        if let Some(since) = self.waits_since.take() {
            self.facts.queue += until.saturating_duration_since(since);
        }
    }

    /// The request has been given to another backend.
    pub fn picked(&mut self, backend: &Arc<Backend>) {
        let Facts { attempts, backend: last, connect, first_byte, .. } = &mut self.facts;
        *attempts += 1;
        *last = Some(Arc::clone(backend));
        (*connect, *first_byte, self.sent) = (None, None, None);
    }

    /// Now, if anybody wants to know how long things take.
    pub fn now(&self) -> Option<Instant> {
        self.pen.is_timed().then(Instant::now)
    }

    /// A connection to the backend stands; `began` is when it was asked for, unless it was there already.
    pub fn connected(&mut self, began: Option<Instant>) {
        self.facts.connect = Some(began.map_or(Duration::ZERO, |began| began.elapsed()));
    }

    /// The last byte of the request has left.
    pub fn sent(&mut self) {
        self.sent = self.now();
    }

    /// The head of the answer has come, perhaps before the last byte of the request had left.
    pub fn head_came(&mut self) {
        self.facts.first_byte = self.now().map(|now| self.sent.map_or(Duration::ZERO, |sent| now - sent));
    }

    /// Writes it.
    pub fn end(mut self, reason: Reason, now: Instant) {
        self.write(reason, now);
    }

    fn write(&mut self, reason: Reason, now: Instant) {
        self.waited(now);
        if let Some(draft) = self.draft.take() {
            self.facts.total = now.saturating_duration_since(self.began);
            self.pen.end(draft, &self.facts, reason);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.draft.is_some() {
            self.write(self.pen.untold(), Instant::now());
        }
    }
}
