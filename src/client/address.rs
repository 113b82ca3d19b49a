//! Where an admin API is.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// `host:port` or `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A host, by name or address, and a port.
    Tcp(String),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Default for Address {
    /// Where the sample config puts it.
    fn default() -> Self {
        Self::Tcp("127.0.0.1:9900".to_owned())
    }
}

impl Address {
    /// Where to call what listens on this address: who listens everywhere is called here.
    pub fn of_listener(listen: &str) -> Result<Self, String> {
        match listen.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_unspecified() => {
                let host = if address.is_ipv4() { "127.0.0.1" } else { "[::1]" };
                format!("{host}:{}", address.port()).parse()
            }
            _ => listen.parse(),
        }
    }

    /// What a request to it names as its host.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Tcp(authority) => authority,
            Self::Unix(_) => "localhost",
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(authority) => f.write_str(authority),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("{what}; write host:port or unix:PATH"));
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { wrong("the path is missing") } else { Ok(Self::Unix(path.into())) };
        }
        if text.contains("://") {
            return wrong("this is a URL");
        }
        let Some((host, port)) = text.rsplit_once(':') else { return wrong("the port is missing") };
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_host = literal.map_or_else(|| host.chars().all(plain), |ip| ip.parse::<std::net::Ipv6Addr>().is_ok());
        if !is_host {
            return wrong("this is no host (an IPv6 address needs brackets)");
        }
        match port.parse() {
            Ok(1..=u16::MAX) if host.is_empty() => Ok(Self::Tcp(format!("127.0.0.1:{port}"))),
            Ok(1..=u16::MAX) => Ok(Self::Tcp(text.to_owned())),
            _ => wrong("this is no port from 1 to 65535"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_with_a_port_or_a_path() {
        for (text, want) in [
            ("127.0.0.1:9900", "127.0.0.1:9900"),
            ("[::1]:9900", "[::1]:9900"),
            ("lb-1.example.com:9900", "lb-1.example.com:9900"),
            (":9900", "127.0.0.1:9900"),
            ("unix:/run/ek.sock", "unix:/run/ek.sock"),
        ] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(want.to_owned()), "{text}");
        }
        for (text, why) in [
            ("", "the port is missing"),
            ("localhost", "the port is missing"),
            ("localhost:0", "no port"),
            ("localhost:65536", "no port"),
            ("localhost:http", "no port"),
            ("::1:9900", "brackets"),
            ("[::1:9900", "no host"),
            ("http://localhost:9900", "a URL; write host:port"),
            ("a b:1", "no host"),
            ("unix:", "the path is missing"),
        ] {
            let said = text.parse::<Address>().expect_err(text);
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn who_listens_everywhere_is_called_here() {
        for (listen, call) in [
            ("0.0.0.0:9900", "127.0.0.1:9900"),
            ("[::]:9900", "[::1]:9900"),
            ("10.0.0.7:9900", "10.0.0.7:9900"),
            ("unix:/run/ek.sock", "unix:/run/ek.sock"),
        ] {
            assert_eq!(Address::of_listener(listen).map(|address| address.to_string()), Ok(call.to_owned()));
        }
    }
}
