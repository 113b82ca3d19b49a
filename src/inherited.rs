//! Listening sockets that were open before this process: a service manager's, or a predecessor's.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;

use listenfd::ListenFd;
use socket2::Socket;

use crate::config::AdminListen;

/// The sockets that nobody has taken yet.
#[derive(Debug, Default)]
pub struct Inherited(Vec<Socket>);

impl Inherited {
    /// Those that the service manager passes by the protocol of `sd_listen_fds(3)`. To be called before there are threads,
    /// since it takes the variables out of the environment.
    ///
    /// # Errors
    /// One of them is not a socket that listens for connections.
    pub fn from_env() -> io::Result<Self> {
        let mut passed = ListenFd::from_env();
        let mut inherited = Self::default();
        for index in 0..passed.len() {
            let unix = passed.take_unix_listener(index).ok().flatten().map(OwnedFd::from);
            let tcp = || passed.take_tcp_listener(index).map(|listener| listener.map(OwnedFd::from));
            if let Some(socket) = unix.map_or_else(tcp, |unix| Ok(Some(unix)))? {
                inherited.add(socket)?;
            }
        }
        Ok(inherited)
    }

    /// Adds one.
    ///
    /// # Errors
    /// It does not listen.
    pub fn add(&mut self, socket: OwnedFd) -> io::Result<()> {
        let socket = Socket::from(socket);
        if !socket.is_listener()? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} does not listen", name(&socket))));
        }
        self.0.push(socket);
        Ok(())
    }

    /// All that listen on this address; one on every address of both families will do for every address of IPv4. Where the
    /// system may choose the port, it has chosen that of the first.
    pub fn take_tcp(&mut self, wanted: SocketAddr) -> Vec<TcpListener> {
        let addresses = || self.0.iter().filter_map(address);
        let exact = |own: &SocketAddr| own.ip() == wanted.ip() && (wanted.port() == 0 || own.port() == wanted.port());
        let both = || {
            let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, wanted.port()));
            let covers = |socket: &&Socket| address(socket) == Some(both) && socket.only_v6().is_ok_and(|only| !only);
            (wanted.ip() == Ipv4Addr::UNSPECIFIED && self.0.iter().any(|socket| covers(&socket))).then_some(both)
        };
        let Some(found) = addresses().find(exact).or_else(both) else { return Vec::new() };
        self.0.extract_if(.., |socket| address(socket) == Some(found)).map(TcpListener::from).collect()
    }

    /// The one that listens at this path.
    pub fn take_unix(&mut self, path: &Path) -> Option<UnixListener> {
        let here = |socket: &Socket| socket.local_addr().is_ok_and(|address| address.as_pathname() == Some(path));
        let index = self.0.iter().position(here)?;
        Some(self.0.remove(index).into())
    }

    /// Those that the admin API wants.
    #[must_use]
    pub fn take_admin(&mut self, listen: Option<&AdminListen>) -> Self {
        match listen {
            Some(AdminListen::Tcp(address)) => Self(self.take_tcp(*address).into_iter().map(Socket::from).collect()),
            Some(AdminListen::Unix(path)) => Self(self.take_unix(path).map(Socket::from).into_iter().collect()),
            None => Self::default(),
        }
    }

    /// The names of those that are left.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(name).collect()
    }
}

fn address(socket: &Socket) -> Option<SocketAddr> {
    socket.local_addr().ok()?.as_socket()
}

/// Its address, for people.
fn name(socket: &Socket) -> String {
    let Ok(name) = socket.local_addr() else { return "a socket without a name".to_owned() };
    match (name.as_socket(), name.as_pathname()) {
        (Some(address), _) => address.to_string(),
        (None, Some(path)) => format!("unix:{}", path.display()),
        (None, None) => "a socket of a kind that is unknown here".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Type};

    use super::*;

    fn listener(address: &str) -> (OwnedFd, SocketAddr) {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        (listener.into(), address)
    }

    #[test]
    fn a_socket_is_taken_by_its_address_once() {
        let mut inherited = Inherited::default();
        let [(first, one), (second, other)] = ["127.0.0.1:0", "127.0.0.1:0"].map(listener);
        let again = first.try_clone().unwrap();
        for socket in [first, second, again] {
            inherited.add(socket).unwrap();
        }
        assert!(inherited.take_tcp(([127, 0, 0, 2], one.port()).into()).is_empty());
        assert_eq!(inherited.take_tcp(one).len(), 2, "both shares of it");
        assert!(inherited.take_tcp(one).is_empty());
        assert_eq!(inherited.names(), [other.to_string()]);
    }

    #[test]
    fn a_port_of_the_systems_choice_is_the_one_it_chose() {
        let mut inherited = Inherited::default();
        let [(first, one), (second, other)] = ["127.0.0.1:0", "127.0.0.1:0"].map(listener);
        inherited.add(first).unwrap();
        inherited.add(second).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let taken = [0, 1, 2].map(|_| inherited.take_tcp(any).first().map(|listener| listener.local_addr().unwrap()));
        assert_eq!(taken, [Some(one), Some(other), None]);
    }

    #[test]
    fn one_socket_for_both_families_will_do_for_the_old_one() {
        let mut inherited = Inherited::default();
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        socket.set_only_v6(false).unwrap();
        socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into()).unwrap();
        socket.listen(1).unwrap();
        let port = address(&socket).unwrap().port();
        inherited.add(socket.into()).unwrap();
        assert!(inherited.take_tcp(([127, 0, 0, 1], port).into()).is_empty());
        assert_eq!(inherited.take_tcp(([0, 0, 0, 0], port).into()).len(), 1);
    }

    #[test]
    fn unix_sockets_go_by_their_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        let mut inherited = Inherited::default();
        inherited.add(UnixListener::bind(&path).unwrap().into()).unwrap();
        assert_eq!(inherited.names(), [format!("unix:{}", path.display())]);
        assert!(inherited.take_unix(dir.path()).is_none());
        assert!(inherited.take_unix(&path).is_some());
        assert!(inherited.take_unix(&path).is_none());
    }

    #[test]
    fn what_does_not_listen_is_refused() {
        let (listener, address) = listener("127.0.0.1:0");
        let stream = std::net::TcpStream::connect(address).unwrap();
        let error = Inherited::default().add(stream.into()).unwrap_err();
        assert!(error.to_string().ends_with("does not listen"), "{error}");
        drop(listener);
    }
}
