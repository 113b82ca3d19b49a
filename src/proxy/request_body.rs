//! A request's body on its way to a backend, of which the beginning is kept in case it must be sent again.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body as _;
use hyper::body::Incoming;

use super::headers::{named_by_connection, strip_trailers};

/// Pieces that are shorter are copied to be kept: each may lie in a buffer of its own, of twice this size or more.
const SHORT: usize = 4 * 1024;

/// What the client did wrong in the middle of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientFault {
    /// It has left.
    Left,
    /// It sent what is no body.
    Malformed,
    /// It sent nothing for too long.
    Stalled,
}

impl ClientFault {
    fn of(error: &hyper::Error) -> Self {
        let kind = error.source().and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
        match kind {
            Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => Self::Malformed,
            _ => Self::Left,
        }
    }
}

/// The next part of a request body.
#[derive(Debug)]
pub(super) enum Part {
    /// Bytes, not empty.
    Data(Bytes),
    /// The trailer fields that go on; nothing follows.
    Trailers(HeaderMap),
    /// The end.
    End,
}

/// See the module.
#[derive(Debug)]
pub(super) struct RequestBody {
    incoming: Option<Incoming>,
    ended: bool,
    kept: Vec<Bytes>,
    kept_bytes: usize,
    /// Most bytes to keep.
    limit: usize,
    /// Whether `kept` is all that has been read.
    complete: bool,
    /// How much of `kept` has been sent in this attempt.
    position: usize,
    /// Fields that may not trail because `Connection` named them.
    named: Vec<String>,
}

impl RequestBody {
    /// The body of a request with these fields, of which up to `limit` bytes are kept.
    pub(super) fn new(incoming: Incoming, headers: &HeaderMap, limit: usize) -> Self {
        let ended = incoming.is_end_stream();
        let named = if ended { Vec::new() } else { named_by_connection(headers) };
        Self { incoming: Some(incoming), ended, limit, named, ..Self::empty() }
    }

    /// No body, or one that has been read before and was empty.
    pub(super) fn empty() -> Self {
        Self {
            incoming: None,
            ended: true,
            kept: Vec::new(),
            kept_bytes: 0,
            limit: 0,
            complete: true,
            position: 0,
            named: Vec::new(),
        }
    }

    /// Takes the body out; what stays is empty.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::empty())
    }

    /// Whether everything read so far can be sent again.
    pub(super) fn is_replayable(&self) -> bool {
        self.complete
    }

    /// Starts over for another attempt.
    pub(super) fn rewind(&mut self) {
        self.position = 0;
    }

    /// Whether nothing is left to send.
    pub(super) fn is_done(&self) -> bool {
        self.ended && self.position == self.kept.len()
    }

    /// The next part.
    pub(super) fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Result<Part, ClientFault>> {
        if let Some(data) = self.kept.get(self.position) {
            self.position += 1;
            return Poll::Ready(Ok(Part::Data(data.clone())));
        }
        loop {
            let Some(incoming) = self.incoming.as_mut().filter(|_| !self.ended) else { return Poll::Ready(Ok(Part::End)) };
            let Some(frame) = ready!(Pin::new(&mut *incoming).poll_frame(cx)) else {
                self.ended = true;
                continue;
            };
            match frame.map_err(|error| ClientFault::of(&error))?.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => {
                    self.ended = incoming.is_end_stream();
                    self.keep(&data);
                    return Poll::Ready(Ok(Part::Data(data)));
                }
                Err(frame) => {
                    self.ended = true;
                    // Trailers are not kept: a request that has them is sent once.
                    self.complete = false;
                    let Ok(mut trailers) = frame.into_trailers() else { return Poll::Ready(Ok(Part::End)) };
                    strip_trailers(&mut trailers, &self.named);
                    return Poll::Ready(Ok(Part::Trailers(trailers)));
                }
            }
        }
    }

    fn keep(&mut self, data: &Bytes) {
        // A tiny piece costs more than its bytes.
        self.kept_bytes = self.kept_bytes.saturating_add(data.len().max(size_of::<Bytes>()));
        if self.complete && self.kept_bytes <= self.limit {
            self.kept.push(if data.len() < SHORT { Bytes::copy_from_slice(data) } else { data.clone() });
            self.position = self.kept.len();
        } else {
            self.complete = false;
            self.kept.clear();
            self.position = 0;
        }
    }
}
