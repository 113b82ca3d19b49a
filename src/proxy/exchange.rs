//! One request over one upstream connection, up to the head of the answer.

use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, StatusCode};

use super::deadline::Deadline;
use super::request_body::{ClientFault, RequestBody};
use super::retry::Reached;
use super::upload::{Upload, UploadError};
use super::upstream::Connection;
use super::upstream::answer::{self, Head, Parsed};
use super::worker::SpareHeaders;
use crate::balance::lease::Lease;
use crate::balance::meter::Failure;
use crate::config::{ClientTimeouts, UpstreamTimeouts};
use crate::telemetry::access_log::Line;

/// Why an attempt came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The backend's fault.
    Backend {
        /// What went wrong.
        failure: Failure,
        /// How far it had come.
        reached: Reached,
        /// A kept-alive connection turned out to be closed: not held against the backend if a fresh one works.
        stale: bool,
    },
    /// The client's fault.
    Client(ClientFault),
    /// The operator cut the request.
    Cut,
    /// Ours: nothing is left to connect with.
    Shortage,
}

/// The time-outs that matter here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Towards the client.
    pub(super) client: ClientTimeouts,
    /// Towards the backend.
    pub(super) upstream: UpstreamTimeouts,
}

/// An exchange under way.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    /// Its connection.
    pub(super) connection: &'a mut Connection,
    /// The request being sent.
    pub(super) upload: &'a mut Upload,
    /// Its body.
    pub(super) body: &'a mut RequestBody,
    /// Its method.
    pub(super) method: &'a Method,
    /// Whether the backend may switch to WebSocket: it has been asked to.
    pub(super) may_switch: bool,
    /// Its claim on the backend.
    pub(super) lease: &'a Lease,
    /// Its time-out.
    pub(super) deadline: &'a Deadline,
    /// How long to wait.
    pub(super) patience: Patience,
    /// Where the answer's fields find room.
    pub(super) spare_headers: &'a SpareHeaders,
    /// Where the time it takes is noted.
    pub(super) line: Option<&'a mut Line>,
}

impl Exchange<'_> {
    /// Sends the request and awaits the head of the final answer. An answer may come before the request is all sent; what is
    /// left of it is then the caller's to send on. Informational answers are dropped: hyper has no way to pass them on, and
    /// has answered `Expect` itself.
    pub(super) async fn run(mut self) -> Result<(Head, Bytes), Problem> {
        self.deadline.arm(self.patience.client.request_body_idle);
        let mut received = false;
        let mut backend_refuses = false;
        poll_fn(|cx| {
            if !backend_refuses {
                backend_refuses = self.poll_upload(cx)?;
            }
            while let Poll::Ready(read) = self.connection.poll_fill(cx) {
                match read {
                    Ok(n) if n > 0 => received = true,
                    _ => return Poll::Ready(Err(self.broken(received))),
                }
                if let Some(answer) = self.parse()? {
                    if let Some(line) = &mut self.line {
                        line.head_came();
                    }
                    return Poll::Ready(Ok(answer));
                }
            }
            if self.lease.is_cut() {
                return Poll::Ready(Err(Problem::Cut));
            }
            if self.deadline.expired() {
                return Poll::Ready(Err(self.late()));
            }
            Poll::Pending
        })
        .await
    }

    /// Sends on. True when the backend takes nothing more: it may have answered all the same.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<bool, Problem> {
        if self.upload.is_done() {
            return Ok(false);
        }
        let before = self.upload.written();
        let sent = self.upload.poll_send(self.connection, self.body, cx);
        match sent {
            Poll::Ready(Ok(())) => {
                self.deadline.arm(self.patience.upstream.response_head);
                if let Some(line) = &mut self.line {
                    line.sent();
                }
            }
            Poll::Ready(Err(UploadError::Client(fault))) => return Err(Problem::Client(fault)),
            // What it said before it hung up is still to be read, and so is the hang-up itself.
            Poll::Ready(Err(UploadError::Backend)) => {
                self.deadline.arm(self.patience.upstream.response_head);
                return Ok(true);
            }
            Poll::Pending if self.upload.written() > before => self.deadline.arm(self.patience.client.request_body_idle),
            Poll::Pending => {}
        }
        Ok(false)
    }

    /// The head of a final answer, if it has arrived.
    fn parse(&mut self) -> Result<Option<(Head, Bytes)>, Problem> {
        let bad = Problem::Backend { failure: Failure::BadAnswer, reached: Reached::Unanswered, stale: false };
        let mut bytes = self.connection.take();
        loop {
            match answer::parse(bytes, self.method, || self.spare_headers.take()).map_err(|_| bad)? {
                Parsed::Partial(rest) => {
                    self.connection.give_back(rest);
                    return Ok(None);
                }
                Parsed::Head(head, rest) if is_interim(head.status) => bytes = rest,
                Parsed::Head(head, _) if is_switch(head.status) && !(self.may_switch && head.websocket) => return Err(bad),
                Parsed::Head(head, rest) => return Ok(Some((head, rest))),
            }
        }
    }

    fn broken(&self, received: bool) -> Problem {
        let reached = if self.upload.written() == 0 { Reached::NotSent } else { Reached::Unanswered };
        Problem::Backend { failure: Failure::Reset, reached, stale: self.connection.reused && !received }
    }

    fn late(&self) -> Problem {
        if self.upload.waits_for_client(self.connection) {
            return Problem::Client(ClientFault::Stalled);
        }
        Problem::Backend { failure: Failure::HeadTimeout, reached: Reached::Unanswered, stale: false }
    }
}

fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && !is_switch(status)
}

fn is_switch(status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS
}
