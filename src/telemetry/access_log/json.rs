//! One JSON object per line. Every line has every key; what there is not is `null`.

use std::time::Duration;

use http::header::{HeaderName, HeaderValue, REFERER, USER_AGENT};

use super::line::{Facts, Request};
use super::pen::Draft;
use super::reason::Reason;
use super::request;
use super::text::{decimal, escape_json, thousandths};
use super::time::TimeOfDay;

/// Writes what is known of a request from the beginning.
pub(super) fn begin(draft: &mut Draft, time: &mut TimeOfDay, request: &Request<'_>) {
    let out = &mut draft.text;
    let parts = request.parts;
    out.extend_from_slice(b"{\"time\":\"");
    time.append(out, request.at);
    out.push(b'"');
    text(out, "request_id", request.id);
    text(out, "client", Some(request.client.as_bytes()));
    text(out, "method", parts.map(|parts| parts.method.as_str().as_bytes()));
    text(out, "host", parts.and_then(request::host));
    key(out, "target");
    match parts {
        Some(parts) => {
            out.push(b'"');
            request::target(out, &parts.uri, escape_json);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
    text(out, "version", parts.map(|parts| request::version(parts.version).as_bytes()));
    let field = |name: HeaderName| parts?.headers.get(name).map(HeaderValue::as_bytes);
    text(out, "referer", field(REFERER));
    text(out, "user_agent", field(USER_AGENT));
    draft.gap = out.len();
}

/// Appends the line.
pub(super) fn end(out: &mut Vec<u8>, draft: &Draft, facts: &Facts, reason: Reason) {
    out.extend_from_slice(&draft.text);
    number(out, "status", facts.status.into());
    number(out, "bytes_in", facts.bytes_in);
    number(out, "bytes_out", facts.bytes_out);
    text(out, "pool", facts.pool.as_ref().map(|pool| pool.as_bytes()));
    text(out, "backend", facts.backend.as_ref().map(|backend| backend.spec.id.backend.as_bytes()));
    number(out, "attempts", facts.attempts.into());
    millis(out, "queue_ms", Some(facts.queue));
    millis(out, "connect_ms", facts.connect);
    millis(out, "first_byte_ms", facts.first_byte);
    millis(out, "total_ms", Some(facts.total));
    text(out, "reason", Some(reason.word().as_bytes()));
    out.extend_from_slice(b"}\n");
}

fn key(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

fn text(out: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    key(out, name);
    match value {
        Some(value) => {
            out.push(b'"');
            escape_json(out, value);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}

fn number(out: &mut Vec<u8>, name: &str, value: u64) {
    key(out, name);
    decimal(out, value);
}

fn millis(out: &mut Vec<u8>, name: &str, value: Option<Duration>) {
    key(out, name);
    match value.map(|value| value.as_micros() as u64) {
        Some(us) => {
            decimal(out, us / 1000);
            thousandths(out, us);
        }
        None => out.extend_from_slice(b"null"),
    }
}
