//! One client connection: hyper's HTTP/1.1 server in a task of its own, under our deadlines.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::deadline::Deadline;
use super::handler;
use super::headers::Peer;
use super::tunnel::Tunnel;
use super::worker::Worker;
use crate::config::ClientTimeouts;
use crate::tally::Cause;

/// What a client connection is doing, as far as deadlines are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between requests, or before the first one.
    Idle,
    /// A request head has begun.
    Head,
    /// A request is being served; the handler arms the deadline.
    Request,
}

/// What a connection's I/O, its handler and its task share.
#[derive(Debug)]
pub(super) struct Client {
    /// Who it is.
    pub(super) peer: Peer,
    /// The connection's only deadline.
    pub(super) deadline: Rc<Deadline>,
    /// Left by the handler of a request that was upgraded.
    pub(super) tunnel: RefCell<Option<Tunnel>>,
    timeouts: ClientTimeouts,
    phase: Cell<Phase>,
    write_blocked: Cell<bool>,
    stream_idle: Cell<Duration>,
}

impl Client {
    /// A request's head is complete.
    pub(super) fn begin_request(&self) {
        self.phase.set(Phase::Request);
        self.deadline.clear();
    }

    /// An answer begins to stream: neither side may pause for longer than `idle`.
    pub(super) fn begin_stream(&self, idle: Duration) {
        self.stream_idle.set(idle);
        self.deadline.arm(idle);
    }

    /// A request's answer has been handed to hyper to its last byte.
    pub(super) fn end_request(&self) {
        self.phase.set(Phase::Idle);
        self.deadline.arm(self.timeouts.client_idle);
    }

    /// The socket has (not) taken what hyper wrote.
    fn wrote(&self, blocked: bool) {
        if self.write_blocked.replace(blocked) && !blocked && self.phase.get() == Phase::Request {
            self.deadline.arm(self.stream_idle.get());
        }
    }

    fn received(&self) {
        if self.phase.get() == Phase::Idle {
            self.phase.set(Phase::Head);
            self.deadline.arm(self.timeouts.client_header);
        }
    }

    /// Whether the connection has been waiting for its client for too long.
    fn is_overdue(&self) -> bool {
        self.deadline.expired() && (self.phase.get() != Phase::Request || self.write_blocked.get())
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(worker: Rc<Worker>, stream: TcpStream, peer: Peer) {
    let client = Rc::new(Client {
        peer,
        deadline: worker.sweep.register(),
        tunnel: RefCell::default(),
        timeouts: worker.config.timeouts,
        phase: Cell::new(Phase::Idle),
        write_blocked: Cell::new(false),
        stream_idle: Cell::new(Duration::MAX),
    });
    client.deadline.arm(worker.config.timeouts.client_header);
    let io = ClientIo { inner: TokioIo::new(stream), client: Rc::clone(&client) };
    let service = service_fn(|request| handler::handle(Rc::clone(&worker), Rc::clone(&client), request));
    let mut http = worker.http.serve_connection(io, service);

    let mut told_to_drain = false;
    let ended = poll_fn(|cx| {
        client.deadline.watch(cx.waker());
        let mut polled = Pin::new(&mut http).poll(cx);
        // After the poll: a request that lay in the socket already has begun now and will be answered.
        if polled.is_pending() && worker.draining.get() && !told_to_drain {
            told_to_drain = true;
            Pin::new(&mut http).graceful_shutdown();
            polled = Pin::new(&mut http).poll(cx);
        }
        match polled {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if client.is_overdue() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;

    if matches!(&ended, Some(Err(error)) if error.is_parse()) {
        worker.tally.unrouted.count(Cause::BadRequest);
    }
    let tunnel = client.tunnel.take();
    if let Some(tunnel) = tunnel
        && matches!(ended, Some(Ok(())))
    {
        let parts = http.into_parts();
        tunnel.run(parts.io.inner.into_inner(), parts.read_buf, &client.deadline).await;
    }
}

/// The client's socket. Notices when a request begins and when the client does not take what is sent.
#[derive(Debug)]
struct ClientIo {
    inner: TokioIo<TcpStream>,
    client: Rc<Client>,
}

impl ClientIo {
    fn written(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.client.wrote(polled.is_pending());
        polled
    }
}

impl Read for ClientIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if polled.is_ready() {
            self.client.received();
        }
        polled
    }
}

impl Write for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.written(polled)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.written(polled)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
