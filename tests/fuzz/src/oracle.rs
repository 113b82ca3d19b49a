//! A reader of requests that takes nothing but what RFC 9112 lets a sender write. It shares no code with evenkeel.

/// One request as it was framed on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// Its target, byte for byte.
    pub target: Vec<u8>,
    /// Its fields, names in lower case.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Its body without framing.
    pub body: Vec<u8>,
}

impl Request {
    /// Every value of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_slice())
    }
}

/// What a connection begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A request of so many bytes.
    Whole(Request, usize),
    /// No end of the head so far.
    PartOfHead,
    /// A head, and not all of its body.
    PartOfBody,
}

/// Reads the first request of `bytes`.
///
/// # Errors
/// The rule that it breaks.
pub fn next(bytes: &[u8]) -> Result<Next, String> {
    let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(Next::PartOfHead) };
    let mut lines = split(&bytes[..end]).into_iter();
    let (method, target) = start_line(lines.next().unwrap_or_default())?;
    let fields = lines.map(field).collect::<Result<Vec<_>, _>>()?;
    let mut request = Request { method, target, fields, body: Vec::new() };
    let host = only(&request, "host")?.ok_or("no Host")?;
    check(!host.is_empty() && host.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~:[]".contains(b)), "a Host that is none")?;
    let body = &bytes[end + 4..];
    let len = match (only(&request, "content-length")?, only(&request, "transfer-encoding")?) {
        (Some(_), Some(_)) => return Err("both a length and a transfer coding".into()),
        (None, None) => Some(0),
        (Some(length), None) => {
            let length = digits(length, 10).ok_or("a length that is no number")?;
            (length <= body.len()).then(|| request.body.extend(&body[..length])).map(|()| length)
        }
        (None, Some(b"chunked")) => chunks(body, &mut request.body)?,
        (None, Some(_)) => return Err("a transfer coding that is not chunked".into()),
    };
    Ok(len.map_or(Next::PartOfBody, |len| Next::Whole(request, end + 4 + len)))
}

fn start_line(line: &[u8]) -> Result<(String, Vec<u8>), String> {
    let parts: Vec<_> = line.split(|b| *b == b' ').collect();
    let [method, target, version] = parts[..] else { return Err("not three parts in the request line".into()) };
    check(is_token(method), "a method that is no token")?;
    check(target.first() == Some(&b'/') || (target == b"*" && method == b"OPTIONS"), "a target not in origin-form")?;
    check(target.iter().all(|b| *b > b' ' && *b != 0x7f && *b != b'#'), "a target that is none")?;
    check(version == b"HTTP/1.1", "another version")?;
    Ok((String::from_utf8_lossy(method).into_owned(), target.to_vec()))
}

fn field(line: &[u8]) -> Result<(String, Vec<u8>), String> {
    let colon = line.iter().position(|b| *b == b':').ok_or("a line that is no field")?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    check(is_token(name), "a field name that is no token")?;
    check(value.iter().all(|b| *b == b'\t' || (*b >= b' ' && *b != 0x7f)), "a control character in a field value")?;
    Ok((String::from_utf8_lossy(name).to_ascii_lowercase(), value.to_vec()))
}

/// Adds the chunks' data to `to`; gives the length of the coded body, or `None` if it has not ended.
fn chunks(bytes: &[u8], to: &mut Vec<u8>) -> Result<Option<usize>, String> {
    let mut at = 0;
    while let Some(end) = find(&bytes[at..], b"\r\n") {
        let size = digits(&bytes[at..at + end], 16).ok_or("a chunk size that is no number")?;
        at += end + 2;
        if size == 0 {
            return trailers(bytes, at);
        }
        let Some(data) = bytes.get(at..at + size + 2) else { break };
        check(data.ends_with(b"\r\n"), "a chunk longer than it said")?;
        to.extend(&data[..size]);
        at += size + 2;
    }
    Ok(None)
}

fn trailers(bytes: &[u8], mut at: usize) -> Result<Option<usize>, String> {
    while let Some(end) = find(&bytes[at..], b"\r\n") {
        let line = &bytes[at..at + end];
        at += end + 2;
        if line.is_empty() {
            return Ok(Some(at));
        }
        let (name, _) = field(line)?;
        check(!["content-length", "transfer-encoding", "host"].contains(&name.as_str()), "a trailer that frames or routes")?;
    }
    Ok(None)
}

fn only<'a>(request: &'a Request, name: &'a str) -> Result<Option<&'a [u8]>, String> {
    let mut values = request.all(name);
    let first = values.next();
    check(values.next().is_none(), &format!("{name} twice"))?;
    Ok(first)
}

fn check(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

fn digits(text: &[u8], radix: u32) -> Option<usize> {
    let text = std::str::from_utf8(text).ok().filter(|t| t.chars().all(|c| c.is_digit(radix)))?;
    usize::from_str_radix(text, radix).ok()
}

fn split(head: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = head;
    while let Some(at) = find(rest, b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    lines
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[test]
fn the_oracle_knows_good_from_bad() {
    let good =
        b"POST /a?b=%00 HTTP/1.1\r\nHost: a.b:80\r\nX: \ty\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nT: 1\r\n\r\nmore";
    let Ok(Next::Whole(request, len)) = next(good) else { panic!("a good request is refused") };
    assert_eq!(
        (request.method.as_str(), request.target.as_slice(), request.body.as_slice()),
        ("POST", &b"/a?b=%00"[..], &b"hi"[..])
    );
    assert_eq!(&good[len..], b"more");
    for cut in 0..len {
        assert!(!matches!(next(&good[..cut]), Ok(Next::Whole(..)) | Err(_)), "cut at {cut}");
    }
    for bad in [
        "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\nc: d\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nhi\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n",
    ] {
        assert!(next(bad.as_bytes()).is_err(), "{bad:?}");
    }
}
