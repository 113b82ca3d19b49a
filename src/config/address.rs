//! Names and addresses: listeners, backend urls, hosts, paths, networks, header names, log files.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use http::HeaderName;
use ipnet::IpNet;

use super::node::Node;
use super::value::{Parsed, nearest};
use super::{AdminListen, HashKey, HostPattern, LogTarget};

/// Longest name of a pool or backend.
const LONGEST_NAME: usize = 64;
/// Longest path of a unix socket (`sun_path` without the final NUL).
const LONGEST_SOCKET_PATH: usize = 107;

/// The name of a pool or a backend.
pub(super) fn name(node: &Node) -> Parsed<String> {
    match node {
        Node::Text(name) if (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(is_name_char) => Ok(name.clone()),
        Node::Whole(_) | Node::Real(_) | Node::Bool(_) => Err(format!("{node} is not text; put the name in quotes")),
        _ => Err(format!("{node} is not a name; write 1 to {LONGEST_NAME} letters, digits and . _ : -")),
    }
}

/// A name made from a host or an authority: what no name may hold becomes `-`.
pub(super) fn name_from(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '[' | ']')).map(|c| if is_name_char(c) { c } else { '-' }).take(LONGEST_NAME).collect()
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-')
}

/// `127.0.0.1:8080`, `[::1]:8080`, `:8080` (every IPv4 address). Port 0 lets the system choose.
pub(super) fn socket(node: &Node) -> Parsed<SocketAddr> {
    let wrong = || format!("{node} is not an address and a port; write 127.0.0.1:8080, \"[::1]:8080\" or :8080");
    let Node::Text(text) = node else { return Err(wrong()) };
    match text.strip_prefix(':') {
        Some(port) => port_number(port).map(|port| (Ipv4Addr::UNSPECIFIED, port).into()),
        None => text.parse().ok(),
    }
    .ok_or_else(wrong)
}

/// Where the admin API may listen.
pub(super) fn admin(node: &Node) -> Parsed<AdminListen> {
    if let Node::Text(text) = node
        && let Some(path) = text.strip_prefix("unix:")
    {
        return if (1..=LONGEST_SOCKET_PATH).contains(&path.len()) {
            Ok(AdminListen::Unix(PathBuf::from(path)))
        } else {
            Err(format!("{node} is no path for a socket; write unix: and 1 to {LONGEST_SOCKET_PATH} bytes"))
        };
    }
    socket(node).map(AdminListen::Tcp).map_err(|message| format!("{message}, or unix:PATH"))
}

/// `stdout`, or a file.
pub(super) fn log_target(node: &Node) -> Parsed<LogTarget> {
    match node {
        Node::Text(text) if text == "stdout" => Ok(LogTarget::Stdout),
        Node::Text(text) if !text.is_empty() && !text.ends_with('/') && !text.contains('\0') => Ok(LogTarget::File(text.into())),
        _ => Err(format!("{node} is no path of a file; write one such as access.log, or stdout")),
    }
}

/// Where a file is, or is to be.
pub(super) fn file(node: &Node) -> Parsed<PathBuf> {
    match node {
        Node::Text(text) if !text.is_empty() && !text.ends_with('/') && !text.contains('\0') => Ok(PathBuf::from(text)),
        _ => Err(format!("{node} is no path of a file; write one such as /var/lib/evenkeel/state.json")),
    }
}

/// Of a url that names none.
const DEFAULT_PORT: &str = "80";

