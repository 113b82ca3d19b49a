//! What hyper lets through and we do not: the checks of a request's target, host and framing, made once per request.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, MAX_FORWARDS, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::uri::{Authority, Uri};
use http::{Method, Version};

use crate::tally::Cause;

/// How the length of a request's body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestFraming {
    /// No body, and nothing said about it.
    None,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// A request that keeps the rules.
#[derive(Debug)]
pub(super) struct Checked<'a> {
    /// What the client addressed, as it will be forwarded in `Host`; empty if it (HTTP/1.0) said nothing.
    pub(super) host: &'a str,
    /// Where the host name ends in `host` and its port begins.
    host_len: usize,
    /// The body's framing.
    pub(super) framing: RequestFraming,
    /// Whether it asks for a WebSocket.
    pub(super) websocket: bool,
    /// Whether there is a `Connection` field, which may name others that are not to be forwarded.
    pub(super) has_connection: bool,
    /// How often it may be forwarded after us, if it says so.
    pub(super) forwards_left: Option<u64>,
}

impl<'a> Checked<'a> {
    /// The host without port.
    pub(super) fn host_name(&self) -> &'a str {
        &self.host[..self.host_len]
    }
}

/// The fields that decide what becomes of a request, found in one walk.
#[derive(Default)]
struct Deciding<'a> {
    host: Option<&'a HeaderValue>,
    length: Option<&'a HeaderValue>,
    coding: Option<&'a HeaderValue>,
    upgrade: Option<&'a HeaderValue>,
    has_connection: bool,
}

impl<'a> Deciding<'a> {
    /// Refuses what may be there once and is there more often. Lengths that agree are one.
    fn of(headers: &'a HeaderMap) -> Result<Self, Cause> {
        let mut found = Self::default();
        for (name, value) in headers {
            let before = match *name {
                HOST => found.host.replace(value),
                TRANSFER_ENCODING => found.coding.replace(value),
                CONTENT_LENGTH => found.length.replace(value).filter(|length| *length != value),
                UPGRADE => {
                    found.upgrade.get_or_insert(value);
                    None
                }
                CONNECTION => {
                    found.has_connection = true;
                    None
                }
                _ => None,
            };
            if before.is_some() {
                return Err(Cause::BadRequest);
            }
        }
        Ok(found)
    }
}

/// Checks a request.
///
/// # Errors
/// What the client did wrong (`BadRequest`, `Method` or `UriTooLong`), or `LastRecipient`.
pub(super) fn check(parts: &Parts, uri_bytes: usize) -> Result<Checked<'_>, Cause> {
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(Cause::Method);
    }
    if target_len(&parts.uri) > uri_bytes {
        return Err(Cause::UriTooLong);
    }
    check_target(parts)?;
    let fields = Deciding::of(&parts.headers)?;
    let (host, host_len) = host(parts, fields.host)?;
    let framing = framing(&fields)?;
    let websocket = asks_for_websocket(parts, &fields, framing)?;
    let forwards_left = forwards_left(parts)?;
    Ok(Checked { host, host_len, framing, websocket, has_connection: fields.has_connection, forwards_left })
}

fn target_len(uri: &Uri) -> usize {
    uri.path_and_query().map_or(0, |p| p.as_str().len()) + uri.authority().map_or(0, |a| a.as_str().len())
}

/// RFC 9112 section 3.2: origin-form, absolute-form, or `*` for OPTIONS. Authority-form belongs to CONNECT.
fn check_target(parts: &Parts) -> Result<(), Cause> {
    let uri = &parts.uri;
    let sane = match uri.scheme_str() {
        Some("http" | "https") => uri.authority().is_some(),
        Some(_) => false,
        None if uri.authority().is_some() => false,
        None => uri.path().starts_with('/') || (uri.path() == "*" && parts.method == Method::OPTIONS),
    };
    if sane { Ok(()) } else { Err(Cause::BadRequest) }
}

/// RFC 9112 section 3.2: exactly one valid `Host`; the authority of an absolute-form target replaces it.
fn host<'a>(parts: &'a Parts, line: Option<&'a HeaderValue>) -> Result<(&'a str, usize), Cause> {
    let line = match line {
        Some(value) => Some(value.to_str().map_err(|_| Cause::BadRequest)?),
        None if parts.version >= Version::HTTP_11 => return Err(Cause::BadRequest),
        None => None,
    };
    let line_len = line.map(|line| host_name_len(line).ok_or(Cause::BadRequest)).transpose()?;
    match parts.uri.authority().map(Authority::as_str) {
        Some(authority) => Ok((authority, host_name_len(authority).ok_or(Cause::BadRequest)?)),
        None => Ok((line.unwrap_or_default(), line_len.unwrap_or_default())),
    }
}

