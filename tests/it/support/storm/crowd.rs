//! Clients that do everything that clients do, and look closely at what they get.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::account::Account;
use super::asked::{Asked, Kind, Trouble};
use super::chance::Chance;
use super::content::{Content, Of};
use super::vice::chunks;
use crate::support::DEADLINE;
use crate::support::http::{Framing, Head, Wire};

/// Lets so many clients come and go until it is over.
pub fn crowd(address: SocketAddr, account: &Account, clients: u64, seed: u64, over: &AtomicBool) {
    thread::scope(|scope| {
        for number in 0..clients {
            let mut visitor = Visitor { address, account, chance: Chance::new(seed, 1000 + number), over };
            scope.spawn(move || {
                while !over.load(Relaxed) {
                    visitor.visit();
                }
            });
        }
    });
}

struct Visitor<'a> {
    address: SocketAddr,
    account: &'a Account,
    chance: Chance,
    over: &'a AtomicBool,
}

impl Visitor<'_> {
    /// One connection, with one request or several.
    fn visit(&mut self) {
        let stream = match TcpStream::connect(self.address).and_then(|stream| prepare(&stream).map(|()| stream)) {
            Ok(stream) => stream,
            Err(error) => return self.account.wrong(format!("no connection: {error}")),
        };
        let mut wire = Wire::new(stream);
        for _ in 0..=self.chance.below(12) {
            let goes_on = match self.chance.below(100) {
                0..6 => self.leave_early(&mut wire),
                6..14 => self.pipeline(&mut wire),
                _ => self.ask(&mut wire),
            };
            if !goes_on || self.over.load(Relaxed) {
                break;
            }
        }
    }

    /// Asks, and reads the answer. Says whether the connection is good for another request.
    fn ask(&mut self, wire: &mut Wire<TcpStream>) -> bool {
        let (asked, bytes) = self.request();
        // An answer may come, and the connection end, before all is sent.
        let _ = wire.stream().write_all(&bytes);
        self.hear(wire, asked)
    }

    /// Asks several times before it reads.
    fn pipeline(&mut self, wire: &mut Wire<TcpStream>) -> bool {
        let asked: Vec<_> = (0..2 + self.chance.below(3)).map(|_| self.request_of(Kind::Get)).collect();
        let bytes: Vec<u8> = asked.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        let _ = wire.stream().write_all(&bytes);
        asked.into_iter().all(|(asked, _)| self.hear(wire, asked))
    }

    /// Asks, perhaps not to the end, and goes at some point of the answer.
    fn leave_early(&mut self, wire: &mut Wire<TcpStream>) -> bool {
        let (_, bytes) = self.request();
        let part = bytes.len() * self.chance.below(120).min(100) as usize / 100;
        let _ = wire.stream().write_all(&bytes[..part]);
        if part == bytes.len() && self.chance.per_mille(500) {
            let _ = wire.some();
        } else {
            thread::sleep(self.chance.up_to(Duration::from_millis(20)));
        }
        self.account.count("left early");
        false
    }

    fn request(&mut self) -> (Asked, Vec<u8>) {
        let kind = match self.chance.below(100) {
            0..60 => Kind::Get,
            60..68 => Kind::Head,
            68..80 => Kind::Post,
            80..90 => Kind::PostInChunks,
            _ => Kind::Put,
        };
        self.request_of(kind)
    }

    fn request_of(&mut self, kind: Kind) -> (Asked, Vec<u8>) {
        let id = self.account.new_id();
        let mut bytes = format!("{} /{id} HTTP/1.1\r\nhost: test\r\nx-id: {id}\r\n", kind.method()).into_bytes();
        let content = || Content::new(Of::Request, id).bytes();
        match kind {
            Kind::Get | Kind::Head => bytes.extend(b"\r\n"),
            Kind::Post | Kind::Put => {
                let body = content();
                bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
                bytes.extend(body);
            }
            Kind::PostInChunks => {
                bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
                bytes.extend(chunks(&content(), &mut self.chance));
            }
        }
        (Asked { id, kind, since: Instant::now() }, bytes)
    }

    /// Reads an answer and judges it. Says whether the connection is good for another request.
    fn hear(&mut self, wire: &mut Wire<TcpStream>, asked: Asked) -> bool {
        let head = loop {
            match wire.head() {
                Ok(Some(head)) if status(&head) == 100 => {}
                Ok(Some(head)) => break head,
                Ok(None) => return self.broken(asked, false, "closed"),
                Err(error) => return self.broken(asked, false, &error.to_string()),
            }
        };
        let goes_on = head.get("connection") != Some("close");
        match head.get("x-id").map(str::parse::<u64>) {
            Some(Ok(id)) if id == asked.id => self.hear_body(wire, asked, &head) && goes_on,
            Some(id) => {
                self.account.wrong(format!("{} {} got the answer to {id:?}", asked.kind.method(), asked.id));
                false
            }
            None => self.hear_own(wire, asked, &head) && goes_on,
        }
    }

    /// The body of an upstream's answer.
    fn hear_body(&mut self, wire: &mut Wire<TcpStream>, asked: Asked, head: &Head) -> bool {
        let content = Content::new(Of::Answer, asked.id);
        let pause = self.chance.per_mille(30).then(|| self.chance.up_to(Duration::from_millis(3)));
        let (mut at, mut intact) = (0, true);
        let read = body(wire, asked, head, &mut |piece| {
            intact &= content.has(at, piece);
            at += piece.len();
            pause.into_iter().for_each(thread::sleep);
        });
        if !intact || at > content.len() || status(head) != 200 {
            self.account
                .wrong(format!("the answer to {} is not what the upstream sent: {at} bytes after\n{}", asked.id, head.text));
            return false;
        }
        match read {
            Err(error) => return self.broken(asked, true, &error.to_string()),
            Ok(()) if at < content.len() && asked.kind != Kind::Head => drop(self.trouble(asked, &Trouble::Short)),
            Ok(()) => self.account.count("200"),
        }
        true
    }

    /// An answer of evenkeel's own.
    fn hear_own(&mut self, wire: &mut Wire<TcpStream>, asked: Asked, head: &Head) -> bool {
        let mut text = Vec::new();
        let read = body(wire, asked, head, &mut |piece| text.extend_from_slice(piece));
        if let Err(error) = read {
            self.account.wrong(format!("evenkeel's own answer to {} broke off: {error}", asked.id));
            return false;
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        self.trouble(asked, &Trouble::Own { status: status(head), text });
        true
    }

    fn broken(&self, asked: Asked, begun: bool, error: &str) -> bool {
        self.trouble(asked, &Trouble::Broken { begun, error: error.to_owned() })
    }

    /// There is no good answer, and no other request on this connection.
    fn trouble(&self, asked: Asked, trouble: &Trouble) -> bool {
        self.account.trouble(asked, trouble);
        false
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    stream.set_nodelay(true)
}

fn status(head: &Head) -> u16 {
    head.start_line().get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default()
}

fn body(wire: &mut Wire<TcpStream>, asked: Asked, head: &Head, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let framing = if asked.kind == Kind::Head { Framing::Length(0) } else { head.framing(Framing::ToEof)? };
    wire.body(framing, sink).map(drop)
}
