//! One client connection: hyper's HTTP/1.1 server in a task of its own, under our deadlines. Between requests that are far
//! apart the connection sleeps: hyper and its buffers are given back, and nothing is kept but the socket.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{io, mem};

use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::client::Client;
use super::handler;
use super::headers::Peer;
use super::log;
use super::worker::Worker;
use crate::tally::Cause;

/// How long a connection that was answered early is kept open for its client to notice.
const LINGER: Duration = Duration::from_secs(2);

/// How long a client between requests may take to send another one once the worker drains: its answer says that it was the
/// last. A connection closed at once would be closed under the requests that are on their way.
const LAST_CHANCE: Duration = Duration::from_secs(1);

/// Serves a connection to its end.
pub(super) async fn serve(worker: Rc<Worker>, stream: TcpStream, peer: Peer) {
    let client = Client::new(peer, stream, &worker.sweep, worker.site().config.timeouts);
    let client = Rc::new(client);
    let mut ahead = Bytes::new();
    while !ahead.is_empty() || sleep(&worker, &client).await {
        // Boxed, so that little is kept of it afterwards.
        match Box::pin(converse(&worker, &client, ahead)).await {
            Some(read) => ahead = read,
            None => break,
        }
        worker.memory.count_sleeper();
    }
}

/// Waits until the client sends something; false if it is not to be waited for any longer.
async fn sleep(worker: &Worker, client: &Client) -> bool {
    let mut hurried = false;
    poll_fn(|cx| {
        client.deadline.watch(cx.waker());
        if worker.draining.get() && !mem::replace(&mut hurried, true) {
            client.hurry(LAST_CHANCE);
        }
        match client.stream.borrow().poll_read_ready(cx) {
            Poll::Ready(ready) => Poll::Ready(ready.is_ok()),
            Poll::Pending if client.deadline.expired() => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// How hyper came to an end.
enum Ended {
    /// By itself.
    Done(hyper::Result<()>),
    /// The connection falls asleep.
    Asleep,
    /// The client keeps us waiting, or has left, or the operator has cut its request.
    Abandoned,
}

/// Serves requests until the connection ends or (`Some`) falls asleep. `ahead` is what has been read already.
async fn converse(worker: &Rc<Worker>, client: &Rc<Client>, ahead: Bytes) -> Option<Bytes> {
    let service = service_fn(|request| {
        #[cfg(debug_assertions)]
        provoke(&request);
        handler::handle(Rc::clone(worker), Rc::clone(client), request)
    });
    let mut http = worker.site().http.serve_connection(ClientIo { client: Rc::clone(client), ahead }, service);

    let (mut told_to_drain, mut hurried) = (false, None);
    let ended = poll_fn(|cx| {
        client.deadline.watch(cx.waker());
        let mut polled = Pin::new(&mut http).poll(cx);
        // After the poll: a request that lay in the socket already has begun now and will be answered.
        if polled.is_pending() && worker.draining.get() && !told_to_drain && !has_a_chance(client, &mut hurried) {
            told_to_drain = true;
            Pin::new(&mut http).graceful_shutdown();
            polled = Pin::new(&mut http).poll(cx);
        }
        match polled {
            Poll::Ready(result) => Poll::Ready(Ended::Done(result)),
            Poll::Pending if client.is_overdue() => {
                Poll::Ready(if client.falls_asleep() { Ended::Asleep } else { Ended::Abandoned })
            }
            Poll::Pending if client.is_cut() || client.has_left(cx) => Poll::Ready(Ended::Abandoned),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;

    let parts = http.into_parts();
    let malformed = match &ended {
        // An empty view of a buffer would keep all of it.
        Ended::Asleep => return Some(if parts.read_buf.is_empty() { Bytes::new() } else { parts.read_buf }),
        Ended::Done(Ok(())) => None,
        Ended::Done(Err(error)) if error.is_parse_too_large() => Some(Cause::HeadTooLarge),
        Ended::Done(Err(error)) if error.is_parse() => Some(Cause::BadRequest),
        Ended::Done(Err(_)) | Ended::Abandoned => {
            if client.ends_with_answer.get() {
                // RFC 9112 section 8: closed in good order, half an answer would look whole.
                let _ = client.stream.borrow().set_zero_linger();
            }
            return None;
        }
    };
    // hyper has answered these itself.
    if let Some(cause) = malformed {
        worker.tally.unrouted.count(cause);
        log::unreadable(worker, client, cause);
    }
    let tunnel = client.tunnel.take().filter(|_| malformed.is_none());
    if let Some(tunnel) = tunnel {
        tunnel.run(&client.stream, parts.read_buf, &client.deadline).await;
    } else if malformed.is_some() || client.is_still_sending() {
        linger(client).await;
    }
    None
}

/// Whether a client that is to be told of the drain may still begin one more request. `hurried` is how many it had sent when
/// this was asked first.
fn has_a_chance(client: &Client, hurried: &mut Option<u32>) -> bool {
    let sent = client.requests.get();
    client.is_between_requests()
        && sent
            == *hurried.get_or_insert_with(|| {
                client.hurry(LAST_CHANCE);
                sent
            })
        && !client.deadline.expired()
}

/// Panics upon a request for `/panic` if the environment asks for it, so that a test can see what a bug does to everything
/// around it. Debug builds only.
#[cfg(debug_assertions)]
fn provoke(request: &http::Request<hyper::body::Incoming>) {
    let wanted = request.uri().path() == "/panic" && std::env::var_os("EVENKEEL_PROVOKE_PANIC").is_some();
    assert!(!wanted, "provoked");
}

/// Reads, for a while, what a client sends that was answered and told of the end before it had sent everything, or that sends
/// more than it should. If the
/// connection were closed upon bytes unread, the answer might be lost on its way (RFC 9112 section 9.6).
async fn linger(client: &Client) {
    let mut nowhere = vec![0; 16 * 1024];
    let _ = poll_fn(|cx| Pin::new(&mut *client.stream.borrow_mut()).poll_shutdown(cx)).await;
    client.deadline.arm(LINGER);
    poll_fn(|cx| {
        client.deadline.watch(cx.waker());
        while !client.deadline.expired() {
            let mut buffer = ReadBuf::new(&mut nowhere);
            match Pin::new(&mut *client.stream.borrow_mut()).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    })
    .await;
}

/// hyper's way to the client's socket. Notices when a request begins and when the client does not take what is sent.
#[derive(Debug)]
struct ClientIo {
    client: Rc<Client>,
    /// What was read before; it comes first.
    ahead: Bytes,
}

impl ClientIo {
    /// One call to the socket.
    fn socket<T>(&self, call: impl FnOnce(Pin<&mut TokioIo<&mut TcpStream>>) -> T) -> T {
        call(Pin::new(&mut TokioIo::new(&mut *self.client.stream.borrow_mut())))
    }

    fn written(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.client.wrote(polled.is_pending());
        polled
    }
}

impl Read for ClientIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let n = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead.split_to(n));
            self.client.received();
            return Poll::Ready(Ok(()));
        }
        let polled = self.socket(|socket| socket.poll_read(cx, buf));
        if polled.is_ready() {
            self.client.received();
        }
        polled
    }
}

impl Write for ClientIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.written(self.socket(|socket| socket.poll_write(cx, buf)))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.written(self.socket(|socket| socket.poll_write_vectored(cx, bufs)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket(|socket| socket.poll_flush(cx))
    }

    /// Nothing to do: the socket is about to be closed, or [`linger`] says so itself.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