/// Where the name ends in `name[:port]`; `None` if it is not one. No user info, no list, no path, no empty name.
fn host_name_len(host: &str) -> Option<usize> {
    let (len, name_ok) = if let Some(rest) = host.strip_prefix('[') {
        let end = rest.find(']')?;
        (end + 2, rest[..end].parse::<std::net::Ipv6Addr>().is_ok())
    } else {
        let len = host.find(':').unwrap_or(host.len());
        let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        (len, len > 0 && len <= 255 && host[..len].bytes().all(valid))
    };
    let port_ok = match host.get(len..)?.strip_prefix(':') {
        Some(port) => port.is_empty() || port.parse::<u16>().is_ok_and(|_| port.bytes().all(|b| b.is_ascii_digit())),
        None => host.len() == len,
    };
    (name_ok && port_ok).then_some(len)
}

/// RFC 9112 section 6. hyper has refused what contradicts itself; of transfer codings only `chunked`, alone, is accepted.
fn framing(fields: &Deciding<'_>) -> Result<RequestFraming, Cause> {
    if let Some(coding) = fields.coding {
        let chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        return if chunked { Ok(RequestFraming::Chunked) } else { Err(Cause::BadRequest) };
    }
    let Some(length) = fields.length else { return Ok(RequestFraming::None) };
    let digits = length.to_str().ok().filter(|s| s.bytes().all(|b| b.is_ascii_digit())).ok_or(Cause::BadRequest)?;
    digits.parse().map(RequestFraming::Length).map_err(|_| Cause::BadRequest)
}

/// Only `websocket` is ever forwarded as an upgrade (RFC 6455), and only for a GET without body. In HTTP/1.0 there are none
/// (RFC 9110 section 7.8).
fn asks_for_websocket(parts: &Parts, fields: &Deciding<'_>, framing: RequestFraming) -> Result<bool, Cause> {
    let upgrades = fields.upgrade.is_some_and(|v| is_websocket(v.as_bytes()));
    if !upgrades || parts.version != Version::HTTP_11 || !connection_names(&parts.headers, "upgrade") {
        return Ok(false);
    }
    if parts.method != Method::GET || framing != RequestFraming::None {
        return Err(Cause::BadRequest);
    }
    Ok(true)
}

/// `Max-Forwards`, less our own forward (RFC 9110 section 7.6.2). It counts for `OPTIONS`, since `TRACE` is not forwarded.
fn forwards_left(parts: &Parts) -> Result<Option<u64>, Cause> {
    if parts.method != Method::OPTIONS {
        return Ok(None);
    }
    let forwards = parts.headers.get(MAX_FORWARDS).and_then(|n| n.to_str().ok()?.parse::<u64>().ok());
    forwards.map(|n| n.checked_sub(1).ok_or(Cause::LastRecipient)).transpose()
}

/// Whether `Upgrade` names WebSocket, and nothing else.
pub(super) fn is_websocket(upgrade: &[u8]) -> bool {
    upgrade.eq_ignore_ascii_case(b"websocket")
}

/// Whether any `Connection` line lists `token`.
fn connection_names(headers: &HeaderMap, token: &str) -> bool {
    headers.get_all(CONNECTION).iter().any(|line| tokens(line.as_bytes()).any(|t| t.eq_ignore_ascii_case(token)))
}

/// What a `Connection` line lists. What is not even text names nothing, and takes nothing from the rest.
pub(super) fn tokens(line: &[u8]) -> impl Iterator<Item = &str> {
    let tokens = line.split(|b| *b == b',').filter_map(|token| str::from_utf8(token.trim_ascii()).ok());
    tokens.filter(|token| !token.is_empty())
}

/// Whether a method may be sent twice (RFC 9110 section 9.2.2).
pub(super) fn is_idempotent(method: &Method) -> bool {
    matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE")
}

