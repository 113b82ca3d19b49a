//! Parts of the data plane for benchmarks and fuzz targets to call on their own, behind the feature `internals`. No interface
//! for anybody else: it changes with what it stands for.

use std::net::IpAddr;

use http::header::HeaderMap;
use http::request::Parts;
use ipnet::IpNet;

use super::request_id::RequestId;
use super::{headers, request, router};
use crate::config::HostPattern;
use crate::tally::Cause;

/// Which pool serves a host and path.
#[derive(Debug)]
pub struct Router(router::Router);

impl Router {
    /// Routes to pools, given as hosts and path prefix, by their position.
    pub fn new<'a>(pools: impl Iterator<Item = (&'a [HostPattern], &'a str)>) -> Self {
        Self(router::Router::new(pools))
    }

    /// The pool for a host (without port) and a path.
    pub fn route(&self, host: &str, path: &str) -> Option<usize> {
        self.0.route(host, path)
    }
}

/// Checks a request from `ip` and appends the head that the backend `b:80` gets.
///
/// # Errors
/// What the client did wrong; then nothing has been appended.
pub fn forward_head(out: &mut Vec<u8>, parts: &Parts, ip: IpAddr, trusted: &[IpNet]) -> Result<(), Cause> {
    let checked = request::check(parts, 8192)?;
    let id = RequestId::of(&parts.headers, || 0);
    headers::write_request_head(out, parts, &checked, || "b:80".to_owned(), &headers::Peer::new(ip, trusted), id.as_bytes());
    Ok(())
}

/// The client that a request from `ip` comes from, by its `X-Forwarded-For`.
pub fn client_ip(ip: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    headers::Peer::new(ip, trusted).client_ip(headers, trusted)
}
