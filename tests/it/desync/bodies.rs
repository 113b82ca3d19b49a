//! Bodies with a request hidden in them, which comes to light if anybody is wrong about where they end.

use super::arena::HIDDEN;

/// The bodies that fit a head with these fields: as long as the length in them says, or in one chunk, or both in turn. By
/// either reading of the head the hidden request is a part of the body.
pub fn hiding_a_request(fields: &[u8]) -> Vec<Vec<u8>> {
    let lower = fields.to_ascii_lowercase();
    let length = length(&lower);
    let mut bodies: Vec<_> = length.map(of_length).into_iter().collect();
    if contains(&lower, b"transfer") || contains(&lower, b"chunk") {
        let chunked = chunked();
        match length {
            None => bodies.push(chunked),
            Some(length) if length >= chunked.len() => bodies.push(padded(chunked, length)),
            Some(_) => {}
        }
    }
    if bodies.is_empty() {
        bodies.push(Vec::new());
    }
    bodies
}

/// The end of a chunked body, then the hidden request: whoever believes in chunks ends here, whoever believes the length reads
/// on.
pub fn of_length(length: usize) -> Vec<u8> {
    padded([b"0\r\n\r\n".as_slice(), &hidden()].concat(), length)
}

/// The hidden request in one chunk: whoever does not believe in chunks reads it as what follows.
pub fn chunked() -> Vec<u8> {
    let hidden = hidden();
    [format!("{:x}\r\n", hidden.len()).as_bytes(), &hidden, b"\r\n0\r\n\r\n"].concat()
}

fn padded(mut body: Vec<u8>, length: usize) -> Vec<u8> {
    body.resize(length, b'x');
    body
}

fn hidden() -> Vec<u8> {
    format!("GET {HIDDEN} HTTP/1.1\r\nHost: hidden\r\nX-Hidden: 1\r\n\r\n").into_bytes()
}

/// The first number after the name of a length, however that is spelt.
fn length(lower: &[u8]) -> Option<usize> {
    let name = lower.windows(6).position(|window| window == b"length")?;
    let digits: String = lower[name..]
        .iter()
        .map(|b| char::from(*b))
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok().filter(|length| *length <= 8 << 20)
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}
