//! Pools and their backends: every key, what may stand there, and what has to fit together.

use super::address::{cookie_name, hash_key, host, name, name_from, path, path_prefix, url};
use super::node::Node;
use super::reader::{Claims, Section, Value};
use super::value::{Parsed, choice, duration, duration_range, flag, percent, size, statuses, time, whole};
use super::{
    CHECK_PATH, CHECK_STATUSES, CheckKind, HashKey, HealthCheck, HostPattern, OnDrain, PoolConfig, Queue, Retry, Sticky,
    UpstreamTimeouts,
};
use crate::balance::Millis;
use crate::balance::backend::{BackendId, Spec};
use crate::balance::ejection::OutlierDetection;
use crate::balance::pool::{AllDown, Settings};
use crate::balance::strategy::StrategyKind;

/// What no two pools may have in common.
#[derive(Debug, Default)]
pub(super) struct Routes {
    names: Claims,
    served: Claims,
}

impl Routes {
    /// A name for a pool, found at `at`.
    pub(super) fn name(&mut self, name: &str, at: &Value<'_>) {
        if let Some(first) = self.names.claim(name, at) {
            at.problem(format!("{name} is taken by {first}; write a name of its own"));
        }
    }

    /// The hosts of a pool: every other host if there are no `items`. Without a prefix only their spelling is checked.
    pub(super) fn hosts<'a>(
        &mut self,
        pool: &Value<'a>,
        items: &[Value<'a>],
        prefix: Option<&str>,
        parse: fn(&Node) -> Parsed<HostPattern>,
    ) -> Vec<HostPattern> {
        if items.is_empty() {
            self.serve("every other host", prefix, pool);
        }
        let mut host = |item: &Value<'a>| {
            let host = item.read(parse)?;
            self.serve(&host.to_string(), prefix, item);
            Some(host)
        };
        items.iter().filter_map(&mut host).collect()
    }

    fn serve(&mut self, host: &str, prefix: Option<&str>, at: &Value<'_>) {
        if let Some(prefix) = prefix
            && let Some(first) = self.served.claim(&format!("{host} below {prefix}"), at)
        {
            at.problem(format!("{host} below {prefix} is served by {first}; write other hosts or another path_prefix"));
        }
    }
}

/// One pool.
pub(super) fn pool(section: &Section<'_>, routes: &mut Routes) -> PoolConfig {
    let name = section.required("name", "a name such as web").and_then(|value| {
        let name = value.read(name)?;
        routes.name(&name, &value);
        Some(name)
    });
    let name = name.unwrap_or_default();
    let hosts = section.get("hosts").map_or_else(Vec::new, |value| value.any_number());
    let path_prefix = section.get("path_prefix").map_or(Some("/".to_owned()), |value| value.read(path_prefix));
    let hosts = routes.hosts(section.whole(), &hosts, path_prefix.as_deref(), host);
    let strategy = section.value("strategy", strategy, StrategyKind::default());
    let hash_key = section.value("hash_key", hash_key, HashKey::default());
    let backends = backends(section, "backends", &name, strategy);
    let health_check = section.section_or_off("health_check", health_check);
    PoolConfig {
        hosts,
        path_prefix: path_prefix.unwrap_or_default(),
        hash_key,
        balance: Settings {
            name: name.into(),
            strategy,
            backends,
            checked: health_check.is_some(),
            outlier_detection: section.section_or_off("outlier_detection", outlier_detection),
            slow_start: section.value("slow_start", millis(duration), 0),
            all_down: section.value("all_down", choice(&[("fail", AllDown::Fail), ("open", AllDown::Open)]), AllDown::Fail),
        },
        health_check,
        retry: section.section("retry", retry),
        timeouts: section.section("timeouts", timeouts),
        queue: section.section("queue", queue),
        sticky: sticky(section),
    }
}

fn sticky(section: &Section<'_>) -> Option<Sticky> {
    let written = section.get("sticky").filter(|value| *value.node() != Node::Null)?;
    written.section(|sticky| {
        let cookie = sticky.required("cookie", "a name such as lb").and_then(|value| value.read(cookie_name));
        let on_drain = sticky.value("on_drain", choice(&[("keep", OnDrain::Keep), ("move", OnDrain::Move)]), OnDrain::Keep);
        Some(Sticky { cookie: cookie?, on_drain })
    })?
}

/// A strategy by its name.
pub(super) fn strategy(node: &Node) -> Parsed<StrategyKind> {
    choice(&StrategyKind::ALL.map(|kind| (kind.name(), kind)))(node)
}

