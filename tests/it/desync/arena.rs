//! evenkeel between a client that sends anything and a backend that reads with the [`oracle`].

use std::io::{self, Cursor, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::{mem, thread};

use crate::fuzz_targets::oracle::{self, Next, Request};
use crate::support::DEADLINE;
use crate::support::http::{Framing, Wire, uninterrupted};
use crate::support::keel::Keel;

/// Where the requests lead that are hidden in a body.
pub const HIDDEN: &str = "/smuggled";

/// What the backend got: requests, and what is none.
type Ledger = Mutex<Vec<Result<Request, String>>>;

/// One request to try.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The request line, with its end.
    pub start: Vec<u8>,
    /// The lines after it, each with its end. `Host` is added in front unless they begin with one.
    pub fields: Vec<u8>,
    /// What follows the head.
    pub body: Vec<u8>,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The statuses that the client got, interim ones left out.
    pub statuses: Vec<u16>,
    /// The targets that the backend got, of the attempt and of the request sent behind it.
    pub forwarded: Vec<String>,
}

/// See the module.
pub struct Arena {
    keel: Keel,
    ledger: Arc<Ledger>,
    attempts: AtomicUsize,
}

impl Arena {
    /// Starts both.
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let backend = listener.local_addr().unwrap();
        let ledger = Arc::new(Ledger::default());
        thread::spawn({
            let ledger = Arc::clone(&ledger);
            move || {
                while let Ok((stream, _)) = listener.accept() {
                    let ledger = Arc::clone(&ledger);
                    thread::spawn(move || record(stream, &ledger));
                }
            }
        });
        // Short, for the attempts that leave evenkeel waiting for the rest of a body.
        let keel = Keel::serve(format!(
            "timeouts: {{client_header: 2s, client_idle: 2s, request_body_idle: 2s}}\n\
             pools: [{{name: web, health_check: null, outlier_detection: null, backends: [\"http://{backend}\"]}}]"
        ));
        Self { keel, ledger, attempts: AtomicUsize::new(0) }
    }

    /// Sends an attempt, and right behind it on the same connection a plain request; judges what came of them.
    ///
    /// # Errors
    /// What must never happen.
    pub fn judge(&self, attempt: &Attempt) -> Result<Outcome, String> {
        let number = self.attempts.fetch_add(1, Relaxed).to_string();
        let sent = attempt.wire(&number);
        let judged = (|| {
            let answers = converse(self.keel.address, &sent).map_err(|error| error.to_string())?;
            let statuses = statuses(&answers, sent.starts_with(b"HEAD "))
                .map_err(|error| format!("{error}; the client got {}", answers.escape_ascii()))?;
            let forwarded = mem::take(&mut *self.ledger.lock().unwrap());
            let targets = forwarded.into_iter().map(|request| target(&request?, &number));
            Outcome { statuses, forwarded: targets.collect::<Result<_, _>>()? }.checked()
        })();
        judged.map_err(|problem| format!("{problem}\nby {}", sent.escape_ascii()))
    }
}

impl Attempt {
    /// The bytes of attempt `number`, and of the request behind it.
    fn wire(&self, number: &str) -> Vec<u8> {
        let Self { start, fields, body } = self;
        let host: &[u8] = if fields.to_ascii_lowercase().starts_with(b"host:") { b"" } else { b"Host: test\r\n" };
        let mark = format!("X-Attempt: {number}\r\n").into_bytes();
        let behind = [b"GET /behind HTTP/1.1\r\nHost: test\r\nConnection: close\r\n".as_slice(), &mark, b"\r\n"].concat();
        [start, host, &mark, fields, b"\r\n", body, &behind].concat()
    }
}

impl Outcome {
    /// Whether it was refused, nothing of it forwarded, and the connection closed.
    pub fn is_refused(&self) -> bool {
        self.forwarded.is_empty() && self.statuses == [400]
    }

    /// Whether it and the request behind it went through.
    pub fn is_served(&self) -> bool {
        self.forwarded.len() == 2 && self.statuses == [200, 200]
    }

    /// At most one request of each that was sent, in order, and no answer without one.
    fn checked(self) -> Result<Self, String> {
        let Self { statuses, forwarded } = &self;
        let behind: Vec<_> = forwarded.iter().map(|target| target == "/behind").collect();
        let sound = matches!(behind[..], [] | [false] | [false, true]);
        let served = statuses.iter().filter(|status| **status == 200).count();
        if sound && statuses.len() <= 2 && served <= forwarded.len() { Ok(self) } else { Err(format!("not sound: {self:?}")) }
    }
}

/// The target of a request of this attempt.
fn target(request: &Request, number: &str) -> Result<String, String> {
    let target = String::from_utf8_lossy(&request.target).into_owned();
    let ours = request.all("x-attempt").eq([number.as_bytes()]) && !target.starts_with(&HIDDEN[..5]);
    if ours { Ok(target) } else { Err(format!("nobody has sent {} {target}", request.method)) }
}

/// Sends, and reads until the other side closes.
fn converse(to: SocketAddr, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    // A server may refuse and close before it has read everything.
    let _ = stream.write_all(bytes);
    let mut answers = Vec::new();
    match stream.read_to_end(&mut answers) {
        Err(error) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
        _ => Ok(answers),
    }
}

/// The statuses of the final answers, of which the first may be to HEAD.
fn statuses(answers: &[u8], mut to_head: bool) -> io::Result<Vec<u16>> {
    let mut wire = Wire::new(Cursor::new(answers.to_vec()));
    let mut statuses = Vec::new();
    while let Some(head) = wire.head()? {
        let status = head.start_line().get(9..12).and_then(|code| code.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        if status != 100 {
            let framing = if mem::take(&mut to_head) { Framing::Length(0) } else { head.framing(Framing::Length(0))? };
            wire.body(framing, &mut |_| {})?;
            statuses.push(status);
        }
    }
    Ok(statuses)
}

/// Keeps account of every byte that arrives, and answers every request that the oracle sees.
fn record(mut stream: TcpStream, ledger: &Ledger) {
    let mut piece = vec![0; 16 * 1024];
    let mut bytes = Vec::new();
    while let Ok(n @ 1..) = uninterrupted(|| stream.read(&mut piece)) {
        bytes.extend_from_slice(&piece[..n]);
        loop {
            match oracle::next(&bytes) {
                Ok(Next::Whole(request, len)) => {
                    bytes.drain(..len);
                    ledger.lock().unwrap().push(Ok(request));
                    if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
                        return;
                    }
                }
                Ok(Next::PartOfHead | Next::PartOfBody) => break,
                Err(problem) => {
                    ledger.lock().unwrap().push(Err(format!("{problem} in {}", bytes.escape_ascii())));
                    return;
                }
            }
        }
    }
    // Within a body it may end: then the client has broken off.
    if !bytes.is_empty() && oracle::next(&bytes) == Ok(Next::PartOfHead) {
        ledger.lock().unwrap().push(Err(format!("half a head: {}", bytes.escape_ascii())));
    }
}
