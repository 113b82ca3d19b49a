//! A backend's answer becomes ours: at once if all of it is here, else as a stream or a tunnel.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{Response, StatusCode};

use super::body::{Body, Claim, Stream, Unsent};
use super::client::Client;
use super::request_body::RequestBody;
use super::tunnel::Tunnel;
use super::upload::Upload;
use super::upstream::Connection;
use super::upstream::answer::{Framing, Head};
use super::upstream::decoder::Decoder;

/// What an exchange brought.
#[derive(Debug)]
pub(super) struct Answered {
    /// On which connection.
    pub(super) connection: Connection,
    /// How far the request has been sent.
    pub(super) upload: Upload,
    /// The head of the answer.
    pub(super) head: Head,
    /// What was read after it.
    pub(super) rest: Bytes,
}

impl Answered {
    /// The answer for the client. `body` is what is left of the request, `idle` how long nothing may move.
    pub(super) fn into_response(
        self,
        mut claim: Claim,
        client: &Rc<Client>,
        body: &mut RequestBody,
        idle: Duration,
    ) -> Response<Body> {
        let Self { connection, upload, head, mut rest } = self;
        claim.begin_answer(head.status.as_u16());
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        // Fields for one hop, but to be told on the next one as well (RFC 9110 sections 15.2.2 and 15.5.22).
        if head.websocket && matches!(head.status, StatusCode::SWITCHING_PROTOCOLS | StatusCode::UPGRADE_REQUIRED) {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            *client.tunnel.borrow_mut() = Some(Box::new(Tunnel { claim, connection, early: rest, idle }));
            return response;
        }

        client.begin_stream(idle);
        let whole = match head.framing {
            Framing::None => Some(0),
            Framing::Length(n) => usize::try_from(n).ok().filter(|n| *n <= rest.len()),
            Framing::Chunked | Framing::ToEnd => None,
        };
        *response.body_mut() = if let Some(len) = whole {
            let bytes = rest.split_to(len);
            claim.count_out(len as u64);
            // Who has answered in full does not want the rest of the request.
            if upload.is_done() && head.keep_alive && rest.is_empty() {
                claim.worker.keep(claim.lease.backend(), connection);
            }
            claim.finish(Some(head.status.as_u16()), None);
            if bytes.is_empty() { Body::Empty } else { Body::Full(bytes) }
        } else {
            client.shares(claim.lease.fate());
            Body::Stream(Box::new(Stream {
                client: Rc::clone(client),
                status: head.status.as_u16(),
                claim: Some(claim),
                connection: Some(connection),
                keep_alive: head.keep_alive,
                input: rest,
                decoder: Decoder::new(head.framing),
                named: head.named,
                unsent: (!upload.is_done()).then(|| Unsent { upload, body: body.take() }),
                torn: false,
                idle,
            }))
        };
        response
    }
}
