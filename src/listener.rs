//! The sockets that take traffic: bound before anybody serves them, one share of each for every worker.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{io, mem};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::inherited::Inherited;

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
    /// By worker, until it takes them.
    shares: Box<[Mutex<Vec<TcpListener>>]>,
    /// What the shares are copies of, for a successor of this process.
    sockets: Mutex<Vec<TcpListener>>,
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

/// Binds every address that is not open already, with shares for each of so many workers.
///
/// # Errors
/// The first address that cannot be bound; none is then.
pub fn bind(addresses: &[SocketAddr], workers: usize, inherited: &mut Inherited) -> Result<Vec<Arc<Listener>>, ListenError> {
    let listener = |address: &SocketAddr| {
        let open = inherited.take_tcp(*address);
        if open.is_empty() { Listener::bind(*address, workers) } else { Listener::adopt(*address, open, workers) }
    };
    addresses.iter().map(listener).map(|listener| listener.map(Arc::new)).collect()
}

impl Listener {
    /// Binds an address, with a share for each of so many workers.
    ///
    /// # Errors
    /// It cannot be bound.
    pub fn bind(configured: SocketAddr, workers: usize) -> Result<Self, ListenError> {
        let sockets = bind_shares(configured, workers).map_err(|source| ListenError { address: configured, source })?;
        Self::adopt(configured, sockets, workers)
    }

    /// Listens with sockets that are open already: one at least, and all on the same address.
    fn adopt(configured: SocketAddr, sockets: Vec<TcpListener>, workers: usize) -> Result<Self, ListenError> {
        let adopted = share_out(&sockets, workers);
        let (address, shares) = adopted.map_err(|source| ListenError { address: configured, source })?;
        let shares = shares.into_iter().map(Mutex::new).collect();
        Ok(Self { configured, address, shares, sockets: Mutex::new(sockets) })
    }

    /// A worker's shares, the first time it asks.
    pub fn take_shares(&self, worker: usize) -> Vec<TcpListener> {
        mem::take(&mut lock(&self.shares[worker]))
    }

    /// Copies of the sockets for a successor; none after [`Self::let_go`].
    ///
    /// # Errors
    /// The system has no file descriptor left.
    pub fn copies(&self) -> io::Result<Vec<OwnedFd>> {
        lock(&self.sockets).iter().map(|socket| socket.try_clone().map(OwnedFd::from)).collect()
    }

    /// Has no more sockets but those that workers have taken. To be called before they close theirs: whoever connected in
    /// between would wait for nobody.
    pub fn let_go(&self) {
        lock(&self.sockets).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The address of these sockets, and copies of them by worker: each worker gets one at least, and each socket a worker, since
/// what waits in its queue waits nowhere else.
fn share_out(sockets: &[TcpListener], workers: usize) -> io::Result<(SocketAddr, Vec<Vec<TcpListener>>)> {
    let mut shares: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
    for (nth, socket) in sockets.iter().cycle().take(workers.max(sockets.len())).enumerate() {
        settle(&SockRef::from(socket))?;
        shares[nth % workers].push(socket.try_clone()?);
    }
    Ok((sockets[0].local_addr()?, shares))
}

/// One listener per worker on the same address.
fn bind_shares(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    if count == 1 {
        return Ok(vec![listen(address, false)?]);
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
    Ok(listeners)
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
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Sets what a listener is to be like, and what the connections that it accepts inherit.
fn settle(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_notsent_lowat(MAX_UNSENT)?;
    socket.set_nonblocking(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    fn bind_one(address: SocketAddr, workers: usize) -> Result<Arc<Listener>, ListenError> {
        bind(&[address], workers, &mut Inherited::default()).map(|mut listeners| listeners.remove(0))
    }

    #[test]
    fn every_worker_gets_its_share_once() {
        let listener = bind_one(ANY, 2).unwrap();
        assert_eq!((listener.configured, listener.address.port() > 0), (ANY, true));
        assert_eq!([0, 1, 0].map(|worker| listener.take_shares(worker).len()), [1, 1, 0]);
    }

    #[test]
    fn a_taken_address_is_refused_and_a_dropped_one_is_free() {
        for workers in [1, 2] {
            let first = bind_one(ANY, workers).unwrap();
            let error = bind_one(first.address, workers).unwrap_err();
            assert_eq!((error.address, error.source.kind()), (first.address, io::ErrorKind::AddrInUse));
        }
        let address = bind_one(ANY, 2).unwrap().address;
        bind_one(address, 2).unwrap();
    }

    #[test]
    fn sockets_that_are_open_go_to_all_workers_and_none_is_left_out() {
        for (sockets, workers, shares) in [(1, 3, vec![1, 1, 1]), (3, 2, vec![2, 1]), (2, 2, vec![1, 1])] {
            let before = bind_one(ANY, sockets).unwrap();
            let mut inherited = Inherited::default();
            before.copies().unwrap().into_iter().for_each(|socket| inherited.add(socket).unwrap());
            let after = bind(&[before.address], workers, &mut inherited).unwrap().remove(0);
            assert_eq!(after.address, before.address);
            assert_eq!((0..workers).map(|worker| after.take_shares(worker).len()).collect::<Vec<_>>(), shares);
            assert_eq!(after.copies().unwrap().len(), sockets);
        }
    }

    #[test]
    fn a_listener_that_has_let_go_is_open_as_long_as_its_shares() {
        let listener = bind_one(ANY, 1).unwrap();
        let share = listener.take_shares(0);
        listener.let_go();
        assert!(listener.copies().unwrap().is_empty());
        std::net::TcpStream::connect(listener.address).unwrap();
        drop(share);
        std::net::TcpStream::connect(listener.address).unwrap_err();
    }
}
