//! What a scripted upstream does with a request: the good manners and the vices.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::DEADLINE;
use super::upstream::Request;

/// What to do with each request, step by step. After the last step the connection waits for the next request.
pub type Script = Vec<Step>;

/// One step of a script.
#[derive(Clone)]
pub enum Step {
    /// Reads the request's body to its end.
    ReadBody,
    /// Sends these bytes at once.
    Send(Vec<u8>),
    /// Sends these bytes one by one.
    Trickle(Vec<u8>),
    /// Waits for so long.
    Pause(Duration),
    /// Lets somebody see the request as far as it has come.
    Show(Witness),
    /// Waits until the test opens the gate.
    Hold(Gate),
    /// Opens a gate, for the test to know that the script is so far.
    Tell(Gate),
    /// Does nothing until the other side leaves.
    Stall,
    /// Sends back whatever comes, until the other side says it is done.
    Echo,
    /// Says that nothing more will come, and does nothing until the other side leaves.
    HalfClose,
    /// Closes the connection in good order.
    Close,
    /// Breaks the connection with a reset.
    Reset,
}

/// Somebody who is shown a request.
#[derive(Clone)]
pub struct Witness(Arc<dyn Fn(&Request) + Send + Sync>);

impl Witness {
    /// Does this with what it is shown.
    pub fn new(see: impl Fn(&Request) + Send + Sync + 'static) -> Self {
        Self(Arc::new(see))
    }

    /// Shows it.
    pub fn see(&self, request: &Request) {
        (self.0)(request);
    }
}

/// Something the test opens when it wants things to go on.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Lets everybody through, now and later.
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open.
    pub fn pass(&self) {
        let closed = self.0.0.lock().unwrap();
        drop(self.0.1.wait_timeout_while(closed, DEADLINE, |open| !*open).unwrap());
    }
}

/// 200 with this body.
pub fn ok(body: &str) -> Script {
    raw(answer(200, body))
}

/// This status with a short body.
pub fn status(status: u16) -> Script {
    raw(answer(status, "status\n"))
}

/// Exactly these bytes as the answer.
pub fn raw(bytes: impl AsRef<[u8]>) -> Script {
    vec![Step::ReadBody, Step::Send(bytes.as_ref().to_vec())]
}

/// 200 with this body, once the gate is open.
pub fn held(gate: &Gate, body: &str) -> Script {
    vec![Step::ReadBody, Step::Hold(gate.clone()), Step::Send(answer(200, body))]
}

/// Half of the answer at once, the rest when the gate is open.
pub fn held_midway(gate: &Gate, first: &str, rest: &str) -> Script {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{first}", first.len() + rest.len());
    vec![Step::ReadBody, Step::Send(head.into()), Step::Hold(gate.clone()), Step::Send(rest.into())]
}

/// Reads the request and never answers.
pub fn stalls_before_the_head() -> Script {
    vec![Step::ReadBody, Step::Stall]
}

/// Sends half of an answer and no more.
pub fn stalls_mid_body() -> Script {
    vec![Step::ReadBody, Step::Send(half_an_answer()), Step::Stall]
}

/// Breaks the connection once it has read the request.
pub fn resets_before_the_head() -> Script {
    vec![Step::ReadBody, Step::Reset]
}

/// Breaks the connection within its answer, once the gate is open.
pub fn resets_mid_body(gate: &Gate) -> Script {
    vec![Step::ReadBody, Step::Send(half_an_answer()), Step::Hold(gate.clone()), Step::Reset]
}

/// Closes the connection once it has read the request.
pub fn closes_without_an_answer() -> Script {
    vec![Step::ReadBody, Step::Close]
}

/// Promises ten bytes, sends four and ends once the gate is open.
pub fn promises_too_much(gate: &Gate) -> Script {
    vec![Step::ReadBody, Step::Send(half_an_answer()), Step::Hold(gate.clone()), Step::Close]
}

/// Promises two bytes and sends a whole further answer after them.
pub fn sends_more_than_it_promised() -> Script {
    let mut bytes = answer(200, "ok");
    bytes.extend(answer(200, "smuggled"));
    raw(bytes)
}

/// Breaks its chunked body off, in good order but within a chunk, once the gate is open.
pub fn breaks_off_a_chunk(gate: &Gate) -> Script {
    let bytes = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\na\r\nan answer";
    vec![Step::ReadBody, Step::Send(bytes.into()), Step::Hold(gate.clone()), Step::Close]
}

/// 200 with this body, byte by byte.
pub fn trickles(body: &str) -> Script {
    vec![Step::ReadBody, Step::Trickle(answer(200, body))]
}

/// 200 with this body, which ends with the connection.
pub fn to_eof(body: &str) -> Script {
    vec![Step::ReadBody, Step::Send(format!("HTTP/1.1 200 OK\r\n\r\n{body}").into()), Step::Close]
}

/// Answers as if it kept the connection, and closes it.
pub fn closes_silently(body: &str) -> Script {
    vec![Step::ReadBody, Step::Send(answer(200, body)), Step::Close]
}

/// No HTTP at all.
pub fn garbage() -> Script {
    vec![Step::ReadBody, Step::Send("SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n".into()), Step::Close]
}

/// Chunks and a trailer field.
pub fn chunked_with_trailers() -> Script {
    raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-checksum\r\n\r\n\
         5\r\nhello\r\n7;ext=1\r\n, world\r\n0\r\nx-checksum: 42\r\n\r\n")
}

/// Informational answers before the answer.
pub fn hints_first(body: &str) -> Script {
    let mut bytes = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n".to_vec();
    bytes.extend(answer(200, body));
    raw(bytes)
}

/// Agrees to talk another protocol, and echoes.
pub fn switches_protocols() -> Script {
    let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n";
    vec![Step::ReadBody, Step::Send(head.into()), Step::Echo]
}

fn answer(status: u16, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into()
}

fn half_an_answer() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec()
}
