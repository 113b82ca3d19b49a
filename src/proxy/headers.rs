//! The head of a request as the backend gets it, and which fields may travel on.
//!
//! What belongs to one hop, or was named by `Connection`, goes first; our own fields are added after, so that no client can
//! have them removed (the class of Traefik's CVE-2021-32813).

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;

use http::header::{CONNECTION, COOKIE, HeaderMap, HeaderName, HeaderValue, MAX_FORWARDS};
use http::request::Parts;
use http::{Method, Version};
use ipnet::IpNet;

use super::request::{Checked, RequestFraming, is_hop_by_hop, tokens};
use super::sticky;

/// Our name in `Via`, after the version in which a request came.
const VIA: &[u8] = b"via: 1.1 evenkeel\r\n";
const VIA_OLD: &[u8] = b"via: 1.0 evenkeel\r\n";

/// Who sent a request, as far as forwarding is concerned.
#[derive(Debug)]
pub(super) struct Peer {
    /// Its address.
    pub(super) ip: IpAddr,
    /// The same as text, as every request needs it.
    text: String,
    /// Whether its `X-Forwarded-*` are believed.
    pub(super) trusted: bool,
}

impl Peer {
    /// A peer, trusted if one of `networks` holds it.
    pub(super) fn new(ip: IpAddr, networks: &[IpNet]) -> Self {
        let ip = ip.to_canonical();
        // With room for the longest address: growing costs more than writing.
        let mut text = String::with_capacity(40);
        write!(text, "{ip}").expect("writing to memory succeeds");
        Self { ip, text, trusted: networks.iter().any(|network| network.contains(&ip)) }
    }

    /// Its address as text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The client that a trusted chain of proxies tells of: the rightmost address of `X-Forwarded-For` that is not trusted.
    pub(super) fn client_ip(&self, headers: &HeaderMap, networks: &[IpNet]) -> IpAddr {
        if !self.trusted {
            return self.ip;
        }
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let mut client = self.ip;
        for hop in lines.flat_map(|line| line.as_bytes().rsplit(|b| *b == b',')) {
            // Nobody vouches for what stands left of something that is no address.
            let Some(ip) = address(hop) else { break };
            client = ip.to_canonical();
            if !networks.iter().any(|network| network.contains(&client)) {
                break;
            }
        }
        client
    }
}

fn address(hop: &[u8]) -> Option<IpAddr> {
    str::from_utf8(hop.trim_ascii()).ok()?.parse().ok()
}

