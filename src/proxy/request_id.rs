//! The id by which a request can be found in every log on its way.

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// The field that carries it.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is kept.
const MAX_LEN: usize = 128;

/// The client's id, if it is fit to be passed on and logged, or one of ours.
#[derive(Debug)]
pub(super) enum RequestId<'a> {
    /// As it came.
    Kept(&'a HeaderValue),
    /// 32 hexadecimal digits.
    Made([u8; 32]),
}

impl<'a> RequestId<'a> {
    /// The id of a request with these fields. `entropy` gives 64 random bits.
    pub(super) fn of(headers: &'a HeaderMap, entropy: impl Fn() -> u64) -> Self {
        let fits = |v: &&HeaderValue| (1..=MAX_LEN).contains(&v.len()) && v.as_bytes().iter().all(u8::is_ascii_graphic);
        match headers.get(X_REQUEST_ID).filter(fits) {
            Some(kept) => Self::Kept(kept),
            None => Self::made(entropy(), entropy()),
        }
    }

    fn made(high: u64, low: u64) -> Self {
        let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
        let mut id = [0; 32];
        let bytes = high.to_be_bytes().into_iter().chain(low.to_be_bytes());
        for (digits, byte) in id.chunks_exact_mut(2).zip(bytes) {
            digits.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        Self::Made(id)
    }

    /// Its text. ASCII, printable.
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Kept(value) => value.as_bytes(),
            Self::Made(id) => id,
        }
    }

    /// For a field of an answer.
    pub(super) fn to_value(&self) -> HeaderValue {
        match self {
            Self::Kept(value) => (*value).clone(),
            Self::Made(id) => HeaderValue::from_bytes(id).expect("hexadecimal digits are valid"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_fits_is_kept_and_any_other_is_replaced() {
        let long = "x".repeat(MAX_LEN + 1);
        for (given, kept) in [("abc-1", true), ("", false), ("a b", false), ("a\u{7f}", false), (&long, false)] {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_str(given) {
                headers.insert(X_REQUEST_ID, value);
            }
            let id = RequestId::of(&headers, || 0x0123_4567_89ab_cdef);
            let expected = if kept { given } else { "0123456789abcdef0123456789abcdef" };
            assert_eq!(id.as_bytes(), expected.as_bytes());
            assert_eq!(id.to_value(), expected);
        }
    }
}
