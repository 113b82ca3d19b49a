//! The sockets that take traffic: bound before anybody serves them, one share of each for every worker.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// Bytes that may wait in the kernel for a client to take them. Unlimited, the kernel would take megabytes, and then nothing
/// for as long as a slow client needs for a third of them: from here it would look as if it had stopped reading.
const MAX_UNSENT: u32 = 128 * 1024;

/// An address that is listened on. Shares that nobody has taken are closed when it is dropped.
#[derive(Debug)]
pub struct Listener {
    /// The address of the config.
    pub configured: SocketAddr,
    /// The same, with the port that the system chose if it had the choice.
    pub address: SocketAddr,
    /// By worker, until it takes it.
    shares: Box<[Mutex<Option<TcpListener>>]>,
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

/// Binds every address, with a share for each of so many workers.
///
/// # Errors
/// The first address that cannot be bound; none is then.
pub fn bind(addresses: &[SocketAddr], workers: usize) -> Result<Vec<Arc<Listener>>, ListenError> {
    addresses.iter().map(|address| Listener::bind(*address, workers).map(Arc::new)).collect()
}

impl Listener {
    /// Binds an address, with a share for each of so many workers.
    ///
    /// # Errors
    /// It cannot be bound.
    pub fn bind(configured: SocketAddr, workers: usize) -> Result<Self, ListenError> {
        let bound = bind_shares(configured, workers).map_err(|source| ListenError { address: configured, source })?;
        let (address, shares) = bound;
        Ok(Self { configured, address, shares: shares.into_iter().map(|share| Mutex::new(Some(share))).collect() })
    }

    /// A worker's share, the first time it asks.
    pub fn take_share(&self, worker: usize) -> Option<TcpListener> {
        self.shares[worker].lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// One listener per worker on the same address, and that address.
fn bind_shares(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    if count == 1 {
        let listener = listen(address, false)?;
        return Ok((listener.local_addr()?, vec![listener]));
    }
    // With SO_REUSEPORT a second process of the same user would silently get a part of the traffic: make sure first that
    // the address is free.
    drop(socket(address, false)?);
    let first = listen(address, true)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..count {
        listeners.push(listen(address, true)?);
    }
    Ok((address, listeners))
}

fn listen(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = socket(address, shared)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if shared {
        socket.set_reuse_port(true)?;
    }
    // Accepted connections inherit these.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_notsent_lowat(MAX_UNSENT)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_worker_gets_its_share_once() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let [listener] = &bind(&[any], 2).unwrap()[..] else { panic!("one") };
        assert_eq!((listener.configured, listener.address.port() > 0), (any, true));
        let taken = [0, 1, 0].map(|worker| listener.take_share(worker).is_some());
        assert_eq!(taken, [true, true, false]);
    }

    #[test]
    fn a_taken_address_is_refused_and_a_dropped_one_is_free() {
        for workers in [1, 2] {
            let [first] = &bind(&[([127, 0, 0, 1], 0).into()], workers).unwrap()[..] else { panic!("one") };
            let error = bind(&[first.address], workers).unwrap_err();
            assert_eq!((error.address, error.source.kind()), (first.address, io::ErrorKind::AddrInUse));
        }
        let address = Listener::bind(([127, 0, 0, 1], 0).into(), 2).unwrap().address;
        bind(&[address], 2).unwrap();
    }
}
