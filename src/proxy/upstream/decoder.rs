//! Takes the body of an answer apart into pieces, without copying (RFC 9112 sections 6 and 7).

use bytes::{Buf, Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::answer::{BadAnswer, Framing};

/// Chunk extensions and trailer fields together may not be longer.
const MAX_OVERHEAD: usize = 16 * 1024;

/// Most trailer fields.
const MAX_TRAILERS: usize = 64;

/// What [`Decoder::next`] found.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// A piece of the body, not empty.
    Data(Bytes),
    /// Trailer fields; they end the body.
    Trailers(HeaderMap),
    /// More input is needed.
    More,
    /// The body has ended; whatever input is left does not belong to it.
    End,
}

/// The decoder of one body.
#[derive(Debug)]
pub(crate) enum Decoder {
    /// So many bytes are left.
    Length(u64),
    /// Chunked.
    Chunked(Chunked),
    /// Until the connection ends.
    ToEnd,
    /// The end has been told.
    Done,
}

impl Decoder {
    /// For a body framed like this.
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::None | Framing::Length(0) => Self::Done,
            Framing::Length(n) => Self::Length(n),
            Framing::Chunked => Self::Chunked(Chunked::default()),
            Framing::ToEnd => Self::ToEnd,
        }
    }

    /// Whether nothing will come any more.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// The next step, eating from `input`.
    pub(crate) fn next(&mut self, input: &mut Bytes) -> Result<Step, BadAnswer> {
        match self {
            Self::Done => Ok(Step::End),
            _ if input.is_empty() => Ok(Step::More),
            Self::ToEnd => Ok(Step::Data(std::mem::take(input))),
            Self::Length(left) => {
                let piece = take_up_to(input, left);
                if *left == 0 {
                    *self = Self::Done;
                }
                Ok(Step::Data(piece))
            }
            Self::Chunked(chunked) => {
                let step = chunked.next(input)?;
                if matches!(step, Step::End | Step::Trailers(_)) {
                    *self = Self::Done;
                }
                Ok(step)
            }
        }
    }

    /// The connection has ended: fine if the body may end so.
    pub(crate) fn end_of_input(&mut self) -> Result<(), BadAnswer> {
        if matches!(self, Self::ToEnd) {
            *self = Self::Done;
        }
        if self.is_done() { Ok(()) } else { Err(BadAnswer) }
    }
}

fn take_up_to(input: &mut Bytes, left: &mut u64) -> Bytes {
    let n = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
    *left -= n as u64;
    input.split_to(n)
}

/// The chunked coding.
#[derive(Debug, Default)]
pub(crate) struct Chunked {
    state: State,
    overhead: usize,
    trailers: BytesMut,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    /// Before the first digit of a chunk's size.
    #[default]
    Size,
    /// Within the digits.
    Digits(u64),
    /// Within an extension.
    Extension(u64),
    /// After the CR of the size line.
    SizeLf(u64),
    Data(u64),
    DataCr,
    DataLf,
    /// Within the trailer section; whole lines so far.
    Trailers,
}

impl Chunked {
    fn next(&mut self, input: &mut Bytes) -> Result<Step, BadAnswer> {
        while !input.is_empty() {
            match &mut self.state {
                State::Data(left) => {
                    let piece = take_up_to(input, left);
                    if *left == 0 {
                        self.state = State::DataCr;
                    }
                    return Ok(Step::Data(piece));
                }
                State::Trailers => return self.trailers(input),
                _ => self.state = self.framing_byte(input.get_u8())?,
            }
        }
        Ok(Step::More)
    }

    /// One byte between the data.
    fn framing_byte(&mut self, byte: u8) -> Result<State, BadAnswer> {
        let digit = char::from(byte).to_digit(16).map(u64::from);
        match (self.state, byte) {
            (State::Size, _) => digit.map(State::Digits).ok_or(BadAnswer),
            (State::Digits(size) | State::Extension(size), b'\r') => Ok(State::SizeLf(size)),
            (State::Digits(size), b';' | b' ' | b'\t') => Ok(State::Extension(size)),
            (State::Digits(size), _) => {
                let size = size.checked_mul(16).zip(digit).ok_or(BadAnswer)?;
                Ok(State::Digits(size.0 + size.1))
            }
            (State::Extension(_), b'\n') => Err(BadAnswer),
            (State::Extension(size), _) => self.count_overhead(1).map(|()| State::Extension(size)),
            (State::SizeLf(0), b'\n') => Ok(State::Trailers),
            (State::SizeLf(size), b'\n') => Ok(State::Data(size)),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size),
            _ => Err(BadAnswer),
        }
    }

    fn count_overhead(&mut self, n: usize) -> Result<(), BadAnswer> {
        self.overhead += n;
        if self.overhead <= MAX_OVERHEAD { Ok(()) } else { Err(BadAnswer) }
    }

    /// Collects whole lines until the empty one.
    fn trailers(&mut self, input: &mut Bytes) -> Result<Step, BadAnswer> {
        while let Some(end) = input.iter().position(|b| *b == b'\n') {
            self.count_overhead(end + 1)?;
            self.trailers.extend_from_slice(&input.split_to(end + 1));
            // Who takes a lone LF for the end of a line may see the end of the section elsewhere.
            if !self.trailers.ends_with(b"\r\n") {
                return Err(BadAnswer);
            }
            if self.trailers == b"\r\n"[..] {
                return Ok(Step::End);
            }
            if self.trailers.ends_with(b"\n\r\n") {
                return parse_trailers(&self.trailers).map(Step::Trailers);
            }
        }
        self.count_overhead(input.len())?;
        self.trailers.extend_from_slice(&std::mem::take(input));
        Ok(Step::More)
    }
}

