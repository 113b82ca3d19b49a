//! Parts of the data plane for benchmarks and fuzz targets to call on their own, behind the feature `internals`. No interface
//! for anybody else: it changes with what it stands for.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::HeaderMap;
use http::request::Parts;
use http::{Method, StatusCode};
use ipnet::IpNet;

use super::request_id::RequestId;
use super::upstream::answer::{self, Parsed};
use super::upstream::decoder::{Decoder, Step};
use super::{headers, request};
use crate::config::HostPattern;
use crate::route;
use crate::tally::Cause;

/// Which pool serves a host and path.
#[derive(Debug)]
pub struct Router(route::Router);

impl Router {
    /// Routes to pools, given as hosts and path prefix, by their position.
    pub fn new<'a>(pools: impl Iterator<Item = (&'a [HostPattern], &'a str)>) -> Self {
        Self(route::Router::new(pools))
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
    let peer = headers::Peer::new(ip, trusted);
    headers::write_request_head(out, parts, &checked, || "b:80".to_owned(), &peer, id.as_bytes(), None);
    Ok(())
}

/// The client that a request from `ip` comes from, by its `X-Forwarded-For`.
pub fn client_ip(ip: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    headers::Peer::new(ip, trusted).client_ip(headers, trusted)
}

/// A backend's answer, read to its end.
#[derive(Debug, PartialEq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its fields, as far as they pass on.
    pub headers: HeaderMap,
    /// Whether the connection may serve another request.
    pub keep_alive: bool,
    /// Its body without framing.
    pub body: Vec<u8>,
    /// Its trailer fields, if it has a trailer section with any.
    pub trailers: Option<HeaderMap>,
    /// What was sent after it.
    pub rest: Vec<u8>,
}

/// Reads the answer to a `method` request from a connection that brings these pieces, not empty, and then ends. `None` if it
/// breaks the rules or off.
pub fn read_answer<'a>(mut pieces: impl Iterator<Item = &'a [u8]>, method: &Method) -> Option<Answer> {
    let mut input = Bytes::new();
    let head = loop {
        input = [&input, pieces.next()?].concat().into();
        match answer::parse(input, method, HeaderMap::new).ok()? {
            Parsed::Head(head, rest) => {
                input = rest;
                break head;
            }
            Parsed::Partial(bytes) => input = bytes,
        }
    };
    let mut decoder = Decoder::new(head.framing);
    let (mut body, mut trailers) = (Vec::new(), None);
    loop {
        match decoder.next(&mut input).ok()? {
            Step::Data(data) => body.extend_from_slice(&data),
            Step::Trailers(fields) => trailers = Some(fields),
            Step::End => break,
            Step::More => match pieces.next() {
                Some(piece) => input = Bytes::copy_from_slice(piece),
                None => decoder.end_of_input().ok()?,
            },
        }
    }
    let rest = pieces.fold(input.to_vec(), |rest, piece| [&rest, piece].concat());
    let answer::Head { status, headers, keep_alive, .. } = head;
    Some(Answer { status, headers, keep_alive, body, trailers, rest })
}
