//! The other spelling: `apps:` instead of `pools:`. Each app is one pool.
//!
//! | app | pool |
//! |---|---|
//! | `host` | `hosts: [host]`, and the name; a port is ignored |
//! | `health_uri` | path of the health check |
//! | `health_check_cooldown` | interval of the health check |
//! | `timeout` | longest wait for the head of an answer, and (up to one cooldown) for a health check |
//! | `strategy` | as for pools, in any case, with hyphens, spaces or nothing between the words |
//! | `instances` | `backends` |
//!
//! Durations may be plain numbers: seconds. Everything else has its default, except that without `listen` the listener is
//! `:8080`.

use std::time::Duration;

use super::address::{host, name_from, path};
use super::node::Node;
use super::pool::{self, Routes, backends};
use super::reader::Section;
use super::value::{Parsed, time};
use super::{
    CHECK_PATH, CHECK_STATUSES, CheckKind, HashKey, HealthCheck, HostPattern, PoolConfig, Queue, Retry, UpstreamTimeouts,
};
use crate::balance::ejection::OutlierDetection;
use crate::balance::pool::{AllDown, Settings};
use crate::balance::strategy::StrategyKind;

/// One app.
pub(super) fn app(section: &Section<'_>, routes: &mut Routes) -> PoolConfig {
    let host = section.required("host", "a host such as api.example.com");
    let hosts = host.map_or_else(Vec::new, |value| routes.hosts(section.whole(), &[value], Some("/"), host_without_port));
    let name = hosts.first().map(|host| name_from(&host.to_string())).unwrap_or_default();
    if section.is_sound() {
        routes.name(&name, section.whole());
    }
    let path = section.value("health_uri", path, CHECK_PATH.to_owned());
    let timeout = section.get("timeout").and_then(|value| value.read(seconds));
    let check = HealthCheck::default();
    let interval = section.value("health_check_cooldown", seconds, check.interval);
    let strategy = section.value("strategy", strategy, StrategyKind::default());
    let timeouts = UpstreamTimeouts::default();
    PoolConfig {
        balance: Settings {
            backends: backends(section, "instances", &name, strategy),
            name: name.into(),
            strategy,
            checked: true,
            outlier_detection: Some(OutlierDetection::default()),
            slow_start: 0,
            all_down: AllDown::default(),
        },
        hosts,
        path_prefix: "/".to_owned(),
        hash_key: HashKey::default(),
        health_check: Some(HealthCheck {
            kind: CheckKind::Http { path, expect_status: vec![CHECK_STATUSES] },
            interval,
            timeout: timeout.unwrap_or(check.timeout).min(interval),
            ..check
        }),
        retry: Retry::default(),
        timeouts: UpstreamTimeouts { response_head: timeout.unwrap_or(timeouts.response_head), ..timeouts },
        queue: Queue::default(),
        sticky: None,
    }
}

fn host_without_port(node: &Node) -> Parsed<HostPattern> {
    match node {
        Node::Text(text) => match text.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => host(&Node::Text(name.to_owned())),
            _ => host(node),
        },
        _ => host(node),
    }
}

/// A duration; a plain number counts seconds.
fn seconds(node: &Node) -> Parsed<Duration> {
    match node {
        Node::Whole(number) => time(&Node::Text(format!("{number}s"))),
        Node::Real(number) => time(&Node::Text(format!("{:.0}ms", number * 1000.0))),
        _ => time(node),
    }
}

/// `round-robin`, `Least Connections`, `WEIGHTED_ROUND_ROBIN`, ...
fn strategy(node: &Node) -> Parsed<StrategyKind> {
    let letters = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    let known = match node {
        Node::Text(text) => StrategyKind::ALL.into_iter().find(|kind| letters(kind.name()) == letters(text)),
        _ => None,
    };
    known.map_or_else(|| pool::strategy(node), Ok)
}