/// Appends the request head that a backend gets, without the cookie that is our own.
pub(super) fn write_request_head(
    out: &mut Vec<u8>,
    parts: &Parts,
    checked: &Checked<'_>,
    authority: impl FnOnce() -> String,
    peer: &Peer,
    request_id: &[u8],
    own_cookie: Option<&str>,
) {
    let headers = &parts.headers;
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    write_target(out, parts);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    match checked.host {
        "" => field(out, b"host", authority().as_bytes()),
        host => field(out, b"host", host.as_bytes()),
    }

    let named = if checked.has_connection { named_by_connection(headers) } else { Vec::new() };
    let counts = checked.forwards_left.is_some();
    for (name, value) in headers {
        let name = name.as_str();
        let stays_here = is_ours(name)
            || is_hop_by_hop(name)
            || is_forwarding(name, peer.trusted)
            || (counts && name == MAX_FORWARDS.as_str());
        if stays_here || named.iter().any(|n| n == name) {
            continue;
        }
        match own_cookie {
            Some(own) if name == COOKIE.as_str() => {
                if let Some(others) = sticky::without(value.as_bytes(), own) {
                    field(out, name.as_bytes(), &others);
                }
            }
            _ => field(out, name.as_bytes(), value.as_bytes()),
        }
    }

    match checked.framing {
        RequestFraming::None => {}
        RequestFraming::Length(n) => write!(out, "content-length: {n}\r\n").expect("writing to memory succeeds"),
        RequestFraming::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    if let Some(n) = checked.forwards_left {
        write!(out, "max-forwards: {n}\r\n").expect("writing to memory succeeds");
    }
    write_forwarded(out, headers, checked, peer);
    out.extend_from_slice(if parts.version == Version::HTTP_10 { VIA_OLD } else { VIA });
    field(out, b"x-request-id", request_id);
    if checked.websocket {
        out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// The target in origin-form, byte for byte as it came.
fn write_target(out: &mut Vec<u8>, parts: &Parts) {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    // RFC 9112 section 3.2.4: OPTIONS for a whole server, in absolute-form.
    let whole_server = target == "/" && parts.method == Method::OPTIONS && parts.uri.authority().is_some();
    let target = if whole_server { "*" } else { target };
    // Section 3.2.1: in absolute-form the path may be missing (`http://host?query`), in origin-form it may not.
    if target.starts_with('?') {
        out.push(b'/');
    }
    out.extend_from_slice(target.as_bytes());
}

fn write_forwarded(out: &mut Vec<u8>, headers: &HeaderMap, checked: &Checked<'_>, peer: &Peer) {
    out.extend_from_slice(b"x-forwarded-for: ");
    if peer.trusted {
        for value in headers.get_all("x-forwarded-for") {
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b", ");
        }
    }
    out.extend_from_slice(peer.text.as_bytes());
    out.extend_from_slice(b"\r\n");
    let told = |name| if peer.trusted { headers.get(name).map(HeaderValue::as_bytes) } else { None };
    field(out, b"x-forwarded-proto", told("x-forwarded-proto").unwrap_or(b"http"));
    if !checked.host.is_empty() {
        field(out, b"x-forwarded-host", told("x-forwarded-host").unwrap_or(checked.host.as_bytes()));
    }
}

fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Whether a field may travel as a trailer: not if it frames or routes a message, belongs to one hop (RFC 9110 section
/// 6.5.1), or is ours to write.
fn may_trail(name: &HeaderName) -> bool {
    let name = name.as_str();
    let describes_the_body = matches!(name, "content-encoding" | "content-type" | "content-range" | "trailer");
    let is_credential = matches!(name, "authorization" | "cookie" | "set-cookie");
    !(is_hop_by_hop(name) || is_ours(name) || is_forwarding(name, false) || describes_the_body || is_credential)
}

/// Fields that we write ourselves, or (`Expect`) have dealt with.
fn is_ours(name: &str) -> bool {
    matches!(name, "host" | "content-length" | "expect" | "x-request-id")
}

/// Fields that tell of earlier proxies. Also their look-alikes with underscores, which CGI-like backends take for the same.
fn is_forwarding(name: &str, trusted: bool) -> bool {
    match name {
        "x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-host" => true,
        "forwarded" => !trusted,
        _ if name.contains('_') => matches!(
            name.replace('_', "-").as_str(),
            "host"
                | "content-length"
                | "transfer-encoding"
                | "x-request-id"
                | "x-forwarded-for"
                | "x-forwarded-proto"
                | "x-forwarded-host"
                | "forwarded"
        ),
        _ => false,
    }
}

/// Removes from a message's trailers what may not travel as one, or was `named` by its `Connection`.
pub(super) fn strip_trailers(trailers: &mut HeaderMap, named: &[String]) {
    let stays = |name: &HeaderName| may_trail(name) && !named.iter().any(|n| n == name.as_str());
    let banned: Vec<_> = trailers.keys().filter(|name| !stays(name)).cloned().collect();
    for name in banned {
        trailers.remove(name);
    }
}

/// Fields named by `Connection` beyond the usual ones. Almost always empty.
pub(super) fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    headers.get_all(CONNECTION).iter().flat_map(|line| named_by(line.as_bytes())).collect()
}

/// Fields named by a `Connection` line beyond the usual ones, in lower case.
pub(super) fn named_by(line: &[u8]) -> impl Iterator<Item = String> {
    let usual = |t: &&str| ["keep-alive", "close", "upgrade", "te"].iter().any(|u| t.eq_ignore_ascii_case(u));
    tokens(line).filter(move |t| !usual(t)).map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::super::request::check;
    use super::*;

    fn forwarded(request: http::request::Builder, trusted: bool) -> Vec<String> {
        let parts = request.body(()).unwrap().into_parts().0;
        let checked = check(&parts, 8192).unwrap();
        let network: Option<IpNet> = trusted.then(|| "10.0.0.0/8".parse().unwrap());
        let peer = Peer::new("10.0.0.9".parse().unwrap(), network.as_slice());
        let mut out = Vec::new();
        write_request_head(&mut out, &parts, &checked, || "backend:1".to_owned(), &peer, b"id", Some("lb"));
        let text = String::from_utf8(out).unwrap();
        text.strip_suffix("\r\n\r\n").unwrap().split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn a_plain_request() {
        let lines = forwarded(Request::get("/a/../b?c=%00").header("Host", "h:80").header("Accept", "*/*"), false);
        assert_eq!(
            lines,
            [
                "GET /a/../b?c=%00 HTTP/1.1",
                "host: h:80",
                "accept: */*",
                "x-forwarded-for: 10.0.0.9",
                "x-forwarded-proto: http",
                "x-forwarded-host: h:80",
                "via: 1.1 evenkeel",
                "x-request-id: id",
            ]
        );
    }

    #[test]
    fn our_own_cookie_stays_here() {
        let of = |cookie| {
            let lines = forwarded(Request::get("/").header("Host", "h").header("Cookie", cookie), false);
            lines.into_iter().find(|line| line.starts_with("cookie: "))
        };
        assert_eq!(of("a=1; lb=2; c=3").as_deref(), Some("cookie: a=1; c=3"));
        assert_eq!(of("lb=2"), None);
    }

    #[test]
    fn via_tells_the_version_that_came() {
        let lines = forwarded(Request::get("/").version(Version::HTTP_10).header("Host", "h"), false);
        assert!(lines.contains(&"via: 1.0 evenkeel".to_owned()), "{lines:?}");
    }

    #[test]
    fn targets_in_absolute_form() {
        for (method, target, line) in [
            ("GET", "http://h/a?b", "GET /a?b HTTP/1.1"),
            ("GET", "http://h", "GET / HTTP/1.1"),
            ("GET", "http://h?b", "GET /?b HTTP/1.1"),
            ("OPTIONS", "http://h", "OPTIONS * HTTP/1.1"),
            ("OPTIONS", "http://h?b", "OPTIONS /?b HTTP/1.1"),
        ] {
            let request = Request::builder().method(method).uri(target).header("Host", "other");
            let lines = forwarded(request, false);
            assert_eq!(lines[0], line);
            assert_eq!(lines[1], "host: h");
        }
    }

    #[test]
    fn trailers() {
        let may = |name: &'static str| may_trail(&HeaderName::from_static(name));
        assert!(may("grpc-status") && may("etag"));
        for name in ["content-length", "host", "transfer-encoding", "x-forwarded-for", "x_forwarded_for", "x-request-id"] {
            assert!(!may(name), "{name}");
        }
        let field = |name| (HeaderName::from_static(name), HeaderValue::from_static("1"));
        let mut trailers: HeaderMap = ["x-a", "te", "x-b"].map(field).into_iter().collect();
        strip_trailers(&mut trailers, &["x-a".to_owned()]);
        assert_eq!(trailers.keys().collect::<Vec<_>>(), ["x-b"]);
    }

    #[test]
    fn what_belongs_to_one_hop_is_gone_and_ours_cannot_be_removed() {
        let request = Request::get("/")
            .header("Host", "h")
            .header("Connection", "X-Secret, X-Forwarded-For , keep-alive, host, via, x-request-id")
            .header("Connection", HeaderValue::from_bytes(b"\xff,,x-hop").unwrap())
            .header("X-Secret", "1")
            .header("X-Hop", "1")
            .header("X-Forwarded-For", "1.2.3.4")
            .header("X_Forwarded_For", "1.2.3.4")
            .header("Forwarded", "for=1.2.3.4")
            .header("Keep-Alive", "timeout=5")
            .header("Proxy-Connection", "close")
            .header("TE", "gzip")
            .header("Expect", "100-continue")
            .header("Via", "1.0 other");
        assert_eq!(
            forwarded(request, false),
            [
                "GET / HTTP/1.1",
                "host: h",
                "x-forwarded-for: 10.0.0.9",
                "x-forwarded-proto: http",
                "x-forwarded-host: h",
                "via: 1.1 evenkeel",
                "x-request-id: id",
            ]
        );
    }

    #[test]
    fn a_trusted_peer_is_believed() {
        let request = Request::get("/")
            .header("Host", "h")
            .header("X-Forwarded-For", "1.2.3.4")
            .header("X-Forwarded-For", "5.6.7.8")
            .header("X-Forwarded-Proto", "https")
            .header("X-Forwarded-Host", "outside");
        let lines = forwarded(request, true);
        assert!(lines.contains(&"x-forwarded-for: 1.2.3.4, 5.6.7.8, 10.0.0.9".to_owned()), "{lines:?}");
        assert!(lines.contains(&"x-forwarded-proto: https".to_owned()));
        assert!(lines.contains(&"x-forwarded-host: outside".to_owned()));
    }

    #[test]
    fn the_client_is_the_first_untrusted_address_from_the_right() {
        let networks = ["10.0.0.0/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_static("6.6.6.6, 1.2.3.4"));
        headers.append("x-forwarded-for", HeaderValue::from_static("10.1.1.1"));
        let of = |ip: &str| Peer::new(ip.parse().unwrap(), &networks).client_ip(&headers, &networks).to_string();
        assert_eq!(of("10.0.0.1"), "1.2.3.4");
        assert_eq!(of("9.9.9.9"), "9.9.9.9");
    }

    #[test]
    fn nothing_is_believed_that_stands_left_of_what_is_no_address() {
        let networks = ["10.0.0.0/8".parse().unwrap()];
        let proxy = "10.0.0.1".parse().unwrap();
        for unreadable in [&b"\xff"[..], b"\xff, 10.0.0.2", b"unknown", b"", b"10.0.0.2 10.0.0.3"] {
            let mut headers = HeaderMap::new();
            headers.append("x-forwarded-for", HeaderValue::from_static("6.6.6.6"));
            headers.append("x-forwarded-for", HeaderValue::from_bytes(unreadable).unwrap());
            let client = Peer::new(proxy, &networks).client_ip(&headers, &networks);
            assert!(networks[0].contains(&client), "{client} by {}", unreadable.escape_ascii());
        }
    }

    #[test]
    fn bodies_keep_their_framing() {
        let lines = forwarded(Request::post("/").header("Host", "h").header("Content-Length", "3"), false);
        assert_eq!(lines.iter().filter(|l| l.starts_with("content-length")).count(), 1);
        let request = Request::post("/").header("Host", "h").header("Connection", "content-length").header("Content-Length", "3");
        assert!(forwarded(request, false).contains(&"content-length: 3".to_owned()));
        let lines = forwarded(Request::post("/").header("Host", "h").header("Transfer-Encoding", "chunked"), false);
        assert!(lines.contains(&"transfer-encoding: chunked".to_owned()));
    }
}
