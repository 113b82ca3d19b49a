//! The head of a backend's answer: parsed strictly, its framing decided by RFC 9112 section 6.3.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::{Method, StatusCode};

use super::super::headers::named_by;
use super::super::request::{is_hop_by_hop, is_websocket, tokens};

/// Longest head of an answer.
pub(crate) const MAX_HEAD: usize = 64 * 1024;

/// Most fields in an answer.
const MAX_HEADERS: usize = 128;

/// How the end of an answer's body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body.
    None,
    /// It has this many bytes.
    Length(u64),
    /// Chunked.
    Chunked,
    /// It ends with the connection.
    ToEnd,
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its fields as they came, without those that belonged to the hop between the backend and us, and without a
    /// `Content-Length` that `Transfer-Encoding` overrides.
    pub(crate) headers: HeaderMap,
    /// What `Connection` named, for the trailers.
    pub(crate) named: Vec<String>,
    /// Whether it speaks of an upgrade to WebSocket.
    pub(crate) websocket: bool,
    /// Its body.
    pub(crate) framing: Framing,
    /// Whether the connection may serve another request.
    pub(crate) keep_alive: bool,
}

/// The answer breaks the rules, or our bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadAnswer;

/// What [`parse`] made of the bytes.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// A head, and what follows it.
    Head(Head, Bytes),
    /// More bytes are needed; here are these back.
    Partial(Bytes),
}

/// Parses the head of the answer to a `method` request. `empty` gives an empty map, for its capacity.
pub(crate) fn parse(bytes: Bytes, method: &Method, empty: impl FnOnce() -> HeaderMap) -> Result<Parsed, BadAnswer> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let mut config = httparse::ParserConfig::default();
    // RFC 9112 section 5.1: it is to be removed, and what it stood before counts.
    config.allow_spaces_after_header_name_in_responses(true);
    let parsed = config.parse_response_with_uninit_headers(&mut response, &bytes, &mut fields);
    let len = match parsed {
        Ok(httparse::Status::Complete(len)) if len <= MAX_HEAD => len,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(Parsed::Partial(bytes)),
        _ => return Err(BadAnswer),
    };
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(BadAnswer)?;
    let http_11 = response.version == Some(1);
    let mut hop = Hop::default();
    let mut headers = empty();
    headers.reserve(response.headers.len());
    for field in response.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| BadAnswer)?;
        if hop.keeps(&name, field.value)? {
            continue;
        }
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(field.value)).map_err(|_| BadAnswer)?;
        headers.append(name, value);
    }
    for name in &hop.named {
        // Framing is never the peer's to remove.
        if name != "content-length" {
            headers.remove(name);
        }
    }
    let framing = hop.framing(method, status, http_11)?;
    if hop.coding.is_some() {
        headers.remove(CONTENT_LENGTH);
    }
    let keep_alive = http_11 && framing != Framing::ToEnd && !hop.close;
    let head = Head { status, headers, named: hop.named, websocket: hop.upgrade && hop.websocket, framing, keep_alive };
    Ok(Parsed::Head(head, bytes.slice(len..)))
}

/// What an answer says to us alone.
#[derive(Default)]
struct Hop<'a> {
    length: Option<&'a [u8]>,
    coding: Option<&'a [u8]>,
    /// Whether `Connection` lists it.
    close: bool,
    /// The same.
    upgrade: bool,
    /// Whether that would be to WebSocket.
    websocket: bool,
    /// Fields that are for us too, because `Connection` names them.
    named: Vec<String>,
}

impl<'a> Hop<'a> {
    /// Whether a field stays here; it is taken note of.
    fn keeps(&mut self, name: &HeaderName, value: &'a [u8]) -> Result<bool, BadAnswer> {
        match *name {
            CONTENT_LENGTH => match self.length.replace(value) {
                None => return Ok(false),
                // Several that agree become one.
                Some(other) if other == value => {}
                Some(_) => return Err(BadAnswer),
            },
            TRANSFER_ENCODING => {
                if self.coding.replace(value).is_some() {
                    return Err(BadAnswer);
                }
            }
            CONNECTION => {
                let lists = |option: &str| tokens(value).any(|token| token.eq_ignore_ascii_case(option));
                self.close |= lists("close");
                self.upgrade |= lists("upgrade");
                self.named.extend(named_by(value));
            }
            UPGRADE => self.websocket = is_websocket(value),
            _ => return Ok(is_hop_by_hop(name.as_str())),
        }
        Ok(true)
    }

