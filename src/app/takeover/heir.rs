//! The new process's side: asks for the sockets, and tells when it serves.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{READY, is_same_user, name, wire};
use crate::app::failure::Failure;
use crate::inherited::Inherited;

/// How long a living predecessor may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The process that this one takes over from.
#[derive(Debug)]
pub(in crate::app) struct Predecessor(UnixStream);

/// Asks for the sockets of the process that serves one of these addresses. `None`: nobody does.
pub(in crate::app) async fn ask(listen: &[SocketAddr], inherited: &mut Inherited) -> Result<Option<Predecessor>, Failure> {
    for address in listen {
        let asked = ask_at(*address, inherited).await;
        let predecessor = asked.map_err(|error| Failure::io(format_args!("cannot take over {address}"), &error))?;
        if predecessor.is_some() {
            return Ok(predecessor);
        }
    }
    Ok(None)
}

async fn ask_at(address: SocketAddr, inherited: &mut Inherited) -> io::Result<Option<Predecessor>> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    match socket.connect(&name(address)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(None),
        connected => connected?,
    }
    socket.set_nonblocking(true)?;
    let stream = UnixStream::from_std(socket.into())?;
    if !is_same_user(&stream) {
        return Err(io::Error::other("the process that serves there is another user's"));
    }
    let sockets = timeout(PATIENCE, wire::receive(&stream)).await;
    let sockets = sockets.map_err(|_| io::Error::other("the process that serves there does not answer"))?;
    sockets?.into_iter().try_for_each(|socket| inherited.add(socket))?;
    Ok(Some(Predecessor(stream)))
}

impl Predecessor {
    /// Lets it go: this process serves. Returns when its doors are free.
    pub(in crate::app) async fn relieve(mut self) {
        if self.0.write_u8(READY).await.is_ok() {
            let _ = timeout(PATIENCE, self.0.read_u8()).await;
        }
    }
}
