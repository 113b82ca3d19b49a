//! What the body of a wrong answer says at its beginning, fit to be shown.

/// Bytes of the body that are told.
const TOLD: usize = 120;
/// Bytes that are read for it: there may be a chunk's length before the first.
pub(super) const ENOUGH: usize = TOLD + 24;

/// The first bytes of a body, in one line and without anything that a terminal would obey. `None` if there is nothing.
pub(super) fn excerpt(body: &[u8], chunked: bool) -> Option<String> {
    let body = if chunked { first_chunk(body) } else { body };
    let cut = &body[..body.len().min(TOLD)];
    // What is cut off within a character is not the backend's fault.
    let text: String = cut.utf8_chunks().flat_map(|chunk| chunk.valid().chars()).collect();
    let text: String = text.trim().chars().flat_map(escape).collect();
    Some(text).filter(|text| !text.is_empty())
}

/// A character that can be shown, or its name. Quotes can be.
fn escape(c: char) -> impl Iterator<Item = char> {
    let plain = matches!(c, '"' | '\'').then_some(c);
    let escaped = plain.is_none().then(|| c.escape_debug());
    plain.into_iter().chain(escaped.into_iter().flatten())
}

/// What has come of the first chunk.
fn first_chunk(body: &[u8]) -> &[u8] {
    let Some(end) = body.windows(2).position(|pair| pair == b"\r\n") else { return &[] };
    let (size, data) = (&body[..end], &body[end + 2..]);
    let size = str::from_utf8(size).ok().and_then(|size| usize::from_str_radix(size.split(';').next()?.trim(), 16).ok());
    &data[..size.unwrap_or(0).min(data.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_can_be_shown() {
        let long = "\u{e9}".repeat(100);
        for (body, chunked, want) in [
            ("database down\n", false, Some("database down")),
            ("\u{1b}[2J\u{202e}a\r\nb\"", false, Some("\\u{1b}[2J\\u{202e}a\\r\\nb\"")),
            (&long, false, Some(&long[..120])),
            (" \n", false, None),
            ("", true, None),
            ("2\r\nno\r\n0\r\n\r\n", true, Some("no")),
            ("ff;x=y\r\nstill coming", true, Some("still coming")),
            ("no chunks", true, None),
        ] {
            assert_eq!(excerpt(body.as_bytes(), chunked).as_deref(), want, "{body:?}");
        }
        assert_eq!(excerpt(b"a\xffb\xc3", false).as_deref(), Some("ab"));
    }
}
