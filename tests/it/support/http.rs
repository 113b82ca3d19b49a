//! HTTP/1.1 as strictly as a test can want it: both ends of the wire read with this.

use std::io::{self, Read, Write};

/// A start line and its fields.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// As received, without the empty line.
    pub text: String,
}

impl Head {
    /// The first line.
    pub fn start_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// Every value of a field, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.text.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    /// The value of a field that may occur once.
    ///
    /// # Panics
    /// When it occurs more than once.
    #[track_caller]
    pub fn get(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name} occurs {} times in\n{}", all.len(), self.text);
        all.first().copied()
    }

    /// Whether a field is there.
    pub fn has(&self, name: &str) -> bool {
        !self.all(name).is_empty()
    }

    /// How long the body is that follows; `otherwise` when the head does not say.
    pub fn framing(&self, otherwise: Framing) -> io::Result<Framing> {
        match (self.get("transfer-encoding"), self.get("content-length")) {
            (Some(_), Some(_)) => Err(broken("both a length and a transfer coding")),
            (Some("chunked"), None) => Ok(Framing::Chunked),
            (Some(_), None) => Err(broken("unknown transfer coding")),
            (None, Some(n)) => n.parse().map(Framing::Length).map_err(|_| broken("content-length is no number")),
            (None, None) => Ok(otherwise),
        }
    }
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes.
    Length(usize),
    /// After the last chunk.
    Chunked,
    /// When the connection ends.
    ToEof,
}

/// A connection and what has been read ahead of it.
pub struct Wire<S> {
    stream: S,
    ahead: Vec<u8>,
}

impl<S: Read + Write> Wire<S> {
    /// Nothing read yet.
    pub fn new(stream: S) -> Self {
        Self { stream, ahead: Vec::new() }
    }

    /// The connection itself.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// A head, or `None` if the connection ended in good order before it began.
    pub fn head(&mut self) -> io::Result<Option<Head>> {
        let end = loop {
            if let Some(at) = self.ahead.windows(4).position(|w| w == b"\r\n\r\n") {
                break at;
            }
            if self.fill()? == 0 {
                return if self.ahead.is_empty() { Ok(None) } else { Err(ended("within a head")) };
            }
        };
        let text = String::from_utf8(self.ahead.drain(..end + 4).take(end).collect()).map_err(|_| broken("head is not UTF-8"))?;
        if text.split("\r\n").any(|line| line.is_empty() || line.contains(['\r', '\n'])) {
            return Err(broken("a line of the head is empty or ends in half a line break"));
        }
        Ok(Some(Head { text }))
    }

    /// A body, piece by piece as it arrives; gives back the trailer fields.
    pub fn body(&mut self, framing: Framing, sink: &mut dyn FnMut(&[u8])) -> io::Result<Vec<String>> {
        match framing {
            Framing::Length(length) => self.exactly(length, sink).map(|()| Vec::new()),
            Framing::ToEof => loop {
                sink(&self.ahead);
                self.ahead.clear();
                if self.fill()? == 0 {
                    return Ok(Vec::new());
                }
            },
            Framing::Chunked => loop {
                let line = self.line()?;
                let size = line.split(';').next().unwrap_or_default();
                let size = usize::from_str_radix(size, 16).map_err(|_| broken("chunk size is no number"))?;
                if size == 0 {
                    return self.trailers();
                }
                self.exactly(size, sink)?;
                if !self.line()?.is_empty() {
                    return Err(broken("a chunk is longer than it said"));
                }
            },
        }
    }

    /// At least one byte; nothing at the end of the connection.
    pub fn some(&mut self) -> io::Result<Vec<u8>> {
        if self.ahead.is_empty() {
            self.fill()?;
        }
        Ok(std::mem::take(&mut self.ahead))
    }

    fn trailers(&mut self) -> io::Result<Vec<String>> {
        let mut trailers = Vec::new();
        loop {
            match self.line()? {
                line if line.is_empty() => return Ok(trailers),
                line => trailers.push(line),
            }
        }
    }

    fn exactly(&mut self, mut left: usize, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        while left > 0 {
            if self.ahead.is_empty() && self.fill()? == 0 {
                return Err(ended("within a body"));
            }
            let n = left.min(self.ahead.len());
            sink(&self.ahead[..n]);
            self.ahead.drain(..n);
            left -= n;
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.ahead.windows(2).position(|w| w == b"\r\n") {
                let line = self.ahead.drain(..at + 2).take(at).collect();
                return String::from_utf8(line).map_err(|_| broken("a line is not UTF-8"));
            }
            if self.fill()? == 0 {
                return Err(ended("within a line"));
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; 16 * 1024];
        let n = uninterrupted(|| self.stream.read(&mut piece))?;
        self.ahead.extend_from_slice(&piece[..n]);
        Ok(n)
    }
}

/// Reads again if a signal came in between: with a time-out set, even one that stops and continues the process does.
pub fn uninterrupted(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn ended(within: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the connection ended {within}"))
}
