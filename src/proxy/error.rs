//! The answers that evenkeel gives itself. The only place in the data plane that makes one.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use super::body::Body;
use super::request_id::{RequestId, X_REQUEST_ID};
use crate::balance::meter::Failure;
use crate::tally::Cause;

/// The cause to name when the last attempt failed like this.
pub(super) fn cause_of(failure: Failure) -> Cause {
    match failure {
        Failure::Refused => Cause::ConnectFailed,
        Failure::ConnectTimeout => Cause::ConnectTimeout,
        Failure::HeadTimeout => Cause::HeadTimeout,
        Failure::BadAnswer => Cause::BadAnswer,
        Failure::Reset | Failure::BodyBroken | Failure::BodyTimeout | Failure::Status5xx => Cause::Broken,
    }
}

/// A short text with the cause and the request's id. Nothing of the request is echoed.
pub(super) fn answer(cause: Cause, request_id: &RequestId<'_>) -> Response<Body> {
    let status = StatusCode::from_u16(cause.status()).expect("causes have valid statuses");
    let id = String::from_utf8_lossy(request_id.as_bytes());
    let text =
        format!("{} {}: {}\nrequest {id}\n", status.as_u16(), status.canonical_reason().unwrap_or_default(), cause.words());
    let mut response = Response::new(Body::Full(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_REQUEST_ID, request_id.to_value());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if matches!(cause, Cause::Method | Cause::LastRecipient) {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"));
    }
    if is_doubtful(cause) {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether the request was refused before all of it was understood: then nobody knows for certain where the next one begins.
fn is_doubtful(cause: Cause) -> bool {
    matches!(cause, Cause::BadRequest | Cause::Method | Cause::RequestTimeout | Cause::UriTooLong)
}
