//! A client that sends exactly the bytes it is told to and reads strictly.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::DEADLINE;
use super::http::{Framing, Head, Wire};

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its head.
    pub head: Head,
    /// Its body, without framing.
    pub body: Vec<u8>,
    /// Its trailer fields.
    pub trailers: Vec<String>,
    /// 1xx heads that came before it.
    pub interim: Vec<Head>,
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One client connection.
pub struct Client<S: Read + Write = TcpStream> {
    wire: Wire<S>,
}

impl Client {
    /// Connects.
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { wire: Wire::new(stream) }
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) {
        self.wire.stream().shutdown(Shutdown::Write).unwrap();
    }

    /// The same connection, for another thread to write to.
    pub fn writer(&mut self) -> TcpStream {
        self.wire.stream().try_clone().unwrap()
    }
}

impl Client<UnixStream> {
    /// Connects to a socket in the file system; `None` while nobody listens there.
    pub fn to_path(path: &Path) -> Option<Self> {
        let stream = UnixStream::connect(path).ok()?;
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Some(Self { wire: Wire::new(stream) })
    }
}

impl<S: Read + Write> Client<S> {
    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.wire.stream().write_all(bytes.as_ref()).unwrap();
        self
    }

    /// `GET path`, kept alive.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).response()
    }

    /// The answer to anything but `HEAD`.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        self.try_response().expect("a whole answer")
    }

    /// The answer to `HEAD`.
    #[track_caller]
    pub fn response_to_head(&mut self) -> Response {
        self.read(true).expect("a whole answer")
    }

    /// The answer, or why there is none or only half of it.
    pub fn try_response(&mut self) -> io::Result<Response> {
        self.read(false)
    }

    /// Only the head of an answer.
    #[track_caller]
    pub fn head(&mut self) -> Head {
        self.wire.head().unwrap().expect("an answer, not the end of the connection")
    }

    /// At least one byte of what follows; nothing at the end of the connection.
    pub fn some(&mut self) -> io::Result<Vec<u8>> {
        self.wire.some()
    }

    /// Reads exactly as many bytes as expected.
    #[track_caller]
    pub fn hear(&mut self, expected: impl AsRef<[u8]>) {
        let mut heard = Vec::new();
        while heard.len() < expected.as_ref().len() {
            let piece = self.some().unwrap();
            assert!(!piece.is_empty(), "the connection ended after {}", heard.escape_ascii());
            heard.extend(piece);
        }
        assert_eq!(heard, expected.as_ref());
    }

    /// Whether the other side has closed in good order and sent nothing more.
    pub fn is_at_end(&mut self) -> bool {
        self.wire.some().is_ok_and(|rest| rest.is_empty())
    }

    fn read(&mut self, to_head: bool) -> io::Result<Response> {
        let mut interim = Vec::new();
        let (status, head) = loop {
            let head = self.wire.head()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            match status(&head).ok_or(io::ErrorKind::InvalidData)? {
                100 | 102..=199 => interim.push(head),
                status => break (status, head),
            }
        };
        let without_body = to_head || matches!(status, 101 | 204 | 304);
        let framing = if without_body { Framing::Length(0) } else { head.framing(Framing::ToEof)? };
        let mut body = Vec::new();
        let trailers = self.wire.body(framing, &mut |piece| body.extend_from_slice(piece))?;
        Ok(Response { status, head, body, trailers, interim })
    }
}

/// `GET path` on a connection of its own.
#[track_caller]
pub fn get(address: SocketAddr, path: &str) -> Response {
    Client::to(address).get(path)
}

fn status(head: &Head) -> Option<u16> {
    let rest = head.start_line().strip_prefix("HTTP/1.1 ").or_else(|| head.start_line().strip_prefix("HTTP/1.0 "))?;
    rest.get(..3)?.parse().ok()
}
