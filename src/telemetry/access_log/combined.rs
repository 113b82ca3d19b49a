//! The combined format of Apache and nginx: `client - user [time] "request" status bytes "referer" "user agent"`. Nobody logs in
//! here, so the user is `-`.

use http::header::{HeaderValue, REFERER, USER_AGENT};

use super::line::{Facts, Request};
use super::pen::Draft;
use super::request;
use super::text::{decimal, escape_combined};
use super::time::TimeOfDay;

/// Writes everything but status and bytes.
pub(super) fn begin(draft: &mut Draft, time: &mut TimeOfDay, request: &Request<'_>) {
    let out = &mut draft.text;
    out.extend_from_slice(request.client.as_bytes());
    out.extend_from_slice(b" - - [");
    time.append(out, request.at);
    out.extend_from_slice(b"] \"");
    match request.parts {
        Some(parts) => {
            escape_combined(out, parts.method.as_str().as_bytes());
            out.push(b' ');
            request::target(out, &parts.uri, escape_combined);
            out.extend_from_slice(b" HTTP/");
            out.extend_from_slice(request::version(parts.version).as_bytes());
        }
        None => out.push(b'-'),
    }
    out.extend_from_slice(b"\" ");
    draft.gap = out.len();
    for name in [REFERER, USER_AGENT] {
        let value = request.parts.and_then(|parts| parts.headers.get(name)).map(HeaderValue::as_bytes);
        out.extend_from_slice(b" \"");
        escape_combined(out, value.filter(|value| !value.is_empty()).unwrap_or(b"-"));
        out.push(b'"');
    }
    out.push(b'\n');
}

/// Appends the line.
pub(super) fn end(out: &mut Vec<u8>, draft: &Draft, facts: &Facts) {
    let (before, after) = draft.text.split_at(draft.gap);
    out.extend_from_slice(before);
    decimal(out, facts.status.into());
    out.push(b' ');
    decimal(out, facts.bytes_out);
    out.extend_from_slice(after);
}