fn parse_trailers(bytes: &[u8]) -> Result<HeaderMap, BadAnswer> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_TRAILERS];
    let Ok(httparse::Status::Complete((_, fields))) = httparse::parse_headers(bytes, &mut fields) else { return Err(BadAnswer) };
    let mut trailers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| BadAnswer)?;
        trailers.append(name, HeaderValue::from_bytes(field.value).map_err(|_| BadAnswer)?);
    }
    Ok(trailers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes `pieces`; `Ok` is the body, the trailers as text, and what is left over.
    fn decode(framing: Framing, pieces: &[&[u8]]) -> Result<(Vec<u8>, usize, Vec<u8>), BadAnswer> {
        let mut decoder = Decoder::new(framing);
        let (mut body, mut trailers, mut left) = (Vec::new(), 0, Vec::new());
        for piece in pieces {
            let mut input = Bytes::copy_from_slice(piece);
            loop {
                match decoder.next(&mut input)? {
                    Step::Data(data) => {
                        assert!(!data.is_empty());
                        body.extend_from_slice(&data);
                    }
                    Step::Trailers(map) => trailers = map.len(),
                    Step::More => break,
                    Step::End => {
                        left.extend_from_slice(&input);
                        break;
                    }
                }
            }
        }
        decoder.end_of_input()?;
        Ok((body, trailers, left))
    }

    #[test]
    fn chunked_bodies_in_every_cut() {
        let whole = b"5\r\nhello\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\nA: 1\r\nB: 2\r\n\r\nEXTRA";
        for cut in 0..whole.len() {
            let (body, trailers, left) = decode(Framing::Chunked, &[&whole[..cut], &whole[cut..]]).unwrap();
            assert_eq!(body, b"hello0123456789", "cut {cut}");
            assert_eq!(trailers, 2);
            assert_eq!(left, b"EXTRA", "cut {cut}");
        }
        let singles: Vec<&[u8]> = whole[..whole.len() - 5].chunks(1).collect();
        assert_eq!(decode(Framing::Chunked, &singles).unwrap().0, b"hello0123456789");
    }

    #[test]
    fn broken_chunks() {
        for bad in [
            &b"x\r\n"[..],
            b"\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"-5\r\nhello\r\n0\r\n\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5\r\nhelloX\r\n0\r\n\r\n",
            b"5;a\n\r\nhello\r\n0\r\n\r\n",
            b"10000000000000000\r\n",
            b"FFFFFFFFFFFFFFFFF\r\n",
            b"5\r\nhello\r\n",
            b"5\r\nhel",
            b"0\r\nbad line\r\n\r\n",
            b"0\r\nA: 1\n\nB: 2\r\n\r\n",
            b"0\r\n\n\r\n",
            b"",
        ] {
            assert_eq!(decode(Framing::Chunked, &[bad]), Err(BadAnswer), "{:?}", String::from_utf8_lossy(bad));
        }
        let endless = [b"5;".as_slice(), &vec![b'x'; MAX_OVERHEAD + 1]].concat();
        assert_eq!(decode(Framing::Chunked, &[&endless]), Err(BadAnswer));
    }

    #[test]
    fn lengths_and_ends() {
        assert_eq!(decode(Framing::Length(3), &[b"ab", b"cEXTRA"]).unwrap(), (b"abc".to_vec(), 0, b"EXTRA".to_vec()));
        assert_eq!(decode(Framing::Length(3), &[b"ab"]), Err(BadAnswer));
        assert_eq!(decode(Framing::ToEnd, &[b"ab", b"c"]).unwrap().0, b"abc");
        assert_eq!(decode(Framing::None, &[b"x"]).unwrap().2, b"x");
    }
}
