//! The body of an answer on its way to the client. It carries the lease: the request is in flight until its last byte.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

use super::client::Client;
use super::headers::strip_trailers;
use super::request_body::RequestBody;
use super::upload::{Upload, UploadError};
use super::upstream::Connection;
use super::upstream::decoder::{Decoder, Step};
use super::worker::Worker;
use crate::balance::lease::{Lease, Outcome};
use crate::balance::meter::{Failure, bump};
use crate::tally::Cause;
use crate::telemetry::access_log::{Line, Reason};

/// What hyper sends to the client.
#[derive(Debug)]
pub(super) enum Body {
    /// Nothing.
    Empty,
    /// All of it.
    Full(Bytes),
    /// As it comes from the backend.
    Stream(Box<Stream>),
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(stream) => stream.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Stream(stream) => stream.decoder.is_done(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(stream) => match stream.decoder {
                Decoder::Length(left) => SizeHint::with_exact(left),
                Decoder::Done => SizeHint::with_exact(0),
                Decoder::Chunked(_) | Decoder::ToEnd => SizeHint::default(),
            },
        }
    }
}

/// A claim on a backend together with what is needed to give account of it.
#[derive(Debug)]
pub(super) struct Claim {
    /// Where the account is given.
    pub(super) worker: Rc<Worker>,
    /// The claim.
    pub(super) lease: Lease,
    /// When it was taken.
    pub(super) taken: Instant,
    /// The request's line in the access log, once the answer has begun.
    pub(super) line: Option<Box<Line>>,
}

impl Claim {
    /// The answer begins.
    pub(super) fn begin_answer(&mut self, status: u16) {
        if let Some(line) = &mut self.line {
            line.facts.status = status;
        }
        if let Some(signal) = self.lease.answered(status) {
            self.worker.report(Arc::clone(self.lease.backend()), signal);
        }
    }

    /// More of the request's body has gone to the backend.
    pub(super) fn count_in(&mut self, bytes: u64) {
        bump(&self.lease.meter().bytes_in, bytes);
        if let Some(line) = &mut self.line {
            line.facts.bytes_in += bytes;
        }
    }

    /// More of the answer's body has come.
    pub(super) fn count_out(&mut self, bytes: u64) {
        bump(&self.lease.meter().bytes_out, bytes);
        if let Some(line) = &mut self.line {
            line.facts.bytes_out += bytes;
        }
    }

    /// Gives account of the request and the claim back.
    pub(super) fn finish(self, status: Option<u16>, failure: Option<Failure>) {
        let now = Instant::now();
        let latency = now.duration_since(self.taken);
        self.account(status, failure, latency, Reason::of(failure), now);
    }

    /// As [`Self::finish`], for a request that became a tunnel: how long that was open is not the backend's latency.
    pub(super) fn finish_tunnel(self, opened: Instant, reason: Reason) {
        let latency = opened.duration_since(self.taken);
        self.account(Some(101), None, latency, reason, Instant::now());
    }

    /// Gives the claim back because the operator wants the request to end: nobody is to blame.
    pub(super) fn cut(mut self) {
        if let Some(line) = self.line.take() {
            line.end(Reason::Own(Cause::Cut), Instant::now());
        }
    }

    fn account(self, status: Option<u16>, failure: Option<Failure>, latency: Duration, reason: Reason, now: Instant) {
        let Self { worker, lease, line, .. } = self;
        let latency_us = latency.as_micros() as u64;
        let backend = Arc::clone(lease.backend());
        if let Some(signal) = lease.finish(Outcome { status, failure, latency_us }, crate::clock::at(now)) {
            worker.report(backend, signal);
        }
        if let Some(line) = line {
            line.end(reason, now);
        }
    }
}

/// A request that is still being sent while its answer comes.
#[derive(Debug)]
pub(super) struct Unsent {
    /// How far it is.
    pub(super) upload: Upload,
    /// Its body.
    pub(super) body: RequestBody,
}

