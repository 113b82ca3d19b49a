//! What is known of one client connection, and what it may be waited for: its phases and its one deadline.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use super::deadline::{Deadline, Sweep};
use super::headers::Peer;
use super::tunnel::Tunnel;
use crate::balance::lease::Fate;
use crate::config::ClientTimeouts;

/// How long after its last answer a connection goes to sleep. Short, because what many connections have at the same time is
/// what the process needs; long enough that the microseconds to wake one do not count.
const DOZE: Duration = Duration::from_secs(1);

/// What a client connection is doing, as far as deadlines are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between requests, or before the first one. What is left of the last answer may pause for so long on its way out.
    Idle(Duration),
    /// Idle for so long that nothing but the socket is kept.
    Asleep,
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
    /// Its socket. Borrowed for single calls only.
    pub(super) stream: RefCell<TcpStream>,
    /// The connection's only deadline.
    pub(super) deadline: Rc<Deadline>,
    /// Left by the handler of a request that was upgraded.
    pub(super) tunnel: RefCell<Option<Box<Tunnel>>>,
    /// Whether only the end of the connection tells the client where its answer ends.
    pub(super) ends_with_answer: Cell<bool>,
    /// That of the request whose answer streams.
    fate: RefCell<Option<Fate>>,
    /// How many requests it has sent.
    pub(super) requests: Cell<u32>,
    timeouts: ClientTimeouts,
    phase: Cell<Phase>,
    write_blocked: Cell<bool>,
    /// Whether something of the present request is still to be read.
    unread: Cell<bool>,
    /// Whether bytes are known to wait behind the present request.
    more_waits: Cell<bool>,
}

impl Client {
    /// A client that has just connected.
    pub(super) fn new(peer: Peer, stream: TcpStream, sweep: &Rc<Sweep>, timeouts: ClientTimeouts) -> Self {
        let deadline = sweep.register();
        deadline.arm(timeouts.client_header);
        let [ends_with_answer, write_blocked, unread, more_waits] = [const { Cell::new(false) }; 4];
        Self {
            peer,
            stream: RefCell::new(stream),
            deadline,
            tunnel: RefCell::default(),
            ends_with_answer,
            fate: RefCell::default(),
            requests: Cell::new(0),
            timeouts,
            phase: Cell::new(Phase::Asleep),
            write_blocked,
            unread,
            more_waits,
        }
    }

    /// A request's head is complete.
    pub(super) fn begin_request(&self, has_body: bool) {
        self.requests.update(|requests| requests.wrapping_add(1));
        self.unread.set(has_body);
        self.more_waits.set(false);
        self.phase.set(Phase::Request);
        self.deadline.clear();
    }

    /// The request's body has been read to its end.
    pub(super) fn body_read(&self) {
        self.unread.set(false);
    }

    /// Whether something of the present request is still to be read.
    pub(super) fn is_unread(&self) -> bool {
        self.unread.get()
    }

    /// An answer begins to stream: neither side may pause for longer than `idle`.
    pub(super) fn begin_stream(&self, idle: Duration) {
        self.phase.set(Phase::Stream(idle));
        self.deadline.arm(idle);
    }

    /// The answer that streams is that of a request with this fate.
    pub(super) fn shares(&self, fate: Fate) {
        *self.fate.borrow_mut() = Some(fate);
    }

    /// Whether the operator has cut the request whose answer streams. (The answer itself would not find out while the client
    /// takes nothing of it: then nobody asks it for more.)
    pub(super) fn is_cut(&self) -> bool {
        self.fate.borrow().as_ref().is_some_and(Fate::is_cut)
    }

    /// A request's answer has been handed to hyper to its last byte.
    pub(super) fn end_request(&self) {
        self.fate.take();
        let pause = if let Phase::Stream(idle) = self.phase.get() { idle } else { self.timeouts.client_idle };
        self.phase.set(Phase::Idle(pause));
        self.deadline.arm(if self.write_blocked.get() { pause } else { self.doze() });
    }

