//! A small HTTP/1.1 server with a [`Temper`].

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::dice::Dice;
use super::temper::Temper;

/// Answered at once with 200 as long as the backend is there.
pub const HEALTH_PATH: &str = "/healthz";

/// Most bytes of filler in an answer.
const FILLER: u64 = 8 << 10;

/// One backend.
#[derive(Debug)]
pub struct Backend {
    character: Arc<Character>,
    address: SocketAddr,
    /// Bound, never listening: keeps the port while the backend is away.
    _reservation: Socket,
    /// Listens from the start, so that whoever comes before the backend's thread runs is only late, not refused.
    first: Option<std::net::TcpListener>,
}

#[derive(Debug)]
struct Character {
    name: String,
    temper: &'static Temper,
    dice: Arc<Dice>,
    in_flight: AtomicU32,
}

impl Backend {
    /// A backend that listens on a port of the system's choice, and answers once it serves.
    ///
    /// # Errors
    /// The system grants no port.
    pub fn open(name: String, temper: &'static Temper, dice: Arc<Dice>) -> io::Result<Self> {
        let reservation = bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = reservation.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let character = Arc::new(Character { name, temper, dice, in_flight: AtomicU32::new(0) });
        let first = Some(listen(address)?);
        Ok(Self { character, address, _reservation: reservation, first })
    }

    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves for ever, with the absences of its temper.
    pub async fn serve(mut self) {
        loop {
            let listener = self.first.take().map_or_else(|| listen(self.address), Ok);
            let present = async {
                match listener.and_then(TcpListener::from_std) {
                    Ok(listener) => self.accept(listener).await,
                    Err(_) => sleep(Duration::from_secs(1)).await,
                }
            };
            let Some(absence) = self.character.temper.absence else {
                present.await;
                continue;
            };
            // Going away drops the listener and every connection.
            let _ = timeout(absence.present, present).await;
            sleep(absence.away).await;
        }
    }

    async fn accept(&self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                Ok((stream, _)) = listener.accept() => {
                    connections.spawn(Arc::clone(&self.character).converse(stream));
                }
                Some(_) = connections.join_next() => {}
                // Out of file descriptors, most likely.
                else => sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

impl Character {
    async fn converse(self: Arc<Self>, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let answer = service_fn(|request| self.answer(request));
        // Clients come and go; nobody wants to hear of it.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
    }

    /// An error closes the connection without an answer.
    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        if request.uri().path() == HEALTH_PATH {
            return Ok(Response::new(Full::from("ok\n")));
        }
        self.work().await;
        if self.dice.chance(self.temper.breaks) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let mut response = Response::new(Full::from(self.body(request.uri().path())));
        if self.dice.chance(self.temper.errors) {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        Ok(response)
    }

    /// Takes its time, and the longer the more it has to do at once.
    async fn work(&self) {
        let busy = InFlight::new(&self.in_flight);
        let load = 1.0 + f64::from(busy.others) / f64::from(self.temper.capacity);
        let millis = self.dice.log_normal(self.temper.median_ms, self.temper.spread) * load;
        sleep(Duration::from_secs_f64(millis / 1000.0)).await;
    }

    /// One line for people at `/`, more bytes elsewhere.
    fn body(&self, path: &str) -> String {
        let mut body = format!("{} says hello\n", self.name);
        if path != "/" {
            body.extend(std::iter::repeat_n('.', self.dice.below(FILLER) as usize));
        }
        body
    }
}

/// Counts one request for as long as it lives, also when its connection is dropped.
struct InFlight<'a> {
    counter: &'a AtomicU32,
    others: u32,
}

impl<'a> InFlight<'a> {
    fn new(counter: &'a AtomicU32) -> Self {
        Self { counter, others: counter.fetch_add(1, Relaxed) }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Relaxed);
    }
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = bind(address)?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// A bound socket that shares its port with others bound this way.
fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests;
