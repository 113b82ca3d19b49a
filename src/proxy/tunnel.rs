//! An upgraded connection (RFC 6455): bytes both ways until both sides have ended, or nothing moves for too long. The request
//! stays in flight for as long.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::body::Claim;
use super::deadline::Deadline;
use super::upstream::Connection;
use crate::tally::Cause;
use crate::telemetry::access_log::Reason;

/// Most bytes under way in one direction.
const BUFFER: usize = 16 * 1024;

/// A tunnel that opens as soon as the `101` has been sent.
#[derive(Debug)]
pub(super) struct Tunnel {
    /// The request that asked for it.
    pub(super) claim: Claim,
    /// The backend's side.
    pub(super) connection: Connection,
    /// What the backend sent right after its answer.
    pub(super) early: Bytes,
    /// How long nothing may move.
    pub(super) idle: Duration,
}

impl Tunnel {
    /// Relays until the end. `read` is what the client sent right after its request.
    pub(super) async fn run(self, client: &RefCell<TcpStream>, read: Bytes, deadline: &Deadline) {
        let Self { mut claim, connection, early, idle } = self;
        let opened = Instant::now();
        let mut backend = connection.stream;
        let mut up = Direction::new(&read);
        let mut down = Direction::new(&early);
        deadline.arm(idle);
        let reason = poll_fn(|cx| {
            let mut client = client.borrow_mut();
            deadline.watch(cx.waker());
            let up_ended = up.poll(&mut client, &mut backend, cx);
            let down_ended = down.poll(&mut backend, &mut client, cx);
            let (sent, received) = (up.take_moved(), down.take_moved());
            if sent + received > 0 {
                deadline.arm(idle);
                claim.count_in(sent);
                claim.count_out(received);
            }
            match (up_ended, down_ended) {
                (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => Poll::Ready(Reason::TunnelBroke),
                (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(Reason::Ok),
                _ if claim.lease.is_cut() => Poll::Ready(Reason::Own(Cause::Cut)),
                _ if deadline.expired() => Poll::Ready(Reason::StreamTimeout),
                _ => Poll::Pending,
            }
        })
        .await;
        claim.finish_tunnel(opened, reason);
    }
}

/// One direction.
#[derive(Debug)]
struct Direction {
    buffer: BytesMut,
    state: State,
    /// Bytes that nobody has counted yet.
    moved: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The source has ended; the target is to be told.
    Ended,
    Closed,
}

impl Direction {
    fn new(early: &[u8]) -> Self {
        Self { buffer: BytesMut::from(early), state: State::Open, moved: 0 }
    }

    fn take_moved(&mut self) -> u64 {
        std::mem::take(&mut self.moved)
    }

    /// Moves what it can; ready when the source has ended and the target knows.
    fn poll(&mut self, from: &mut TcpStream, to: &mut TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while !self.buffer.is_empty() {
                let n = ready!(Pin::new(&mut *to).poll_write(cx, &self.buffer))?;
                if n == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.buffer.advance(n);
                self.moved += n as u64;
            }
            match self.state {
                State::Open => {
                    if ready!(self.poll_read(from, cx))? == 0 {
                        self.state = State::Ended;
                    }
                }
                State::Ended => {
                    ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                    self.state = State::Closed;
                }
                State::Closed => return Poll::Ready(Ok(())),
            }
        }
    }

    fn poll_read(&mut self, from: &mut TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            // Memory only once there is something to read: most tunnels are quiet most of the time.
            ready!(from.poll_read_ready(cx))?;
            self.buffer.reserve(BUFFER);
            match from.try_read_buf(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.buffer = BytesMut::new(),
                read => return Poll::Ready(read),
            }
        }
    }
}