    /// The socket has (not) taken what hyper wrote.
    pub(super) fn wrote(&self, blocked: bool) {
        if self.write_blocked.replace(blocked) != blocked {
            match self.phase.get() {
                Phase::Idle(pause) | Phase::Head(pause) if blocked => self.deadline.arm(pause),
                Phase::Idle(_) => self.deadline.arm(self.doze()),
                Phase::Head(_) => self.deadline.arm(self.timeouts.client_header),
                Phase::Stream(idle) if !blocked => self.deadline.arm(idle),
                Phase::Asleep | Phase::Request | Phase::Stream(_) => {}
            }
        }
    }

    /// Bytes have come from the client.
    pub(super) fn received(&self) {
        let pause = match self.phase.get() {
            Phase::Idle(pause) => pause,
            Phase::Asleep => self.timeouts.client_idle,
            Phase::Head(_) | Phase::Request | Phase::Stream(_) => return,
        };
        self.phase.set(Phase::Head(pause));
        // Who is still taking the last answer cannot be asked for the next request yet.
        self.deadline.arm(if self.write_blocked.get() { pause } else { self.timeouts.client_header });
    }

    /// Whether it has taken the last answer, and has not sent the next request, or not all of its head.
    pub(super) fn is_between_requests(&self) -> bool {
        !self.write_blocked.get() && matches!(self.phase.get(), Phase::Idle(_) | Phase::Asleep | Phase::Head(_))
    }

    /// Lets it begin its next request within `patience` only. A head that has begun has the time it had.
    pub(super) fn hurry(&self, patience: Duration) {
        if !matches!(self.phase.get(), Phase::Head(_)) {
            self.deadline.hasten(patience);
        }
    }

    /// Whether the connection has been waiting for its client for too long.
    pub(super) fn is_overdue(&self) -> bool {
        self.deadline.expired()
            && match self.phase.get() {
                Phase::Idle(_) | Phase::Asleep | Phase::Head(_) => true,
                Phase::Request => false,
                Phase::Stream(_) => self.write_blocked.get(),
            }
    }

    /// Whether an overdue connection is only tired: all is answered and written, and the client may still be waited for.
    pub(super) fn falls_asleep(&self) -> bool {
        let tired = matches!(self.phase.get(), Phase::Idle(_)) && !self.write_blocked.get();
        let left = self.timeouts.client_idle.saturating_sub(self.doze());
        if tired && !left.is_zero() {
            self.phase.set(Phase::Asleep);
            self.deadline.arm(left);
            return true;
        }
        false
    }

    /// Whether something that the client has sent is known to be still to be read.
    pub(super) fn is_still_sending(&self) -> bool {
        self.unread.get() || self.more_waits.get()
    }

    /// Whether the client hung up while its request is being served. What it has sent ahead is left where it is, and hides
    /// the hang-up behind it.
    pub(super) fn has_left(&self, cx: &mut Context<'_>) -> bool {
        let waited_for = matches!(self.phase.get(), Phase::Request | Phase::Stream(_));
        if !waited_for || self.more_waits.get() {
            return false;
        }
        let mut byte = [0];
        match Pin::new(&mut *self.stream.borrow_mut()).poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Pending => false,
            Poll::Ready(Ok(n)) if n > 0 => {
                // What belongs to the present request will be read.
                self.more_waits.set(!self.unread.get());
                false
            }
            Poll::Ready(_) => true,
        }
    }

    fn doze(&self) -> Duration {
        DOZE.min(self.timeouts.client_idle)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn socket() -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).await.unwrap()
    }

    /// A client to whom a second of everything is enough, and what sweeps its deadlines.
    async fn impatient() -> (Client, Rc<Sweep>) {
        let (sweep, second) = (Rc::new(Sweep::default()), Duration::from_secs(1));
        let timeouts = ClientTimeouts { client_header: second, client_idle: second, request_body_idle: second };
        let client = Client::new(Peer::new([127, 0, 0, 1].into(), &[]), socket().await, &sweep, timeouts);
        (client, sweep)
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_has_time_while_it_takes_something_and_only_then() {
        let (client, sweep) = impatient().await;
        let ticking = sweep.run(|| false);
        let seconds = Duration::from_secs;
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
        let (client, sweep) = impatient().await;
        let ticking = sweep.run(|| false);
        let seconds = Duration::from_secs;
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
