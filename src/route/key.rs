//! What a request is keyed by, for the strategies that keep a key with a backend.

use std::net::IpAddr;

use http::header::{COOKIE, HeaderMap, HeaderValue};

use crate::balance::strategy::StrategyKind;
use crate::balance::strategy::consistent_hash::hash_key;
use crate::config::HashKey;

/// The hash of a request's key; of no meaning to strategies that do not go by one. A client's address is asked for only where
/// it is the key.
pub fn key(strategy: StrategyKind, by: &HashKey, client_ip: impl FnOnce() -> IpAddr, path: &str, headers: &HeaderMap) -> u64 {
    match (strategy, by) {
        (StrategyKind::IpHash, _) | (StrategyKind::ConsistentHash, HashKey::ClientIp) => {
            hash_key(client_ip().to_string().as_bytes())
        }
        (StrategyKind::ConsistentHash, HashKey::Path) => hash_key(path.as_bytes()),
        (StrategyKind::ConsistentHash, HashKey::Header(name)) => {
            hash_key(headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default())
        }
        (StrategyKind::ConsistentHash, HashKey::Cookie(name)) => hash_key(cookie(headers, name).unwrap_or_default()),
        _ => 0,
    }
}

/// The first value of cookie `name`.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|b| *b == b';'));
    pairs.find_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn cookies() {
        let headers = headers(&[("cookie", "a=1; ab=\u{e9};b=3"), ("cookie", "c=4")]);
        let values: Vec<_> = ["a", "ab", "b", "c", "d"].iter().map(|n| cookie(&headers, n)).collect();
        assert_eq!(values, [Some(&b"1"[..]), Some("\u{e9}".as_bytes()), Some(b"3"), Some(b"4"), None]);
    }

    #[test]
    fn each_strategy_has_its_key() {
        let headers = headers(&[("x-user", "u"), ("cookie", "s=v")]);
        let of = |strategy, by: &HashKey| key(strategy, by, || "10.0.0.1".parse().unwrap(), "/p", &headers);
        let ring = |by| of(StrategyKind::ConsistentHash, &by);
        assert_eq!(of(StrategyKind::IpHash, &HashKey::Path), hash_key(b"10.0.0.1"));
        assert_eq!(ring(HashKey::ClientIp), hash_key(b"10.0.0.1"));
        assert_eq!(ring(HashKey::Path), hash_key(b"/p"));
        assert_eq!(ring(HashKey::Header("x-user".into())), hash_key(b"u"));
        assert_eq!(ring(HashKey::Cookie("s".into())), hash_key(b"v"));
        assert_eq!(ring(HashKey::Cookie("t".into())), hash_key(b""));
        assert_eq!(of(StrategyKind::RoundRobin, &HashKey::Path), 0);
    }
}