/// `http://host:port`: host (lower case, without brackets) and port.
pub(super) fn url(node: &Node) -> Parsed<(String, u16)> {
    let wrong = |what: &str| format!("{node} {what}; write http://HOST:PORT");
    let Node::Text(text) = node else { return Err(wrong("is not a url")) };
    let Some((scheme, rest)) = text.split_once("://") else { return Err(wrong("has no scheme")) };
    match scheme.to_ascii_lowercase().as_str() {
        "http" => {}
        "https" => return Err(wrong("asks for TLS, which is not supported towards backends yet")),
        _ => return Err(wrong("has an unknown scheme")),
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return Err(wrong("has more than a host and a port"));
    }
    if authority.contains('@') {
        return Err(wrong("holds a user name"));
    }
    let (host, port) = match authority.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, ""))) => (host.parse::<Ipv6Addr>().ok().map(|ip| ip.to_string()), Some(DEFAULT_PORT)),
        Some(Some((host, port))) => (host.parse::<Ipv6Addr>().ok().map(|ip| ip.to_string()), port.strip_prefix(':')),
        Some(None) => (None, None),
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (host_name(host), Some(port)),
            None => (host_name(authority), Some(DEFAULT_PORT)),
        },
    };
    let host = host.ok_or_else(|| wrong("has no valid host"))?;
    let port = port.ok_or_else(|| wrong("has no port after its address"))?;
    let port = port_number(port).filter(|port| *port > 0).ok_or_else(|| wrong("has no port from 1 to 65535"))?;
    Ok((host, port))
}

fn port_number(text: &str) -> Option<u16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A host name or an IPv4 address, in lower case.
fn host_name(text: &str) -> Option<String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let numeric = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    let fits = text.len() <= 253 && text.split('.').all(label) && (!numeric || text.parse::<Ipv4Addr>().is_ok());
    fits.then(|| text.to_ascii_lowercase())
}

/// `example.com` or `*.example.com`.
pub(super) fn host(node: &Node) -> Parsed<HostPattern> {
    let wrong = |what: &str| format!("{node} {what}; write a host such as example.com or \"*.example.com\"");
    let Node::Text(text) = node else { return Err(wrong("is not a host")) };
    if !text.is_ascii() {
        return Err(wrong("is not ASCII (use the xn-- form)"));
    }
    if text.contains("://") || text.contains('/') {
        return Err(wrong("is a url"));
    }
    if text.contains(':') {
        return Err(wrong("has a port, which does not matter for routing"));
    }
    if text == "*" {
        return Err("\"*\" is not a host; leave hosts out, then the pool serves every host that no other pool serves".to_owned());
    }
    let (suffix, wildcard) = text.strip_prefix("*.").map_or((text.as_str(), false), |suffix| (suffix, true));
    match host_name(suffix) {
        Some(suffix) if wildcard => Ok(HostPattern::Wildcard(format!(".{suffix}"))),
        Some(name) => Ok(HostPattern::Exact(name)),
        None if suffix.contains('*') => Err(wrong("has a * that does not stand for the first label")),
        None => Err(wrong("is not a host")),
    }
}

/// A prefix of paths, without the slash at its end (unless that is all of it).
pub(super) fn path_prefix(node: &Node) -> Parsed<String> {
    let prefix = path(node)?;
    if prefix.contains('?') {
        return Err(format!("{node} has a query; write a path such as /api"));
    }
    let trimmed = prefix.trim_end_matches('/');
    Ok(if trimmed.is_empty() { "/" } else { trimmed }.to_owned())
}

/// A path, perhaps with a query.
pub(super) fn path(node: &Node) -> Parsed<String> {
    match node {
        Node::Text(path) if !path.starts_with('/') => Err(format!("{node} does not start with /; write one such as /")),
        Node::Text(path) if path.bytes().all(|b| b.is_ascii_graphic() && b != b'#') => Ok(path.clone()),
        Node::Text(_) => Err(format!("{node} holds spaces, # or other characters no path may hold; write them as %XX")),
        other => Err(format!("{other} is not a path; write one such as /")),
    }
}

/// `10.0.0.0/8`, or one address.
pub(super) fn network(node: &Node) -> Parsed<IpNet> {
    let wrong = || format!("{node} is not a network; write one such as 10.0.0.0/8 or \"fd00::/8\"");
    let Node::Text(text) = node else { return Err(wrong()) };
    (text.parse().ok()).or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)).ok_or_else(wrong)
}

