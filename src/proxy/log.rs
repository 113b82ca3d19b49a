//! What the access log hears of requests; see [`crate::telemetry::access_log`].

use std::borrow::Cow;
use std::time::Duration;

use http::request::Parts;
use http::{Method, Response};
use http_body::Body as _;
use tokio::time::{Instant, timeout};

use super::body::Body;
use super::client::Client;
use super::request_id::RequestId;
use super::worker::Worker;
use crate::tally::Cause;
use crate::telemetry::access_log::{Line, Pen, Reason, Request};

/// How long a worker that is done may wait for the last lines to be taken.
const FAREWELL: Duration = Duration::from_secs(1);

/// Begins the line of a request, if there is a log.
pub(super) fn begin(worker: &Worker, client: &Client, parts: &Parts, id: &RequestId<'_>, at: Instant) -> Option<Box<Line>> {
    let pen = worker.log.as_ref()?;
    let peer = &client.peer;
    let client = if peer.trusted {
        Cow::Owned(peer.client_ip(&parts.headers, &worker.site().config.trusted_proxies).to_string())
    } else {
        Cow::Borrowed(peer.text())
    };
    Some(Line::begin(pen, &Request { at, client: &client, id: Some(id.as_bytes()), parts: Some(parts) }))
}

/// Ends the line of a request that evenkeel answers itself.
pub(super) fn end_own(mut line: Line, cause: Cause, method: &Method, answer: &Response<Body>) {
    line.facts.status = cause.status();
    line.facts.bytes_out = if *method == Method::HEAD { 0 } else { answer.body().size_hint().lower() };
    line.end(Reason::Own(cause), Instant::now());
}

/// A line for what hyper could not read and has answered.
pub(super) fn unreadable(worker: &Worker, client: &Client, cause: Cause) {
    if let Some(pen) = &worker.log {
        let now = Instant::now();
        let mut line = Line::begin(pen, &Request { at: now, client: client.peer.text(), id: None, parts: None });
        line.facts.status = cause.status();
        line.end(Reason::Own(cause), now);
    }
}

/// Passes on what there is; requests that still run are cut.
pub(super) async fn close(pen: &Pen) {
    pen.cut();
    // A stalled disk holds nobody up for longer.
    let _ = timeout(FAREWELL, pen.flush()).await;
}
