//! The top of the file: listeners, threads, the admin API, limits and time-outs towards clients. Pools are in
//! [`super::pool`].

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::address::{admin, file, log_target, network, socket};
use super::node::Node;
use super::pool::{self, Routes};
use super::reader::{Section, Value};
use super::token::{Token, token};
use super::value::{auto_or, choice, duration, size, time, whole};
use super::{
    AccessLog, AdminListen, ClientTimeouts, Config, Limits, LogFormat, OnHangup, PoolConfig, WhenFull, apps, auto_workers,
};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// A whole file.
pub(super) fn config(root: &Value<'_>) -> Option<Config> {
    if *root.node() == Node::Null {
        root.problem("the file is empty; write at least pools:");
        return None;
    }
    let mut taken = Taken::default();
    root.section(|top| {
        let listen = listen(top, &mut taken);
        let workers = top.value("workers", auto_or(auto_workers(), whole(1..=256)), auto_workers());
        let (admin, admin_token) = admin_api(top, &mut taken);
        Config {
            listen,
            workers,
            admin,
            admin_token,
            access_log: access_log(top),
            state_file: state_file(top),
            on_hangup: top.value("on_hangup", choice(&[("drain", OnHangup::Drain), ("serve", OnHangup::Serve)]), OnHangup::Drain),
            shutdown_grace: top.section("shutdown", |shutdown| shutdown.value("grace", duration, Duration::from_secs(30))),
            limits: top.section("limits", limits),
            timeouts: top.section("timeouts", client_timeouts),
            trusted_proxies: top
                .get("trusted_proxies")
                .map_or_else(Vec::new, |value| value.any_number().iter().filter_map(|item| item.read(network)).collect()),
            pools: pools(top),
        }
    })
}

/// The addresses listened on so far, and the path of each.
#[derive(Debug, Default)]
struct Taken(Vec<(SocketAddr, String)>);

impl Taken {
    /// Takes an address that `at` asks for, unless another has it already.
    fn take(&mut self, address: SocketAddr, at: &Value<'_>) {
        if let Some((other, first)) = self.0.iter().find(|(other, _)| overlap(*other, address)) {
            at.problem(format!("{address} is taken by {first} ({other}); choose another address or port"));
        } else {
            self.0.push((address, at.path().to_owned()));
        }
    }
}

/// Whether a connection could be meant for either. IPv4 and IPv6 listeners never share one, and port 0 is never the same.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let same_host = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && a.is_ipv4() == b.is_ipv4() && same_host
}

fn listen(top: &Section<'_>, taken: &mut Taken) -> Vec<SocketAddr> {
    let Some(value) = top.get("listen") else {
        let host = if top.has("apps") { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        let address = (host, 8080).into();
        taken.0.push((address, "listen".to_owned()));
        return vec![address];
    };
    let mut address = |item: &Value<'_>| {
        let address = item.read(socket)?;
        taken.take(address, item);
        Some(address)
    };
    value.one_or_more().iter().filter_map(&mut address).collect()
}

fn pools(top: &Section<'_>) -> Vec<PoolConfig> {
    const EXAMPLE: &str = "a list such as [{name: web, backends: [\"http://127.0.0.1:9001\"]}]";
    let mut routes = Routes::default();
    match (top.get("pools"), top.get("apps")) {
        (Some(pools), None) => pools.sections(|section| pool::pool(section, &mut routes)),
        (None, Some(apps)) => {
            if !top.has("listen") {
                apps.warning(
                    "without listen this listens on 0.0.0.0:8080, which other machines can reach; write listen: 127.0.0.1:8080 next to apps for this machine only",
                );
            }
            apps.sections(|section| apps::app(section, &mut routes))
        }
        (Some(_), Some(apps)) => {
            apps.problem("another spelling of pools; write one of the two");
            Vec::new()
        }
        (None, None) => {
            top.missing("pools", EXAMPLE);
            Vec::new()
        }
    }
}

/// Where the admin API listens, and the token it asks for.
fn admin_api(top: &Section<'_>, used: &mut Taken) -> (Option<AdminListen>, Option<Token>) {
    let written = top.get("admin").filter(|value| *value.node() != Node::Null);
    let read = |section: &Section<'_>| {
        let listen = section.required("listen", "127.0.0.1:9900 or unix:PATH");
        let token_file = section.get("token_file").filter(|value| *value.node() != Node::Null);
        let token = token_file.as_ref().and_then(|value| value.read(token));
        let Some((value, listen)) = listen.and_then(|value| Some((value.clone(), value.read(admin)?))) else {
            return (None, token);
        };
        if let AdminListen::Tcp(address) = listen {
            used.take(address, &value);
            if token_file.is_none() && !address.ip().is_loopback() {
                value.problem(format!(
                    "{address} can be reached from other machines; write token_file next to it, or a loopback address such as 127.0.0.1:9900, or unix:PATH"
                ));
            }
        }
        (Some(listen), token)
    };
    written.and_then(|value| value.section(read)).unwrap_or_default()
}

/// A path alone, or a group of keys with one.
fn access_log(top: &Section<'_>) -> Option<AccessLog> {
    let (format, when_full) = (LogFormat::default(), WhenFull::default());
    let written = top.get("access_log").filter(|value| *value.node() != Node::Null)?;
    if let Node::Text(_) = written.node() {
        return written.read(log_target).map(|target| AccessLog { target, format, when_full });
    }
    written.section(|section| {
        let path = section.required("path", "a file such as access.log, or stdout");
        let formats = choice(&[("combined", LogFormat::Combined), ("json", LogFormat::Json)]);
        let policies = choice(&[("drop", WhenFull::Drop), ("block", WhenFull::Block)]);
        let (format, when_full) = (section.value("format", formats, format), section.value("when_full", policies, when_full));
        Some(AccessLog { target: path?.read(log_target)?, format, when_full })
    })?
}

fn state_file(top: &Section<'_>) -> Option<PathBuf> {
    top.get("state_file").filter(|value| *value.node() != Node::Null)?.read(file)
}

fn limits(section: &Section<'_>) -> Limits {
    let default = Limits::default();
    let connections = auto_or(default.max_connections, whole(1..=1_000_000));
    let limits = Limits {
        max_connections: section.value("max_connections", connections, default.max_connections),
        header_bytes: section.value("header_bytes", size(8 * KIB..=MIB), default.header_bytes),
        headers: section.value("headers", whole(1..=1000), default.headers),
        uri_bytes: section.value("uri_bytes", size(256..=32 * KIB), default.uri_bytes),
    };
    if section.is_sound() && limits.uri_bytes > limits.header_bytes {
        section.whole().problem("uri_bytes is more than header_bytes; the request target is part of the head");
    }
    limits
}

fn client_timeouts(section: &Section<'_>) -> ClientTimeouts {
    let default = ClientTimeouts::default();
    ClientTimeouts {
        client_header: section.value("client_header", time, default.client_header),
        client_idle: section.value("client_idle", time, default.client_idle),
        request_body_idle: section.value("request_body_idle", time, default.request_body_idle),
    }
}