    fn framing(&self, method: &Method, status: StatusCode, http_11: bool) -> Result<Framing, BadAnswer> {
        let length = self.length.map(content_length).transpose()?;
        // Anything but `chunked`, once, in HTTP/1.1 cannot be framed with certainty.
        if self.coding.is_some_and(|coding| !(http_11 && coding.eq_ignore_ascii_case(b"chunked"))) {
            return Err(BadAnswer);
        }
        let no_body = status.is_informational() || matches!(status.as_u16(), 204 | 304) || method == Method::HEAD;
        Ok(match length {
            _ if no_body => Framing::None,
            _ if self.coding.is_some() => Framing::Chunked,
            Some(0) => Framing::None,
            Some(n) => Framing::Length(n),
            None => Framing::ToEnd,
        })
    }
}

/// RFC 9110 section 8.6: digits, and nothing else.
fn content_length(value: &[u8]) -> Result<u64, BadAnswer> {
    let digits = std::str::from_utf8(value).ok().filter(|s| s.bytes().all(|b| b.is_ascii_digit())).ok_or(BadAnswer)?;
    digits.parse().map_err(|_| BadAnswer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &Method, text: &'static str) -> Result<(u16, Framing, bool), BadAnswer> {
        match parse(Bytes::from_static(text.as_bytes()), method, HeaderMap::new)? {
            Parsed::Head(head, _) => Ok((head.status.as_u16(), head.framing, head.keep_alive)),
            Parsed::Partial(_) => panic!("partial"),
        }
    }

    #[test]
    fn framings() {
        use Framing::{Chunked, Length, None, ToEnd};
        for (text, framing, keep_alive) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Length(5), true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", Length(5), true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", None, true),
            ("HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n", Chunked, true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", Chunked, true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x, Close\r\n\r\n", Length(5), false),
            ("HTTP/1.1 200 OK\r\n\r\n", ToEnd, false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", Length(5), false),
            ("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n", Length(5), true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding\t : chunked\r\n\r\n", Chunked, true),
            ("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", None, true),
            ("HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", None, true),
            ("HTTP/1.1 100 Continue\r\n\r\n", None, true),
        ] {
            let (_, got, kept) = of(&Method::GET, text).unwrap_or_else(|_| panic!("{text}"));
            assert_eq!((got, kept), (framing, keep_alive), "{text}");
        }
        assert_eq!(of(&Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").unwrap().1, None);
        assert_eq!(of(&Method::HEAD, "HTTP/1.1 200 OK\r\n\r\n").unwrap().1, None);
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "SSH-2.0-OpenSSH\r\n\r\n",
        ] {
            assert_eq!(of(&Method::GET, text), Err(BadAnswer), "{text:?}");
        }
        let long = Bytes::from(format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(MAX_HEAD)));
        assert!(parse(long, &Method::GET, HeaderMap::new).is_err());
    }

    #[test]
    fn a_head_may_come_in_pieces_and_what_follows_is_kept() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        let head_len = whole.len() - 2;
        for cut in 0..head_len {
            assert!(
                matches!(parse(Bytes::from_static(&whole[..cut]), &Method::GET, HeaderMap::new), Ok(Parsed::Partial(_))),
                "{cut}"
            );
        }
        let Ok(Parsed::Head(_, rest)) = parse(Bytes::from_static(whole), &Method::GET, HeaderMap::new) else {
            panic!("complete")
        };
        assert_eq!(rest, "hi");
    }

    #[test]
    fn upgrades() {
        for (fields, websocket) in [
            ("Connection: Upgrade\r\nUpgrade: WebSocket", true),
            ("Upgrade: websocket\r\nConnection: x\r\nConnection: upgrade", true),
            ("Upgrade: websocket", false),
            ("Connection: upgrade\r\nUpgrade: h2c", false),
            ("Connection: upgrade", false),
        ] {
            let text = Bytes::from(format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n\r\n"));
            let Ok(Parsed::Head(head, _)) = parse(text, &Method::GET, HeaderMap::new) else { panic!("complete") };
            assert_eq!(head.websocket, websocket, "{fields}");
        }
    }

    #[test]
    fn what_belonged_to_the_hop_is_gone() {
        let text = "HTTP/1.1 200 OK\r\nConnection: x-a, Content-Length\r\nX-A: 1\r\nContent-Length: 3\r\nKeep-Alive: x\r\n\
            Upgrade: h2c\r\nContent-Length: 3\r\nTE: x\r\nProxy-Connection: close\r\nX-B: 2\r\n\r\n";
        let Ok(Parsed::Head(head, _)) = parse(Bytes::from_static(text.as_bytes()), &Method::GET, HeaderMap::new) else {
            panic!("complete")
        };
        let mut left: Vec<_> = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        left.sort_unstable();
        assert_eq!(left, [("content-length", b"3".as_slice()), ("x-b", b"2")]);
    }
}
