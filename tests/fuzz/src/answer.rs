//! A backend's answer: read the same however it is cut into pieces, framed in one way only, and without what belongs to one
//! hop. The first byte of the input chooses the method and the cuts.

use std::collections::BTreeSet;

use evenkeel::internals::{self, Answer};
use http::Method;

const HOP_BY_HOP: [&str; 7] =
    ["connection", "http2-settings", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];

/// See the module.
pub fn check(data: &[u8]) {
    let Some((&choice, bytes)) = data.split_first() else { return };
    if bytes.is_empty() {
        return;
    }
    let method = if choice & 1 == 0 { Method::GET } else { Method::HEAD };
    let read = |size: usize| internals::read_answer(bytes.chunks(size), &method);
    let whole = read(bytes.len());
    let size = usize::from(choice / 2) % bytes.len() + 1;
    assert_eq!(read(size), whole, "in pieces of {size}");
    assert_eq!(read(1), whole, "byte by byte");
    if let Some(answer) = whole {
        assert!(bytes.ends_with(&answer.rest), "what follows is not what was sent");
        let fields = fields(bytes);
        check_framing(&answer, &fields, &method);
        check_passed_on(&answer, &fields);
    }
}

type Field = (String, Vec<u8>);

/// The fields as they were sent, names in lower case.
fn fields(bytes: &[u8]) -> Vec<Field> {
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut fields);
    let mut config = httparse::ParserConfig::default();
    config.allow_spaces_after_header_name_in_responses(true);
    config.parse_response(&mut response, bytes).expect("it has been read already");
    response.headers.iter().map(|field| (field.name.to_ascii_lowercase(), field.value.to_vec())).collect()
}

fn all<'a>(fields: &'a [Field], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_slice())
}

fn check_framing(answer: &Answer, fields: &[Field], method: &Method) {
    let Answer { headers, body, rest, .. } = answer;
    let lengths: Vec<_> = headers.get_all("content-length").iter().collect();
    assert!(lengths.len() <= 1, "{lengths:?}");
    let chunked = all(fields, "transfer-encoding").next().is_some();
    assert!(!chunked || lengths.is_empty(), "both a length and a transfer coding");
    let bodiless = *method == Method::HEAD || matches!(answer.status.as_u16(), 100..200 | 204 | 304);
    match lengths.first() {
        _ if bodiless => assert!(body.is_empty() && answer.trailers.is_none(), "a body where there is none"),
        Some(length) => assert_eq!(length.to_str().ok().and_then(|length| length.parse().ok()), Some(body.len())),
        None if !chunked => assert!(!answer.keep_alive && rest.is_empty(), "ends with the connection, and yet goes on"),
        None => {}
    }
}

/// Every field passes on as it was sent, but for the length and what belongs to one hop.
fn check_passed_on(answer: &Answer, fields: &[Field]) {
    let named: Vec<_> = all(fields, "connection")
        .flat_map(|line| line.split(|b| *b == b','))
        .map(|name| name.trim_ascii().to_ascii_lowercase())
        .collect();
    for name in fields.iter().map(|(name, _)| name.as_str()).collect::<BTreeSet<_>>() {
        let passed_on = answer.headers.get_all(name).iter().map(http::HeaderValue::as_bytes);
        // An option of `Connection`, and no field.
        let is_named = name != "close" && named.iter().any(|named| named == name.as_bytes());
        match name {
            "content-length" => {}
            _ if is_named || HOP_BY_HOP.contains(&name) => assert_eq!(passed_on.count(), 0, "{name} passes on"),
            _ => assert!(passed_on.eq(all(fields, name)), "{name} does not pass on as it was"),
        }
    }
}
