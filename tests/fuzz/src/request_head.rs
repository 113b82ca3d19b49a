//! A request's head: what goes to the backend is sound, carries our fields once each, and of the client's fields all but those
//! that belong to one hop. The first byte of the input tells whether the client is a trusted proxy.

use std::net::IpAddr;

use bytes::Bytes;
use evenkeel::internals;
use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Uri, Version};

use super::oracle::{self, Next};

/// Fields that never reach a backend as the client sent them.
const NOT_PASSED_ON: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
    "x-request-id",
];

/// Of longer ones only so much is sent.
const LONGEST_BODY: usize = 1000;

/// See the module.
pub fn check(data: &[u8]) {
    let Some((&choice, bytes)) = data.split_first() else { return };
    let Some(parts) = parse(bytes) else { return };
    let client = IpAddr::from([10, 0, 0, 9]);
    let trusted = if choice & 1 == 0 { vec![] } else { vec!["10.0.0.0/8".parse().expect("a network")] };
    let mut out = Vec::new();
    if internals::forward_head(&mut out, &parts, client, &trusted).is_err() {
        assert!(out.is_empty(), "refused, and yet written");
        return;
    }
    let text = out.escape_ascii();
    let body = body(&parts);
    let request = match oracle::next(&[out.as_slice(), &body].concat()) {
        Ok(Next::Whole(request, len)) if len == out.len() + body.len() => request,
        Ok(Next::PartOfBody) if body.len() == LONGEST_BODY => return,
        other => panic!("{other:?} of {text}"),
    };
    assert_eq!(request.method, parts.method.as_str());
    let upgrade = request.all("upgrade").next().is_some();
    for (name, value) in &request.fields {
        match name.as_str() {
            "connection" => assert!(value == b"upgrade" && upgrade, "{text}"),
            "upgrade" => assert!(value == b"websocket" && parts.method == Method::GET, "{text}"),
            "te" | "keep-alive" | "proxy-connection" | "http2-settings" | "expect" => panic!("{name} in {text}"),
            _ => {}
        }
    }
    for name in ["host", "x-request-id", "x-forwarded-for", "x-forwarded-proto"] {
        assert_eq!(request.all(name).count(), 1, "{name} in {text}");
    }
    let via = if parts.version == Version::HTTP_11 { "1.1 evenkeel" } else { "1.0 evenkeel" };
    assert_eq!(request.all("via").last(), Some(via.as_bytes()));
    assert!(request.all("x-forwarded-for").all(|chain| chain.ends_with(b"10.0.0.9")), "{text}");
    assert!(!trusted.is_empty() || request.all("x-forwarded-for").eq([&b"10.0.0.9"[..]]), "{text}");
    check_passed_on(&parts, &request);
}

/// A body for this head: none, without chunks, or of the right length up to a bound.
fn body(parts: &Parts) -> Vec<u8> {
    if parts.headers.contains_key("transfer-encoding") {
        return b"0\r\n\r\n".to_vec();
    }
    let length = parts.headers.get("content-length").and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    vec![b'x'; length.unwrap_or(0).min(LONGEST_BODY as u64) as usize]
}

/// Every field that is the client's to send arrives as it was sent, and no other.
fn check_passed_on(parts: &Parts, request: &oracle::Request) {
    let named: Vec<_> = parts
        .headers
        .get_all("connection")
        .iter()
        .flat_map(|line| line.as_bytes().split(|b| *b == b','))
        .map(|name| name.trim_ascii().to_ascii_lowercase())
        .collect();
    for name in parts.headers.keys() {
        let looks_like_ours = name.as_str().contains('_') || name.as_str().contains("forwarded") || name == "via";
        let is_counted = name == "max-forwards" && parts.method == Method::OPTIONS;
        if NOT_PASSED_ON.contains(&name.as_str()) || looks_like_ours || is_counted || *name == "close" {
            continue;
        }
        let sent = parts.headers.get_all(name).iter().map(|value| value.as_bytes().trim_ascii());
        if named.iter().any(|named| named == name.as_str().as_bytes()) {
            assert_eq!(request.all(name.as_str()).count(), 0, "{name} was for one hop");
        } else {
            assert!(request.all(name.as_str()).eq(sent), "{name} does not pass on as it was");
        }
    }
}

/// A request as hyper makes it of bytes.
fn parse(bytes: &[u8]) -> Option<Parts> {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut fields);
    if !request.parse(bytes).ok()?.is_complete() {
        return None;
    }
    let mut parts = Request::new(()).into_parts().0;
    parts.method = Method::from_bytes(request.method?.as_bytes()).ok()?;
    parts.uri = Uri::from_maybe_shared(Bytes::copy_from_slice(request.path?.as_bytes())).ok()?;
    parts.version = if request.version? == 1 { Version::HTTP_11 } else { Version::HTTP_10 };
    for field in request.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        parts.headers.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    Some(parts)
}
