//! Sends one request, head and body, over an upstream connection.

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use tokio::io::AsyncWrite;

use super::request_body::{ClientFault, Part, RequestBody};
use super::upstream::Connection;

/// Why sending failed.
#[derive(Debug)]
pub(super) enum UploadError {
    /// The client's body cannot be had.
    Client(ClientFault),
    /// The backend does not take more.
    Backend,
}

/// What is still to be done for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Parts of the body are to come.
    Body,
    /// All that is left lies in `out` and `piece`.
    Rest,
    /// Everything has left.
    Done,
}

/// How far a request has been sent. The head, and later the chunk lines, lie in the connection's `out`.
#[derive(Debug)]
pub(super) struct Upload {
    chunked: bool,
    /// Bytes of `out` that have been written.
    position: usize,
    /// The piece of the body that goes after `out`.
    piece: Bytes,
    /// A chunk has been sent whose final CRLF has not.
    chunk_open: bool,
    stage: Stage,
    written: u64,
    body_bytes: u64,
}

impl Upload {
    /// For a request whose head lies in the connection's `out`. A `chunked` body has an end to be sent even if it is empty.
    pub(super) fn new(chunked: bool, has_body: bool) -> Self {
        Self {
            chunked,
            position: 0,
            piece: Bytes::new(),
            chunk_open: false,
            stage: if chunked || has_body { Stage::Body } else { Stage::Rest },
            written: 0,
            body_bytes: 0,
        }
    }

    /// Whether all is sent.
    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Bytes that have left so far, head included.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Bytes of the body so far.
    pub(super) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Whether the client, rather than the backend, is waited for.
    pub(super) fn waits_for_client(&self, connection: &Connection) -> bool {
        self.stage == Stage::Body && self.piece.is_empty() && self.position == connection.out.len()
    }

    /// Sends as much as goes; ready when all is sent.
    pub(super) fn poll_send(
        &mut self,
        connection: &mut Connection,
        body: &mut RequestBody,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), UploadError>> {
        while self.stage != Stage::Done {
            // The first piece of the body travels with the head when it is there already.
            if self.piece.is_empty() && self.stage == Stage::Body {
                match body.poll_part(cx) {
                    Poll::Ready(part) => self.append(part.map_err(UploadError::Client)?, body, &mut connection.out),
                    Poll::Pending if self.position == connection.out.len() => return Poll::Pending,
                    Poll::Pending => {}
                }
            }
            ready!(self.poll_write(connection, cx)).map_err(|_| UploadError::Backend)?;
            if self.stage == Stage::Rest {
                self.stage = Stage::Done;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn append(&mut self, part: Part, body: &RequestBody, out: &mut Vec<u8>) {
        match part {
            Part::Data(data) => {
                self.body_bytes += data.len() as u64;
                if self.chunked {
                    let before = if self.chunk_open { "\r\n" } else { "" };
                    write!(out, "{before}{:x}\r\n", data.len()).expect("writing to memory succeeds");
                    self.chunk_open = true;
                } else if body.is_done() {
                    self.stage = Stage::Rest;
                }
                self.piece = data;
            }
            Part::Trailers(trailers) => self.finish(Some(&trailers), out),
            Part::End => self.finish(None, out),
        }
    }

    fn finish(&mut self, trailers: Option<&HeaderMap>, out: &mut Vec<u8>) {
        self.stage = Stage::Rest;
        if self.chunked {
            out.extend_from_slice(if self.chunk_open { b"\r\n0\r\n" } else { b"0\r\n" });
            for (name, value) in trailers.into_iter().flatten() {
                out.extend_from_slice(name.as_str().as_bytes());
                out.extend_from_slice(b": ");
                out.extend_from_slice(value.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b"\r\n");
        }
    }

    fn poll_write(&mut self, connection: &mut Connection, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Connection { stream, out, .. } = connection;
        while self.position < out.len() || !self.piece.is_empty() {
            let slices = [IoSlice::new(&out[self.position..]), IoSlice::new(&self.piece)];
            let n = if self.piece.is_empty() {
                ready!(Pin::new(&mut *stream).poll_write(cx, &slices[0]))?
            } else {
                ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &slices))?
            };
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += n as u64;
            let of_out = n.min(out.len() - self.position);
            self.position += of_out;
            self.piece.advance(n - of_out);
        }
        out.clear();
        self.position = 0;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::balance::backend::{BackendId, Spec};

    /// What a backend gets of a request without a body.
    async fn sent(chunked: bool) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (host, port) = (address.ip().to_string(), address.port());
        let spec = Spec { id: BackendId::new("p", "b"), host, port, weight: 1, max_in_flight: None, backup: false };
        let mut connection = Connection::open(&spec).await.unwrap();
        connection.out.extend_from_slice(b"head ");
        let (mut upload, mut body) = (Upload::new(chunked, false), RequestBody::empty());
        poll_fn(|cx| upload.poll_send(&mut connection, &mut body, cx)).await.unwrap();
        assert!(upload.is_done());
        drop(connection);
        let mut got = String::new();
        listener.accept().await.unwrap().0.read_to_string(&mut got).await.unwrap();
        got
    }

    #[tokio::test]
    async fn an_empty_chunked_body_has_an_end() {
        assert_eq!(sent(false).await, "head ");
        assert_eq!(sent(true).await, "head 0\r\n\r\n");
    }
}