/// Whether a field is for one hop only, whatever `Connection` says (RFC 9110 section 7.6.1).
pub(super) fn is_hop_by_hop(name: &str) -> bool {
    matches!(name, "connection" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding" | "upgrade" | "http2-settings")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn verdict(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<String, Cause> {
        check(&parts(method, uri, headers), 64).map(|c| format!("{} {}", c.host, c.host_name()))
    }

    #[test]
    fn hosts() {
        for good in ["a", "a.b:80", "[::1]", "[::1]:8080", "a_b.c", "127.0.0.1:1", "a:"] {
            assert!(verdict("GET", "/", &[("host", good)]).is_ok(), "{good}");
        }
        for bad in
            ["", "a,b", "a b", "u@h", "a/b", "a:b", "a:99999", "a:+1", "[::1", "[x]", "[::1]x", ":80", "a:80:80", "a?b", "a#b"]
        {
            assert_eq!(verdict("GET", "/", &[("host", bad)]), Err(Cause::BadRequest), "{bad}");
        }
        assert_eq!(verdict("GET", "/", &[]), Err(Cause::BadRequest), "missing");
        assert_eq!(verdict("GET", "/", &[("host", "a"), ("host", "a")]), Err(Cause::BadRequest), "twice");
    }

    #[test]
    fn the_target_in_absolute_form_names_the_host() {
        assert_eq!(verdict("GET", "http://b:81/x", &[("host", "a")]).unwrap(), "b:81 b");
        assert_eq!(verdict("GET", "http://u@b/x", &[("host", "a")]), Err(Cause::BadRequest));
        assert_eq!(verdict("GET", "ftp://b/x", &[("host", "a")]), Err(Cause::BadRequest));
    }

    #[test]
    fn targets() {
        let host = [("host", "a")];
        assert!(verdict("OPTIONS", "*", &host).is_ok());
        assert_eq!(verdict("GET", "*", &host), Err(Cause::BadRequest));
        assert_eq!(verdict("GET", "admin:80", &host), Err(Cause::BadRequest));
        assert_eq!(verdict("CONNECT", "a:80", &host), Err(Cause::Method));
        assert_eq!(verdict("TRACE", "/", &host), Err(Cause::Method));
        assert_eq!(verdict("GET", &format!("/{}", "x".repeat(64)), &host), Err(Cause::UriTooLong));
    }

    #[test]
    fn framings() {
        let of = |headers: &[(&str, &str)]| framing(&Deciding::of(&parts("POST", "/", headers).headers)?);
        assert_eq!(of(&[]), Ok(RequestFraming::None));
        assert_eq!(of(&[("content-length", "5")]), Ok(RequestFraming::Length(5)));
        assert_eq!(of(&[("content-length", "5"), ("content-length", "5")]), Ok(RequestFraming::Length(5)));
        assert_eq!(of(&[("content-length", "5"), ("content-length", "6")]), Err(Cause::BadRequest));
        assert_eq!(of(&[("content-length", "+5")]), Err(Cause::BadRequest));
        assert_eq!(of(&[("transfer-encoding", "Chunked")]), Ok(RequestFraming::Chunked));
        for bad in ["gzip, chunked", "chunked, chunked", ", chunked", "x,chunked", "identity", "xchunked"] {
            assert_eq!(of(&[("transfer-encoding", bad)]), Err(Cause::BadRequest), "{bad}");
        }
        assert_eq!(of(&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")]), Err(Cause::BadRequest));
    }

    #[test]
    fn websockets() {
        let of = |method, headers: &[(&str, &str)]| check(&parts(method, "/", headers), 64).map(|c| c.websocket);
        let host = ("host", "a");
        assert_eq!(of("GET", &[host, ("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")]), Ok(true));
        assert_eq!(of("GET", &[host, ("upgrade", "websocket")]), Ok(false));
        assert_eq!(of("GET", &[host, ("connection", "upgrade"), ("upgrade", "h2c")]), Ok(false));
        let with_body = [host, ("connection", "upgrade"), ("upgrade", "websocket"), ("content-length", "3")];
        assert_eq!(of("GET", &with_body), Err(Cause::BadRequest));
        let mut old = parts("GET", "/", &[host, ("connection", "upgrade"), ("upgrade", "websocket")]);
        old.version = Version::HTTP_10;
        assert_eq!(check(&old, 64).map(|c| c.websocket), Ok(false));
    }

    #[test]
    fn forwards() {
        let of = |method, n| check(&parts(method, "/", &[("host", "a"), ("max-forwards", n)]), 64).map(|c| c.forwards_left);
        assert_eq!(of("OPTIONS", "2"), Ok(Some(1)));
        assert_eq!(of("OPTIONS", "0"), Err(Cause::LastRecipient));
        assert_eq!(of("OPTIONS", "many"), Ok(None));
        assert_eq!(of("GET", "0"), Ok(None));
    }
}