/// The backends of a pool, below the given key.
pub(super) fn backends(section: &Section<'_>, key: &'static str, pool: &str, strategy: StrategyKind) -> Vec<Spec> {
    let Some(list) = section.required(key, "a list such as [\"http://127.0.0.1:9001\"]") else { return Vec::new() };
    let (mut names, mut urls) = (Claims::default(), Claims::default());
    let mut specs = Vec::new();
    for item in list.list() {
        let Some((spec, named_at)) = backend(&item, pool) else { continue };
        if let Some(first) = names.claim(&spec.id.backend, &named_at) {
            named_at.problem(format!("{} is taken by {first}; write a name of its own", spec.id.backend));
        }
        if let Some(first) = urls.claim(&spec.url(), &item) {
            item.warning(format!("{} is {first} already; it gets two shares and is checked twice", spec.url()));
        }
        specs.push(spec);
    }
    if specs.iter().all(|spec| spec.backup) {
        list.warning("every backend is a backup, so none of them is one; leave backup out of at least one");
    }
    if specs.iter().all(|spec| spec.weight == 0) {
        list.warning("every weight is 0, so no backend takes requests; write 1 to 256 for at least one");
    }
    if strategy == StrategyKind::RoundRobin && specs.iter().any(|spec| spec.weight > 1) {
        list.warning("weights mean nothing to the strategy round_robin; did you mean weighted_round_robin?");
    }
    specs
}

/// A backend, and where its name comes from.
fn backend<'a>(item: &Value<'a>, pool: &str) -> Option<(Spec, Value<'a>)> {
    let spec = |(host, port)| {
        let mut spec = Spec { id: BackendId::new(pool, ""), host, port, weight: 1, max_in_flight: None, backup: false };
        spec.id.backend = name_from(&spec.authority()).into();
        spec
    };
    let Node::Map(_) = item.node() else { return Some((spec(item.read(url)?), item.clone())) };
    item.section(|section| {
        let named_at = section.get("name");
        let named = named_at.as_ref().and_then(|value| value.read(name));
        let url = section.required("url", "http://HOST:PORT").and_then(|value| value.read(url));
        let weight = section.value("weight", whole(0..=256), 1);
        let max_in_flight = section.get("max_in_flight").and_then(|value| value.read(whole(1..=1_000_000)));
        let backup = section.value("backup", flag, false);
        let mut spec = Spec { weight, max_in_flight, backup, ..spec(url?) };
        if let Some(name) = named {
            spec.id.backend = name.into();
        }
        Some((spec, named_at.unwrap_or_else(|| item.clone())))
    })?
}

fn health_check(section: &Section<'_>) -> HealthCheck {
    let default = HealthCheck::default();
    let tcp = section.value("type", choice(&[("http", false), ("tcp", true)]), false);
    let (target, expected) = (section.get("path"), section.get("expect_status"));
    let kind = if tcp {
        for value in target.iter().chain(&expected) {
            value.problem("a check of type tcp only connects; leave this out, or write type: http");
        }
        CheckKind::Tcp
    } else {
        let expected = expected.map(|value| value.one_or_more().iter().filter_map(|item| item.read(statuses)).collect());
        CheckKind::Http {
            path: target.and_then(|value| value.read(path)).unwrap_or_else(|| CHECK_PATH.to_owned()),
            expect_status: expected.unwrap_or_else(|| vec![CHECK_STATUSES]),
        }
    };
    let check = HealthCheck {
        kind,
        interval: section.value("interval", time, default.interval),
        timeout: section.value("timeout", time, default.timeout),
        rise: section.value("rise", whole(1..=1000), default.rise),
        fall: section.value("fall", whole(1..=1000), default.fall),
        jitter_percent: section.value("jitter", percent, default.jitter_percent),
    };
    if check.timeout > check.interval {
        section.whole().warning("timeout is longer than interval, so a slow check puts off the next one");
    }
    check
}

fn outlier_detection(section: &Section<'_>) -> OutlierDetection {
    let default = OutlierDetection::default();
    let detection = OutlierDetection {
        consecutive_failures: section.value("consecutive_failures", whole(1..=1000), default.consecutive_failures),
        base_ejection: section.value("base_ejection", millis(time), default.base_ejection),
        max_ejection: section.value("max_ejection", millis(time), default.max_ejection),
        max_ejected_percent: section.value("max_ejected_percent", whole(0..=100), default.max_ejected_percent),
    };
    if section.is_sound() && detection.base_ejection > detection.max_ejection {
        section.whole().problem("base_ejection is longer than max_ejection; write at most max_ejection");
    }
    detection
}

fn retry(section: &Section<'_>) -> Retry {
    let default = Retry::default();
    let attempts = section.value("attempts", whole(0..=10), default.attempts);
    let budget_percent = section.value("budget", percent, default.budget_percent);
    let (backoff_min, backoff_max) = section.value("backoff", duration_range, (default.backoff_min, default.backoff_max));
    let replay_body = section.value("replay_body", size(0..=16 << 20), default.replay_body);
    Retry { attempts, budget_percent, backoff_min, backoff_max, replay_body }
}

fn timeouts(section: &Section<'_>) -> UpstreamTimeouts {
    let default = UpstreamTimeouts::default();
    UpstreamTimeouts {
        connect: section.value("connect", time, default.connect),
        response_head: section.value("response_head", time, default.response_head),
        stream_idle: section.value("stream_idle", time, default.stream_idle),
    }
}

fn queue(section: &Section<'_>) -> Queue {
    let default = Queue::default();
    Queue {
        size: section.value("size", whole(0..=1_000_000), default.size),
        timeout: section.value("timeout", time, default.timeout),
    }
}

/// A duration in the unit of the pure core.
fn millis(parse: fn(&Node) -> Parsed<std::time::Duration>) -> impl Fn(&Node) -> Parsed<Millis> {
    move |node| parse(node).map(|duration| duration.as_millis() as Millis)
}
