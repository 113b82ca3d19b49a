//! A config in words: each key with its value as the file would spell it, so that two configs can be compared key by key.
//!
//! Every struct is taken apart without a rest, so that a new key cannot be forgotten here.

use std::time::Duration;

use super::{
    AccessLog, AdminListen, CheckKind, ClientTimeouts, Config, HashKey, HealthCheck, Limits, LogFormat, OnDrain, OnHangup,
    PoolConfig, Queue, Retry, Sticky, UpstreamTimeouts, WhenFull,
};
use crate::balance::backend::Spec;
use crate::balance::ejection::OutlierDetection;
use crate::balance::pool::{AllDown, Settings};

/// Keys and their values.
pub type Described = Vec<(&'static str, String)>;

/// What stands for a value that is not there.
const NONE: &str = "null";

impl Config {
    /// What a reload can change, apart from listeners and pools.
    pub fn settings(&self) -> Described {
        let Self { on_hangup, shutdown_grace, limits, timeouts, trusted_proxies, .. } = self;
        let Limits { max_connections, header_bytes, headers, uri_bytes } = limits;
        let ClientTimeouts { client_header, client_idle, request_body_idle } = timeouts;
        vec![
            ("on_hangup", if *on_hangup == OnHangup::Drain { "drain" } else { "serve" }.to_owned()),
            ("shutdown.grace", time(*shutdown_grace)),
            ("limits.max_connections", max_connections.to_string()),
            ("limits.header_bytes", size(*header_bytes)),
            ("limits.headers", headers.to_string()),
            ("limits.uri_bytes", size(*uri_bytes)),
            ("timeouts.client_header", time(*client_header)),
            ("timeouts.client_idle", time(*client_idle)),
            ("timeouts.request_body_idle", time(*request_body_idle)),
            ("trusted_proxies", list(trusted_proxies)),
        ]
    }

    /// What only a restart can change.
    pub fn fixed(&self) -> Described {
        let Self { workers, admin, access_log, state_file, .. } = self;
        let admin = admin.as_ref().map(|admin| match admin {
            AdminListen::Tcp(address) => address.to_string(),
            AdminListen::Unix(path) => format!("unix:{}", path.display()),
        });
        vec![
            ("workers", workers.to_string()),
            ("admin.listen", or_null(admin)),
            ("access_log", or_null(access_log.as_ref().map(log))),
            ("state_file", or_null(state_file.as_ref().map(|path| path.display().to_string()))),
        ]
    }

    /// This config, but with what only a restart can change as it is in `running`.
    #[must_use]
    pub fn with_fixed_of(self, running: &Self) -> Self {
        let Self { workers, admin, access_log, state_file, .. } = running.clone();
        Self { workers, admin, access_log, state_file, ..self }
    }
}

impl PoolConfig {
    /// Everything but its name and its backends.
    pub fn described(&self) -> Described {
        let Self { balance, hosts, path_prefix, hash_key, health_check, retry, timeouts, queue, sticky } = self;
        let Settings { strategy, outlier_detection, slow_start, all_down, name: _, backends: _, checked: _ } = balance;
        let Retry { attempts, budget_percent, backoff_min, backoff_max, replay_body } = retry;
        let UpstreamTimeouts { connect, response_head, stream_idle } = timeouts;
        let mut all = vec![
            ("hosts", list(hosts)),
            ("path_prefix", path_prefix.clone()),
            ("strategy", strategy.to_string()),
            ("hash_key", key(hash_key)),
            ("slow_start", millis(*slow_start)),
            ("all_down", if *all_down == AllDown::Fail { "fail" } else { "open" }.to_owned()),
            ("retry.attempts", attempts.to_string()),
            ("retry.budget", format!("{budget_percent}%")),
            ("retry.backoff", format!("{}..{}", time(*backoff_min), time(*backoff_max))),
            ("retry.replay_body", size(*replay_body)),
            ("timeouts.connect", time(*connect)),
            ("timeouts.response_head", time(*response_head)),
            ("timeouts.stream_idle", time(*stream_idle)),
            ("queue.size", queue_size(queue)),
            ("queue.timeout", time(queue.timeout)),
            ("sticky", or_null(sticky.as_ref().map(session))),
        ];
        all.extend(checks(health_check.as_ref()));
        all.extend(ejection(outlier_detection.as_ref()));
        all
    }
}

impl Spec {
    /// Everything but its name.
    pub fn described(&self) -> Described {
        let Self { id: _, host: _, port: _, weight, max_in_flight, backup } = self;
        vec![
            ("url", self.url()),
            ("weight", weight.to_string()),
            ("max_in_flight", or_null(max_in_flight.map(|max| max.to_string()))),
            ("backup", backup.to_string()),
        ]
    }
}

fn checks(check: Option<&HealthCheck>) -> Described {
    let Some(HealthCheck { kind, interval, timeout, rise, fall, jitter_percent }) = check else {
        return vec![("health_check", NONE.to_owned())];
    };
    let mut all = vec![
        ("health_check", "on".to_owned()),
        ("health_check.interval", time(*interval)),
        ("health_check.timeout", time(*timeout)),
        ("health_check.rise", rise.to_string()),
        ("health_check.fall", fall.to_string()),
        ("health_check.jitter", format!("{jitter_percent}%")),
    ];
    match kind {
        CheckKind::Tcp => all.push(("health_check.type", "tcp".to_owned())),
        CheckKind::Http { path, expect_status } => {
            let range = |(low, high): &(u16, u16)| if low == high { low.to_string() } else { format!("{low}-{high}") };
            let statuses: Vec<_> = expect_status.iter().map(range).collect();
            all.push(("health_check.type", "http".to_owned()));
            all.push(("health_check.path", path.clone()));
            all.push(("health_check.expect_status", list(&statuses)));
        }
    }
    all
}

fn ejection(detection: Option<&OutlierDetection>) -> Described {
    let Some(OutlierDetection { consecutive_failures, base_ejection, max_ejection, max_ejected_percent }) = detection else {
        return vec![("outlier_detection", NONE.to_owned())];
    };
    vec![
        ("outlier_detection", "on".to_owned()),
        ("outlier_detection.consecutive_failures", consecutive_failures.to_string()),
        ("outlier_detection.base_ejection", millis(*base_ejection)),
        ("outlier_detection.max_ejection", millis(*max_ejection)),
        ("outlier_detection.max_ejected_percent", max_ejected_percent.to_string()),
    ]
}

fn log(AccessLog { target, format, when_full }: &AccessLog) -> String {
    let format = if *format == LogFormat::Combined { "combined" } else { "json" };
    let when_full = if *when_full == WhenFull::Drop { "drop" } else { "block" };
    format!("{{path: {target}, format: {format}, when_full: {when_full}}}")
}

fn key(key: &HashKey) -> String {
    match key {
        HashKey::ClientIp => "client_ip".to_owned(),
        HashKey::Path => "path".to_owned(),
        HashKey::Header(name) => format!("header:{name}"),
        HashKey::Cookie(name) => format!("cookie:{name}"),
    }
}

fn session(Sticky { cookie, on_drain }: &Sticky) -> String {
    format!("{{cookie: {cookie}, on_drain: {}}}", if *on_drain == OnDrain::Keep { "keep" } else { "move" })
}

fn queue_size(Queue { size, timeout: _ }: &Queue) -> String {
    size.to_string()
}

fn or_null(value: Option<String>) -> String {
    value.unwrap_or_else(|| NONE.to_owned())
}

fn list(items: &[impl ToString]) -> String {
    format!("[{}]", items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

fn time(time: Duration) -> String {
    millis(time.as_millis() as u64)
}

fn millis(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

fn size(bytes: usize) -> String {
    if bytes > 0 && bytes.is_multiple_of(1024) { format!("{}KiB", bytes / 1024) } else { format!("{bytes}B") }
}
