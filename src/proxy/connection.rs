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
use tokio::io::AsyncRead;
use tokio::net::TcpStream;

use super::deadline::{Deadline, Sweep};
use super::handler;
use super::headers::Peer;
use super::tunnel::Tunnel;
use super::worker::Worker;
use crate::config::ClientTimeouts;
use crate::tally::Cause;

/// How long a connection that was answered early is kept open for its client to notice.
const LINGER: Duration = Duration::from_secs(2);

/// What a client connection is doing, as far as deadlines are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between requests, or before the first one. What is left of the last answer may pause for so long on its way out.
    Idle(Duration),
    /// A request head has begun. What is left of the last answer may pause for so long.
    Head(Duration),
    /// A request is being served; the handler arms the deadline and looks at it.
    Request,
    /// Its answer streams; neither side may pause for longer.
    Stream(Duration),
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
    /// Whether something of the present request is still to be read.
    unread: Cell<bool>,
}

impl Client {
    fn new(peer: Peer, sweep: &Rc<Sweep>, timeouts: ClientTimeouts) -> Self {
        let deadline = sweep.register();
        deadline.arm(timeouts.client_header);
        let (tunnel, phase) = (RefCell::default(), Cell::new(Phase::Idle(timeouts.client_idle)));
        Self { peer, deadline, tunnel, timeouts, phase, write_blocked: Cell::new(false), unread: Cell::new(false) }
    }

    /// A request's head is complete.
    pub(super) fn begin_request(&self, has_body: bool) {
        self.unread.set(has_body);
        self.phase.set(Phase::Request);
        self.deadline.clear();
    }

    /// The request's body has been read to its end.
    pub(super) fn body_read(&self) {
        self.unread.set(false);
    }

    /// An answer begins to stream: neither side may pause for longer than `idle`.
    pub(super) fn begin_stream(&self, idle: Duration) {
        self.phase.set(Phase::Stream(idle));
        self.deadline.arm(idle);
    }

    /// A request's answer has been handed to hyper to its last byte.
    pub(super) fn end_request(&self) {
        let pause = if let Phase::Stream(idle) = self.phase.get() { idle } else { self.timeouts.client_idle };
        self.phase.set(Phase::Idle(pause));
        self.deadline.arm(if self.write_blocked.get() { pause } else { self.timeouts.client_idle });
    }

    /// The socket has (not) taken what hyper wrote.
    fn wrote(&self, blocked: bool) {
        if self.write_blocked.replace(blocked) != blocked {
            match self.phase.get() {
                Phase::Idle(pause) | Phase::Head(pause) if blocked => self.deadline.arm(pause),
                Phase::Idle(_) => self.deadline.arm(self.timeouts.client_idle),
                Phase::Head(_) => self.deadline.arm(self.timeouts.client_header),
                Phase::Stream(idle) if !blocked => self.deadline.arm(idle),
                Phase::Request | Phase::Stream(_) => {}
            }
        }
    }

    fn received(&self) {
        if let Phase::Idle(pause) = self.phase.get() {
            self.phase.set(Phase::Head(pause));
            // Who is still taking the last answer cannot be asked for the next request yet.
            self.deadline.arm(if self.write_blocked.get() { pause } else { self.timeouts.client_header });
        }
    }

