//! The parts of a request that every format tells in the same way.

use http::header::{HOST, HeaderValue};
use http::request::Parts;
use http::{Uri, Version};

use super::text::Escape;

/// Appends a request's target as it came.
pub(super) fn target(out: &mut Vec<u8>, uri: &Uri, escape: Escape) {
    if let Some(scheme) = uri.scheme_str() {
        escape(out, scheme.as_bytes());
        out.extend_from_slice(b"://");
    }
    if let Some(authority) = uri.authority() {
        escape(out, authority.as_str().as_bytes());
    }
    if let Some(path) = uri.path_and_query() {
        escape(out, path.as_str().as_bytes());
    }
}

/// What the client addressed, right or wrong.
pub(super) fn host(parts: &Parts) -> Option<&[u8]> {
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    authority.or_else(|| parts.headers.get(HOST).map(HeaderValue::as_bytes))
}

/// The version of HTTP.
pub(super) fn version(version: Version) -> &'static str {
    if version == Version::HTTP_10 { "1.0" } else { "1.1" }
}
