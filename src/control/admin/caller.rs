//! Who calls: the other end of the connection, and the name under which an action goes.

use std::fmt;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;

use super::refused::Refused;
use crate::command::Origin;

/// Names the author of an action.
const ORIGIN: &str = "x-evenkeel-origin";

/// The other end of a connection, and this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// Over TCP.
    Tcp {
        /// Their address.
        from: IpAddr,
        /// Ours.
        here: IpAddr,
    },
    /// Over a Unix socket.
    Unix,
}

impl Peer {
    pub(super) fn tcp(from: IpAddr, here: IpAddr) -> Self {
        Self::Tcp { from: from.to_canonical(), here: here.to_canonical() }
    }

    /// Whether `host[:port]` means this end of the connection whoever resolves it: a loopback name, or our own address.
    pub(super) fn is_at(self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host();
        let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let ours = |ip: IpAddr| ip.is_loopback() || matches!(self, Self::Tcp { here, .. } if here == ip);
        name.eq_ignore_ascii_case("localhost") || literal.parse().is_ok_and(|ip: IpAddr| ours(ip.to_canonical()))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { from, .. } => write!(f, "{from}"),
            Self::Unix => f.write_str("unix"),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        // The server gives every request its peer.
        parts.extensions.get().copied().ok_or_else(|| Refused::bad_request("the connection has no other end"))
    }
}

/// The author of an action: who the caller says it is, or else where the call comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Author(pub(super) Origin);

impl<S: Sync> FromRequestParts<S> for Author {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Some(named) = parts.headers.get(ORIGIN) else {
            let peer = Peer::from_request_parts(parts, state).await?;
            return Ok(Self(Origin::Api(peer.to_string().into())));
        };
        match named.to_str().map(str::parse) {
            Ok(Ok(origin @ (Origin::Cli(_) | Origin::Attach(_)))) => Ok(Self(origin)),
            _ => Err(Refused::bad_request("X-Evenkeel-Origin names no author; write cli:WHO or attach:WHO")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_and_our_own_address_are_here() {
        let peer = |here: &str| Peer::tcp("10.0.0.9".parse().unwrap(), here.parse().unwrap());
        for host in ["localhost", "LocalHost:9900", "127.0.0.1", "127.8.9.10:1", "[::1]", "[::1]:80", "[::ffff:127.0.0.1]"] {
            assert!([peer("127.0.0.1"), peer("10.0.0.1"), Peer::Unix].iter().all(|peer| peer.is_at(host)), "{host}");
        }
        for host in ["10.0.0.1", "10.0.0.1:9900", "[::ffff:10.0.0.1]:9900"] {
            assert!(peer("10.0.0.1").is_at(host) && peer("::ffff:10.0.0.1").is_at(host), "{host}");
            assert!(![peer("127.0.0.1"), peer("10.0.0.2"), Peer::Unix].iter().any(|peer| peer.is_at(host)), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::2]:80", "a b", "", "localhost.", "0.0.0.0"]
        {
            assert!(!peer("10.0.0.1").is_at(host), "{host}");
        }
    }
}
