//! The chunked coding: what we decode is what a plain reader decodes, and ends where it ends.

use std::iter;

use evenkeel::internals;
use http::Method;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// See the module.
pub fn check(data: &[u8]) {
    let answer = [HEAD, data].concat();
    let ours = internals::read_answer(iter::once(answer.as_slice()), &Method::GET);
    match (ours, read(data)) {
        (Some(ours), Some(plain)) => assert_eq!((ours.body, ours.rest.as_slice()), (plain.body, plain.rest)),
        (Some(ours), None) => panic!("no chunks, and yet decoded: {ours:?}"),
        // There are bounds on extensions, and trailer fields are looked at closely.
        (None, Some(plain)) => assert!(plain.has_extras, "sound, and yet refused"),
        (None, None) => {}
    }
}

/// What the plain reader finds.
struct Plain<'a> {
    body: Vec<u8>,
    /// What follows.
    rest: &'a [u8],
    /// Whether there is anything but data.
    has_extras: bool,
}

fn read(mut bytes: &[u8]) -> Option<Plain<'_>> {
    let (mut body, mut has_extras) = (Vec::new(), false);
    loop {
        let line = line(&mut bytes)?;
        let digits = line.iter().position(|b| !b.is_ascii_hexdigit()).unwrap_or(line.len());
        let (size, extension) = line.split_at(digits);
        if !extension.first().is_none_or(|b| b"; \t".contains(b)) || extension.contains(&b'\r') {
            return None;
        }
        has_extras |= !extension.is_empty();
        let size = usize::from_str_radix(str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            break;
        }
        body.extend_from_slice(bytes.get(..size.checked_add(2)?)?.strip_suffix(b"\r\n")?);
        bytes = &bytes[size + 2..];
    }
    while !line(&mut bytes)?.is_empty() {
        has_extras = true;
    }
    Some(Plain { body, rest: bytes, has_extras })
}

/// A line that ends in CRLF and has no other LF.
fn line<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    let line = bytes[..end].strip_suffix(b"\r")?;
    *bytes = &bytes[end + 1..];
    Some(line)
}