/// An answer under way.
#[derive(Debug)]
pub(super) struct Stream {
    /// For whom.
    pub(super) client: Rc<Client>,
    /// Its status.
    pub(super) status: u16,
    /// From whom; `None` once account is given.
    pub(super) claim: Option<Claim>,
    /// On which connection.
    pub(super) connection: Option<Connection>,
    /// Whether the connection may serve another request afterwards.
    pub(super) keep_alive: bool,
    /// What has been read and not decoded.
    pub(super) input: Bytes,
    /// Finds the end.
    pub(super) decoder: Decoder,
    /// Fields that may not trail because `Connection` named them.
    pub(super) named: Vec<String>,
    /// What of the request is not sent yet.
    pub(super) unsent: Option<Unsent>,
    /// Whether the rest of the request cannot be had from the client.
    pub(super) torn: bool,
    /// How long nothing may come.
    pub(super) idle: Duration,
}

impl Stream {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            self.poll_upload(cx);
            match self.decoder.next(&mut self.input) {
                Ok(Step::Data(data)) => {
                    self.client.deadline.arm(self.idle);
                    if let Some(claim) = &mut self.claim {
                        claim.count_out(data.len() as u64);
                    }
                    if self.decoder.is_done() {
                        self.end(None);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Ok(Step::Trailers(mut trailers)) => {
                    strip_trailers(&mut trailers, &self.named);
                    self.end(None);
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                Ok(Step::End) => {
                    self.end(None);
                    return Poll::Ready(None);
                }
                Err(_) => return self.fail(Failure::BodyBroken),
                Ok(Step::More) => {}
            }
            let Some(connection) = &mut self.connection else { return self.fail(Failure::BodyBroken) };
            match connection.poll_fill(cx) {
                Poll::Ready(Ok(n)) if n > 0 => self.input = connection.take(),
                Poll::Ready(Ok(_)) if self.decoder.end_of_input().is_ok() => {}
                Poll::Ready(_) => return self.fail(Failure::BodyBroken),
                Poll::Pending if self.client.deadline.expired() => return self.fail(Failure::BodyTimeout),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Sends on what is left of the request. Whatever goes wrong with it, the answer counts.
    fn poll_upload(&mut self, cx: &mut Context<'_>) {
        let (Some(unsent), Some(connection), Some(claim)) = (&mut self.unsent, &mut self.connection, &mut self.claim) else {
            return;
        };
        let Unsent { upload, body } = unsent;
        let (written, body_bytes) = (upload.written(), upload.body_bytes());
        let sent = upload.poll_send(connection, body, cx);
        if upload.written() > written {
            self.client.deadline.arm(self.idle);
        }
        claim.count_in(upload.body_bytes() - body_bytes);
        match sent {
            Poll::Ready(Ok(())) => {
                self.client.body_read();
                self.unsent = None;
            }
            Poll::Ready(Err(error)) => {
                self.torn = matches!(error, UploadError::Client(_));
                self.unsent = None;
                self.keep_alive = false;
            }
            Poll::Pending => {}
        }
    }

    /// The last byte has been handed on, or the answer failed.
    fn end(&mut self, failure: Option<Failure>) {
        let Some(claim) = self.claim.take() else { return };
        if let Some(connection) = self.connection.take()
            && failure.is_none()
            && self.keep_alive
            && self.unsent.is_none()
            && self.input.is_empty()
        {
            claim.worker.keep(claim.lease.backend(), connection);
        }
        claim.finish(Some(self.status), failure);
        self.client.end_request();
    }

    fn fail(&mut self, failure: Failure) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.torn || (failure == Failure::BodyTimeout && self.waits_for_client()) {
            // The client's fault: to be given account of as if it had left.
            self.claim = None;
        }
        self.end(Some(failure));
        Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::UnexpectedEof, failure.words()))))
    }

    /// Whether the backend may well be waiting for the rest of the request, and we wait for the client.
    fn waits_for_client(&self) -> bool {
        let sending = self.unsent.as_ref().zip(self.connection.as_ref());
        sending.is_some_and(|(unsent, connection)| unsent.upload.waits_for_client(connection))
    }
}

/// The client's connection is closed when the operator has cut the request, or when the client has left.
impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(claim) = self.claim.take_if(|claim| claim.lease.is_cut()) {
            claim.cut();
        }
    }
}