/// The name of a cookie: a token (RFC 6265 section 4.1.1).
pub(super) fn cookie_name(node: &Node) -> Parsed<String> {
    match node {
        Node::Text(name) if name.len() <= LONGEST_NAME && HeaderName::from_bytes(name.as_bytes()).is_ok() => Ok(name.clone()),
        _ => Err(format!("{node} is no name of a cookie; write 1 to {LONGEST_NAME} letters, digits and - _ . such as lb")),
    }
}

/// `client_ip`, `path`, `header:NAME` or `cookie:NAME`.
pub(super) fn hash_key(node: &Node) -> Parsed<HashKey> {
    const KEYS: &str = "allowed: client_ip, path, header:NAME, cookie:NAME";
    let Node::Text(text) = node else { return Err(format!("{node} is not known; {KEYS}")) };
    let token = |name: &str| HeaderName::from_bytes(name.as_bytes()).ok();
    let named = |name: Option<HashKey>| name.ok_or_else(|| format!("{node} holds no valid name; {KEYS}"));
    match text.split_once(':') {
        None if text == "client_ip" => Ok(HashKey::ClientIp),
        None if text == "path" => Ok(HashKey::Path),
        Some(("header", name)) => named(token(name).map(|name| HashKey::Header(name.as_str().to_owned()))),
        Some(("cookie", name)) => named(token(name).map(|_| HashKey::Cookie(name.to_owned()))),
        _ => {
            let word = text.split(':').next().unwrap_or_default();
            let guess = nearest(word, &["client_ip", "path", "header", "cookie"]);
            let name = if matches!(guess, Some("header" | "cookie")) { ":NAME" } else { "" };
            let guess = guess.map(|near| format!("did you mean {near}{name}? ")).unwrap_or_default();
            Err(format!("{node} is not known; {guess}{KEYS}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        Node::Text(text.to_owned())
    }

    fn accepts<T: ToString>(parse: impl Fn(&Node) -> Parsed<T>, texts: &[(&str, &str)]) {
        for (text, expected) in texts {
            assert_eq!(parse(&node(text)).map(|value| value.to_string()), Ok((*expected).to_owned()), "{text}");
        }
    }

    fn refuses<T>(parse: impl Fn(&Node) -> Parsed<T>, texts: &[&str]) {
        for text in texts {
            assert!(parse(&node(text)).is_err(), "{text}");
        }
        assert!(parse(&Node::Null).is_err() && parse(&Node::Whole(5)).is_err());
    }

    #[test]
    fn sockets() {
        accepts(
            socket,
            &[("127.0.0.1:80", "127.0.0.1:80"), ("[::1]:8080", "[::1]:8080"), (":8080", "0.0.0.0:8080"), (":0", "0.0.0.0:0")],
        );
        refuses(socket, &["", ":", "8080", "localhost:80", "127.0.0.1", "::1:80", "1.2.3.4:65536", ":+80", "1.2.3:80"]);
    }

    #[test]
    fn admin_is_an_address_or_a_socket() {
        assert_eq!(admin(&node("127.0.0.1:9900")), Ok(AdminListen::Tcp(([127, 0, 0, 1], 9900).into())));
        assert_eq!(admin(&node("unix:/run/x.sock")), Ok(AdminListen::Unix("/run/x.sock".into())));
        assert_eq!(admin(&node(":9900")), Ok(AdminListen::Tcp(([0, 0, 0, 0], 9900).into())));
        refuses(admin, &["9900", "unix:", "unix", &format!("unix:/{}", "x".repeat(107))]);
    }

    #[test]
    fn files() {
        assert_eq!(file(&node("state.json")), Ok("state.json".into()));
        refuses(file, &["", "/var/lib/", "a\0b"]);
    }

    #[test]
    fn urls() {
        let url = |node: &Node| url(node).map(|(host, port)| format!("{host} {port}"));
        accepts(
            url,
            &[
                ("http://127.0.0.1:9001", "127.0.0.1 9001"),
                ("HTTP://API.Local:80/", "api.local 80"),
                ("http://[::1]:9001", "::1 9001"),
                ("http://my_svc:65535", "my_svc 65535"),
                ("http://my_svc", "my_svc 80"),
                ("http://[::1]/", "::1 80"),
            ],
        );
        for (text, why) in [
            ("127.0.0.1:9001", "no scheme"),
            ("https://a:1", "TLS"),
            ("ftp://a:1", "unknown scheme"),
            ("http://[::1]x", "no port after"),
            ("http://a:0", "no port from 1"),
            ("http://a:x", "no port from 1"),
            ("http://a:65536", "no port from 1"),
            ("http://a:1/x", "more than"),
            ("http://a:1//", "more than"),
            ("http://a:1?x", "more than"),
            ("http://u@a:1", "user name"),
            ("http://:1", "no valid host"),
            ("http://", "no valid host"),
            ("http://[::1", "no valid host"),
            ("http://[::g]:1", "no valid host"),
            ("http://[::1]x:1", "no port"),
            ("http://::1:1", "no valid host"),
            ("http://256.0.0.1:1", "no valid host"),
            ("http://a b:1", "no valid host"),
            ("http://ü:1", "no valid host"),
            ("http://a..b:1", "no valid host"),
        ] {
            let message = url(&node(text)).expect_err(text);
            assert!(message.contains(why), "{text}: {message}");
        }
    }

    #[test]
    fn hosts() {
        assert_eq!(host(&node("Example.COM")), Ok(HostPattern::Exact("example.com".into())));
        assert_eq!(host(&node("*.example.org")), Ok(HostPattern::Wildcard(".example.org".into())));
        refuses(host, &["", "*", "*.", "a.*", "*a.b", "*.*.b", "a:80", "http://a", "ü.de", "a.", ".a", "a b", "1.2.3", "-/"]);
    }

    #[test]
    fn paths() {
        accepts(path_prefix, &[("/", "/"), ("//", "/"), ("/api", "/api"), ("/api/", "/api")]);
        refuses(path_prefix, &["", "api", "/a?b", "/a b", "/a#b", "/ü", "*"]);
        accepts(path, &[("/health?full=1", "/health?full=1")]);
    }

    #[test]
    fn networks() {
        accepts(network, &[("10.0.0.0/8", "10.0.0.0/8"), ("::1", "::1/128"), ("10.0.0.1", "10.0.0.1/32")]);
        refuses(network, &["", "10.0.0.0/33", "10.0.0", "all"]);
    }

    #[test]
    fn hash_keys() {
        assert_eq!(hash_key(&node("path")), Ok(HashKey::Path));
        assert_eq!(hash_key(&node("header:X-User")), Ok(HashKey::Header("x-user".into())));
        assert_eq!(hash_key(&node("cookie:Sid")), Ok(HashKey::Cookie("Sid".into())));
        refuses(hash_key, &["", "header", "header:", "header:a b", "cookie:a;b", "query:x", "path:"]);
        assert!(hash_key(&node("clientip")).expect_err("misspelt").contains("did you mean client_ip?"));
        assert!(hash_key(&node("header")).expect_err("without a name").contains("did you mean header:NAME?"));
    }

    #[test]
    fn cookie_names() {
        accepts(cookie_name, &[("lb", "lb"), ("__Host-LB.1", "__Host-LB.1")]);
        refuses(cookie_name, &["", "a b", "a;b", "a=b", "a\"b", "ü", &"x".repeat(65)]);
    }

    #[test]
    fn names() {
        accepts(name, &[("web-1_a.b:80", "web-1_a.b:80")]);
        refuses(name, &["", "a b", "a/b", "ü", &"x".repeat(65)]);
        assert_eq!(name_from("[::1]:80"), "::1:80");
        assert_eq!(name_from("*.example.org"), "-.example.org");
        assert_eq!(name_from(&"x".repeat(100)).len(), 64);
    }
}
