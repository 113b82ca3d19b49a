//! Scripted backends: each plays a [`Script`] and keeps a ledger of every request it received. Or it improvises, and forgets.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::http::{Framing, Head, Wire};
use super::script::{Script, Step};
use super::{DEADLINE, eventually};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which of the upstream's connections it came over, from 0.
    pub connection: usize,
    /// Its head.
    pub head: Head,
    /// Its body without framing, as far as it has come.
    pub body: Vec<u8>,
    /// Its trailer fields.
    pub trailers: Vec<String>,
    /// Whether the body came to its end.
    pub complete: bool,
    /// Whether the other side left while it waited for the answer.
    pub abandoned: bool,
}

/// A scripted backend on a loopback port of its own, until it is dropped.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    socket: Socket,
    door: Mutex<Door>,
    turned: Condvar,
    role: Mutex<Role>,
    ledger: Mutex<Ledger>,
    received: Mutex<Vec<u8>>,
    connections: Mutex<Vec<Weak<TcpStream>>>,
}

#[derive(Clone)]
enum Role {
    Script(Script),
    Improvised(Arc<dyn Fn(&Head) -> Script + Send + Sync>),
}

/// Requests by the order of their arrival.
#[derive(Default)]
struct Ledger {
    next: usize,
    requests: BTreeMap<usize, Request>,
}

#[derive(Clone, Copy, PartialEq)]
enum Door {
    Open,
    Shut,
    Gone,
}

/// A backend that plays this script.
pub fn upstream(script: Script) -> Upstream {
    let upstream = deaf(script);
    upstream.comes_back();
    upstream
}

/// A backend that refuses connections, and would play this script if it did not.
pub fn deaf(script: Script) -> Upstream {
    let socket = bound();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let shared = Arc::new(Shared {
        socket,
        door: Mutex::new(Door::Shut),
        turned: Condvar::new(),
        role: Mutex::new(Role::Script(script)),
        ledger: Mutex::default(),
        received: Mutex::default(),
        connections: Mutex::default(),
    });
    thread::spawn({
        let shared = Arc::clone(&shared);
        move || shared.accept()
    });
    Upstream { address, shared }
}

impl Upstream {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the config calls it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `host:port`, its name in a config that gives it none.
    pub fn name(&self) -> String {
        self.address.to_string()
    }

    /// From the next request on.
    pub fn plays(&self, script: Script) {
        *self.shared.role.lock().unwrap() = Role::Script(script);
    }

    /// From the next request on, for each request what this says. A request is forgotten when that is done.
    pub fn improvises(&self, script: impl Fn(&Head) -> Script + Send + Sync + 'static) {
        *self.shared.role.lock().unwrap() = Role::Improvised(Arc::new(script));
    }

    /// Dies: its connections end, new ones are refused.
    pub fn dies(&self) {
        *self.shared.door.lock().unwrap() = Door::Shut;
        self.shared.hang_up();
    }

    /// Listens again on the same port.
    pub fn comes_back(&self) {
        self.shared.socket.listen(128).unwrap();
        *self.shared.door.lock().unwrap() = Door::Open;
        self.shared.turned.notify_all();
    }

    /// Everything received so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.ledger.lock().unwrap().requests.values().cloned().collect()
    }

    /// Every byte received since this was asked last, in the order of arrival over all connections.
    pub fn take_received(&self) -> Vec<u8> {
        std::mem::take(&mut self.shared.received.lock().unwrap())
    }

    /// How many requests it has received.
    pub fn hits(&self) -> usize {
        self.shared.ledger.lock().unwrap().next
    }

    /// The only request.
    #[track_caller]
    pub fn request(&self) -> Request {
        let mut all = self.requests();
        assert_eq!(all.len(), 1, "requests at {}: {all:#?}", self.address);
        all.remove(0)
    }

    /// Waits for a request that is as it should be.
    #[track_caller]
    pub fn wait_for(&self, what: &str, is: impl Fn(&Request) -> bool) -> Request {
        eventually(what, || self.requests().into_iter().find(&is))
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        *self.shared.door.lock().unwrap() = Door::Gone;
        self.shared.turned.notify_all();
        self.shared.hang_up();
    }
}

/// Bound, but not listening: such a port refuses connections and yet nobody else can get it. The port is asked for by
/// number, since only then does a socket keep it when it stops listening.
fn bound() -> Socket {
    let tcp = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket
    };
    let scout = tcp();
    scout.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let socket = tcp();
    socket.bind(&scout.local_addr().unwrap()).unwrap();
    socket
}

