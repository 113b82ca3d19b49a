//! Binding the admin API's address.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

use crate::config::AdminListen;
use crate::inherited::Inherited;
use crate::system_error::in_words;

const BACKLOG: i32 = 128;

/// The admin API cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("the admin API cannot listen on {address}: {reason}")]
pub struct BindError {
    address: String,
    reason: String,
}

impl BindError {
    fn new(address: String, error: &io::Error) -> Self {
        Self { address, reason: advice(error) }
    }
}

/// A bound admin address.
#[derive(Debug)]
pub enum Bound {
    /// `host:port`.
    Tcp(TcpListener),
    /// A Unix socket; its file goes with the second field.
    Unix(UnixListener, SocketFile),
}

impl Bound {
    /// Binds, unless the socket is open already. A Unix socket that nobody listens on any more is replaced; any other file is
    /// left alone.
    pub async fn bind(listen: &AdminListen, inherited: &mut Inherited) -> Result<Self, BindError> {
        match listen {
            AdminListen::Tcp(address) => match inherited.take_tcp(*address).pop() {
                Some(open) => adopt_tcp(open),
                None => tcp(*address).await,
            }
            .map_err(|error| BindError::new(address.to_string(), &error)),
            AdminListen::Unix(path) => match inherited.take_unix(path) {
                Some(open) => adopt_unix(open, path),
                None => unix(path),
            }
            .map_err(|error| BindError::new(unix_name(path), &error)),
        }
    }

    /// What a successor of this process gets of it.
    pub fn heirloom(&self) -> Result<Heirloom, BindError> {
        let (socket, file_is_kept) = match self {
            Self::Tcp(listener) => (listener.as_fd(), CancellationToken::new()),
            Self::Unix(listener, file) => (listener.as_fd(), file.is_kept.clone()),
        };
        let socket = socket.try_clone_to_owned().map_err(|error| BindError::new(self.to_string(), &error))?;
        Ok(Heirloom { socket, file_is_kept })
    }
}

impl fmt::Display for Bound {
    /// `host:port` (with the real port) or `unix:PATH`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => write!(f, "{address}"),
                Err(error) => write!(f, "{error}"),
            },
            Self::Unix(_, file) => f.write_str(&unix_name(&file.path)),
        }
    }
}

/// What a successor of this process gets of an admin address.
#[derive(Debug)]
pub struct Heirloom {
    /// A copy of the socket.
    pub socket: OwnedFd,
    file_is_kept: CancellationToken,
}

impl Heirloom {
    /// The successor has it: a Unix socket's file is not ours any more.
    pub fn leave(self) {
        self.file_is_kept.cancel();
    }
}

/// A socket's file, removed at the end unless it is kept for others or somebody else has taken its place.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
    is_kept: CancellationToken,
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)?, is_kept: CancellationToken::new() })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if !self.is_kept.is_cancelled() && identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

fn unix_name(path: &Path) -> String {
    format!("unix:{}", path.display())
}

async fn tcp(address: SocketAddr) -> io::Result<Bound> {
    TcpListener::bind(address).await.map(Bound::Tcp)
}

fn adopt_tcp(open: std::net::TcpListener) -> io::Result<Bound> {
    open.set_nonblocking(true)?;
    TcpListener::from_std(open).map(Bound::Tcp)
}

/// Its file stays at the end: a service manager wants to find it again, and one that is left over is replaced.
fn adopt_unix(open: std::os::unix::net::UnixListener, path: &Path) -> io::Result<Bound> {
    open.set_nonblocking(true)?;
    let file = SocketFile::new(path)?;
    file.is_kept.cancel();
    Ok(Bound::Unix(UnixListener::from_std(open)?, file))
}

fn unix(path: &Path) -> io::Result<Bound> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile::new(path)?;
    // Nobody can connect before the socket listens, so nobody slips in before the mode is set.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(Bound::Unix(UnixListener::from_std(socket.into())?, file))
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(file) if !file.file_type().is_socket() => return Err(io::Error::other("the file exists and is no socket")),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// What is wrong, and the usual way out.
fn advice(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::AddrInUse {
        return "address already in use; stop what listens there, or choose another address".to_owned();
    }
    in_words(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_USE: &str = "address already in use; stop what listens there, or choose another address";

    async fn bind_unix(path: &Path) -> Result<Bound, String> {
        Bound::bind(&AdminListen::Unix(path.into()), &mut Inherited::default()).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let none = &mut Inherited::default();
        let first = Bound::bind(&AdminListen::Tcp("127.0.0.1:0".parse().unwrap()), none).await.unwrap();
        let address = first.to_string();
        let error = Bound::bind(&AdminListen::Tcp(address.parse().unwrap()), none).await.unwrap_err();
        assert_eq!(error.to_string(), format!("the admin API cannot listen on {address}: {IN_USE}"));
    }

    #[tokio::test]
    async fn a_missing_directory_is_told_without_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("none/admin.sock");
        let want = format!("the admin API cannot listen on unix:{}: no such file or directory", path.display());
        assert_eq!(bind_unix(&path).await.unwrap_err(), want);
    }

    #[tokio::test]
    async fn the_socket_is_the_owners_and_goes_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        let bound = bind_unix(&path).await.unwrap();
        assert_eq!(bound.to_string(), format!("unix:{}", path.display()));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        drop(bound);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_a_live_one_and_a_file_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let bound = bind_unix(&path).await.unwrap();
        assert!(bind_unix(&path).await.unwrap_err().ends_with(IN_USE));
        drop(bound);
        fs::write(&path, "precious").unwrap();
        assert!(bind_unix(&path).await.unwrap_err().ends_with("the file exists and is no socket"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_socket_that_is_open_is_adopted_and_its_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        let first = bind_unix(&path).await.unwrap();
        let heirloom = first.heirloom().unwrap();
        let mut inherited = Inherited::default();
        inherited.add(heirloom.socket.try_clone().unwrap()).unwrap();
        let second = Bound::bind(&AdminListen::Unix(path.clone()), &mut inherited).await.unwrap();
        assert_eq!(second.to_string(), first.to_string());
        heirloom.leave();
        drop(first);
        assert!(path.exists(), "left to the second");
        UnixStream::connect(&path).unwrap();
        drop(second);
        assert!(path.exists(), "it has not made it");

        let Bound::Tcp(open) = tcp(([127, 0, 0, 1], 0).into()).await.unwrap() else { panic!("TCP") };
        let address = open.local_addr().unwrap();
        inherited.add(open.into_std().unwrap().into()).unwrap();
        assert_eq!(Bound::bind(&AdminListen::Tcp(address), &mut inherited).await.unwrap().to_string(), address.to_string());
    }

    #[tokio::test]
    async fn a_successors_socket_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        let bound = bind_unix(&path).await.unwrap();
        fs::rename(&path, dir.path().join("moved.sock")).unwrap();
        fs::write(&path, "").unwrap();
        drop(bound);
        assert!(path.exists());
    }
}
