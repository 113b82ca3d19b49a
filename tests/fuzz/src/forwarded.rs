//! `X-Forwarded-For` of a trusted proxy: the client is what a plain walk from the right finds. The input is lines of the
//! field; the trusted networks are fixed.

use std::net::IpAddr;

use evenkeel::internals;
use http::header::{HeaderMap, HeaderValue};
use ipnet::IpNet;

const TRUSTED: [&str; 3] = ["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"];

/// See the module.
pub fn check(data: &[u8]) {
    let trusted = TRUSTED.map(|network| network.parse().expect("a network"));
    let lines: Vec<_> = data.split(|b| *b == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let mut headers = HeaderMap::new();
    for line in &lines {
        headers.append("x-forwarded-for", line.clone());
    }
    for peer in ["10.0.0.1", "::ffff:10.0.0.1", "fd00::1", "9.9.9.9", "::1"].map(|peer| peer.parse().expect("an address")) {
        assert_eq!(internals::client_ip(peer, &headers, &trusted), walk(peer, &lines, &trusted), "{lines:?}");
    }
}

fn walk(peer: IpAddr, lines: &[HeaderValue], trusted: &[IpNet]) -> IpAddr {
    let whole = lines.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b',');
    let mut hops: Vec<&[u8]> = if lines.is_empty() { Vec::new() } else { whole.split(|b| *b == b',').collect() };
    let mut client = peer.to_canonical();
    while trusted.iter().any(|network| network.contains(&client)) {
        let hop = hops.pop().and_then(|hop| String::from_utf8(hop.to_vec()).ok());
        let Some(hop) = hop.and_then(|hop| hop.trim_matches([' ', '\t']).parse::<IpAddr>().ok()) else { break };
        client = hop.to_canonical();
    }
    client
}