    /// Whether the connection has been waiting for its client for too long.
    fn is_overdue(&self) -> bool {
        self.deadline.expired()
            && match self.phase.get() {
                Phase::Idle(_) | Phase::Head(_) => true,
                Phase::Request => false,
                Phase::Stream(_) => self.write_blocked.get(),
            }
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(worker: Rc<Worker>, stream: TcpStream, peer: Peer) {
    if worker.draining.get() {
        // Accepted in the last moment: what the client has sent already is still to be heard of.
        tokio::task::yield_now().await;
    }
    let client = Rc::new(Client::new(peer, &worker.sweep, worker.config.timeouts));
    let io = ClientIo { inner: TokioIo::new(stream), client: Rc::clone(&client) };
    let service = service_fn(|request| {
        #[cfg(debug_assertions)]
        provoke(&request);
        handler::handle(Rc::clone(&worker), Rc::clone(&client), request)
    });
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

    let malformed = match &ended {
        Some(Err(error)) if error.is_parse_too_large() => Some(Cause::HeadTooLarge),
        Some(Err(error)) if error.is_parse() => Some(Cause::BadRequest),
        _ => None,
    };
    // hyper has answered these itself.
    if let Some(cause) = malformed {
        worker.tally.unrouted.count(cause);
    }
    let answered = matches!(ended, Some(Ok(())));
    let tunnel = client.tunnel.take();
    if let Some(tunnel) = tunnel
        && answered
    {
        let parts = http.into_parts();
        tunnel.run(parts.io.inner.into_inner(), parts.read_buf, &client.deadline).await;
    } else if malformed.is_some() || answered && client.unread.get() {
        linger(http.into_parts().io.inner.into_inner(), &client.deadline).await;
    }
}

/// Panics upon a request for `/panic` if the environment asks for it, so that a test can see what a bug does to everything
/// around it. Debug builds only.
#[cfg(debug_assertions)]
fn provoke(request: &http::Request<hyper::body::Incoming>) {
    let wanted = request.uri().path() == "/panic" && std::env::var_os("EVENKEEL_PROVOKE_PANIC").is_some();
    assert!(!wanted, "provoked");
}

/// Reads, for a while, what a client sends that was answered and told of the end before it had sent everything. If the
/// connection were closed upon bytes unread, the answer might be lost on its way (RFC 9112 section 9.6).
async fn linger(mut stream: TcpStream, deadline: &Deadline) {
    let mut nowhere = vec![0; 16 * 1024];
    deadline.arm(LINGER);
    poll_fn(|cx| {
        deadline.watch(cx.waker());
        while !deadline.expired() {
            let mut buffer = tokio::io::ReadBuf::new(&mut nowhere);
            match Pin::new(&mut stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    })
    .await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_has_time_while_it_takes_something_and_only_then() {
        let sweep = Rc::new(Sweep::default());
        let seconds = Duration::from_secs;
        let timeouts = ClientTimeouts { client_header: seconds(1), client_idle: seconds(1), request_body_idle: seconds(1) };
        let client = Client::new(Peer::new([127, 0, 0, 1].into(), &[]), &sweep, timeouts);
        let ticking = Rc::clone(&sweep).run(|| false);
        let slow_client = async {
            // The answer before was not taken at once, and the next request is being served.
            client.begin_request(false);
            client.wrote(true);
            client.deadline.arm(seconds(1));
            tokio::time::sleep(seconds(2)).await;
            assert!(client.deadline.expired() && !client.is_overdue(), "the handler looks after its deadline itself");
            client.wrote(false);
            assert!(client.deadline.expired());

            client.begin_stream(seconds(2));
            client.wrote(true);
            for step in 0..6 {
                tokio::time::sleep(Duration::from_millis(1500)).await;
                assert!(!client.is_overdue());
                client.wrote(false);
                client.wrote(true);
                if step == 2 {
                    client.end_request();
                }
            }
            client.wrote(false);
            tokio::time::sleep(Duration::from_millis(1500)).await;
            assert!(client.is_overdue(), "all is written: now it is idle");
        };
        tokio::select! { () = slow_client => {}, () = ticking => unreachable!("runs for ever") }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_time_until_the_last_answer_is_taken() {
        let sweep = Rc::new(Sweep::default());
        let seconds = Duration::from_secs;
        let timeouts = ClientTimeouts { client_header: seconds(1), client_idle: seconds(1), request_body_idle: seconds(1) };
        let client = Client::new(Peer::new([127, 0, 0, 1].into(), &[]), &sweep, timeouts);
        let ticking = Rc::clone(&sweep).run(|| false);
        let slow_client = async {
            client.begin_request(false);
            client.begin_stream(seconds(3));
            client.wrote(true);
            client.end_request();
            client.received();
            for _ in 0..3 {
                tokio::time::sleep(seconds(2)).await;
                assert!(!client.is_overdue(), "it takes the answer");
                client.wrote(false);
                client.wrote(true);
            }
            client.wrote(false);
            tokio::time::sleep(Duration::from_millis(1500)).await;
            assert!(client.is_overdue(), "now there is nothing but the head to wait for");
        };
        tokio::select! { () = slow_client => {}, () = ticking => unreachable!("runs for ever") }
    }
}
