//! A new process takes over from the one that serves: it is handed the listening sockets, and when it serves the old one
//! drains.
//!
//! The sockets themselves pass on, with whatever waits in their queues, so that no connection is refused or reset. A second
//! set beside them (`SO_REUSEPORT`) would lose what waits in the old queues when those close.
//!
//! They meet at a [`door`] that is named after the address that takes traffic, and belongs to the same network name space.
//! Both must run as the same user. What is said, after the new process ([`heir`]) has connected:
//!
//! | who | what |
//! |---|---|
//! | old | the sockets ([`wire`]) |
//! | new | [`READY`], once it serves |
//! | old | closes the connection, once its doors are free |
//!
//! A new process that goes away before it is ready leaves the old one as it was.

mod door;
mod heir;
mod wire;

use std::io;
use std::net::SocketAddr;

use rustix::process::geteuid;
use socket2::SockAddr;
use tokio::net::UnixStream;

pub(super) use self::door::{Doors, Estate};
pub(super) use self::heir::{Predecessor, ask};

/// The new process serves.
const READY: u8 = b'r';

/// The name of the door for an address. The zero makes it one outside the file system.
fn name(address: SocketAddr) -> io::Result<SockAddr> {
    SockAddr::unix(format!("\0evenkeel takeover {address}"))
}

/// Whether the other side runs as the same user.
fn is_same_user(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == geteuid().as_raw())
}