impl Shared {
    fn accept(self: Arc<Self>) {
        loop {
            let door = self.door.lock().unwrap();
            if *self.turned.wait_while(door, |door| *door == Door::Shut).unwrap() == Door::Gone {
                return;
            }
            if let Ok((socket, _)) = self.socket.accept() {
                let stream = Arc::new(TcpStream::from(socket));
                let mut connections = self.connections.lock().unwrap();
                let number = connections.len();
                connections.push(Arc::downgrade(&stream));
                drop(connections);
                let shared = Arc::clone(&self);
                // What goes wrong on a connection shows in the ledger and at the client.
                thread::spawn(move || drop(shared.converse(&stream, number)));
            }
        }
    }

    /// Stops listening, which also ends a pending accept, and closes every connection.
    fn hang_up(&self) {
        let _ = self.socket.shutdown(Shutdown::Read);
        for connection in self.connections.lock().unwrap().iter().filter_map(Weak::upgrade) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    fn converse(&self, stream: &TcpStream, connection: usize) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let mut wire = Wire::new(Tap { stream, received: &self.received });
        while let Some(head) = wire.head()? {
            let framing = head.framing(Framing::Length(0))?;
            let index = self.record(connection, head.clone());
            let role = self.role.lock().unwrap().clone();
            let script = match &role {
                Role::Script(script) => script.clone(),
                Role::Improvised(improvise) => improvise(&head),
            };
            let goes_on = self.play(script, &mut wire, framing, index);
            if let Role::Improvised(_) = role {
                self.ledger.lock().unwrap().requests.remove(&index);
                self.received.lock().unwrap().clear();
            }
            if !goes_on? {
                break;
            }
        }
        Ok(())
    }

    /// Says whether the connection is good for another request.
    fn play(&self, script: Script, wire: &mut Wire<Tap<'_>>, framing: Framing, index: usize) -> io::Result<bool> {
        for step in script {
            let mut stream = wire.stream().stream;
            match step {
                Step::ReadBody => {
                    let trailers = wire.body(framing, &mut |piece| self.amend(index, |r| r.body.extend_from_slice(piece)))?;
                    self.amend(index, |r| (r.trailers, r.complete) = (trailers, true));
                }
                Step::Send(bytes) => stream.write_all(&bytes)?,
                Step::Trickle(bytes) => {
                    for byte in bytes {
                        stream.write_all(&[byte])?;
                        thread::sleep(Duration::from_millis(1));
                    }
                }
                Step::Pause(pause) => thread::sleep(pause),
                Step::Show(witness) => self.amend(index, |r| witness.see(r)),
                Step::Hold(gate) => gate.pass(),
                Step::Tell(gate) => gate.open(),
                Step::Stall | Step::HalfClose => {
                    if let Step::HalfClose = step {
                        stream.shutdown(Shutdown::Write)?;
                    }
                    let ended = io::copy(&mut stream, &mut io::sink());
                    let left = !ended.is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock);
                    self.amend(index, |r| r.abandoned = left);
                    return Ok(false);
                }
                Step::Echo => return echo(wire, stream).map(|()| false),
                Step::Close => return Ok(false),
                // With no time to linger, the close that follows sends a reset.
                Step::Reset => return SockRef::from(stream).set_linger(Some(Duration::ZERO)).map(|()| false),
            }
        }
        Ok(true)
    }

    fn record(&self, connection: usize, head: Head) -> usize {
        let request = Request { connection, head, body: Vec::new(), trailers: Vec::new(), complete: false, abandoned: false };
        let mut ledger = self.ledger.lock().unwrap();
        let index = ledger.next;
        ledger.next += 1;
        ledger.requests.insert(index, request);
        index
    }

    fn amend(&self, index: usize, change: impl FnOnce(&mut Request)) {
        change(self.ledger.lock().unwrap().requests.get_mut(&index).expect("it is forgotten when it is done"));
    }
}

fn echo(wire: &mut Wire<Tap<'_>>, mut to: &TcpStream) -> io::Result<()> {
    loop {
        let piece = wire.some()?;
        if piece.is_empty() {
            return Ok(());
        }
        to.write_all(&piece)?;
    }
}

/// A connection of which every byte read is noted.
struct Tap<'a> {
    stream: &'a TcpStream,
    received: &'a Mutex<Vec<u8>>,
}

impl Read for Tap<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(into)?;
        self.received.lock().unwrap().extend_from_slice(&into[..n]);
        Ok(n)
    }
}

impl Write for Tap<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
