//! The answer, from the configuration, the pool as it is and the last snapshot of it.

use std::iter;

use axum::http::HeaderValue;

use super::asked::Asked;
use crate::balance::backend::{BackendId, Eligibility};
use crate::balance::pool::{NoPick, PickInput, Pool};
use crate::balance::rotation::Member;
use crate::balance::snapshot::{BackendView, Override, PoolView, Snapshot};
use crate::balance::strategy::StrategyKind;
use crate::clock;
use crate::config::{HashKey, PoolConfig};
use crate::control::entropy;
use crate::explain::{Candidate, Excluded, Explanation, PoolExplained};
use crate::route::{self, Router};
use crate::running::Running;

/// Where the request would go, and why. Takes no lease, and no turn from anybody.
pub(super) fn explain(asked: &Asked, running: &Running, snapshot: &Snapshot) -> Explanation {
    let Running { config, pools, .. } = running;
    let router = Router::new(config.pools.iter().map(|pool| (pool.hosts.as_slice(), pool.path_prefix.as_str())));
    let found = router.route(&asked.host, &asked.path).and_then(|index| {
        let view = snapshot.pools.iter().find(|view| view.name == *pools[index].name())?;
        Some(explain_pool(asked, &config.pools[index], &pools[index], view))
    });
    Explanation {
        at_unix_ms: clock::unix_ms(),
        method: asked.method.to_string(),
        host: asked.host.clone(),
        path: asked.path.clone(),
        client: asked.client,
        pool: found,
    }
}

fn explain_pool(asked: &Asked, config: &PoolConfig, pool: &Pool, view: &PoolView) -> PoolExplained {
    let strategy = pool.strategy();
    let now = clock::now();
    let key = route::key(strategy, &config.hash_key, || asked.client, &asked.path, &asked.headers);
    let preview = pool.preview(&PickInput { key, entropy: entropy(), now, tried: &[] });
    let rotation = pool.rotation();
    let candidate = |member: &Member| {
        let live = &member.backend.live;
        let in_flight = live.in_flight();
        let estimate = || live.ewma.get(in_flight, now) as u64;
        Candidate {
            backend: member.backend.spec.id.clone(),
            url: member.backend.spec.url(),
            in_flight,
            max_in_flight: member.backend.spec.max_in_flight,
            weight: live.weight(),
            effective_weight: f64::from(member.effective_weight()) / 100.0,
            latency_us: (strategy == StrategyKind::PeakEwma).then(estimate),
            on_trial: member.backend.eligibility() == Eligibility::OnTrial,
        }
    };
    let is_member = |id: &BackendId| rotation.members().iter().any(|member| member.backend.spec.id == *id);
    PoolExplained {
        name: pool.name().clone(),
        host_pattern: route::pattern(&config.hosts, &asked.host).map(ToString::to_string),
        path_prefix: config.path_prefix.clone(),
        strategy,
        key: key_in_words(strategy, &config.hash_key, asked),
        pick: preview.ok().map(|index| pool.backends()[index].spec.id.clone()),
        why: why(preview, strategy, rotation.failing_open()) + &sticky(config, asked),
        candidates: rotation.members().iter().map(candidate).collect(),
        excluded: view.backends.iter().filter(|backend| !is_member(&backend.id)).map(excluded).collect(),
    }
}

fn key_in_words(strategy: StrategyKind, by: &HashKey, asked: &Asked) -> Option<String> {
    let field = |kind: &str, name: &str, value: Option<&[u8]>| match value {
        Some(value) => format!("{kind}:{name} \"{}\"", value.escape_ascii()),
        None => format!("{kind}:{name}, which is missing"),
    };
    match (strategy, by) {
        (StrategyKind::IpHash, _) | (StrategyKind::ConsistentHash, HashKey::ClientIp) => {
            Some(format!("client_ip {}", asked.client))
        }
        (StrategyKind::ConsistentHash, HashKey::Path) => Some(format!("path {}", asked.path)),
        (StrategyKind::ConsistentHash, HashKey::Header(name)) => {
            Some(field("header", name, asked.headers.get(name).map(HeaderValue::as_bytes)))
        }
        (StrategyKind::ConsistentHash, HashKey::Cookie(name)) => Some(field("cookie", name, route::cookie(&asked.headers, name))),
        _ => None,
    }
}

fn why(preview: Result<usize, NoPick>, strategy: StrategyKind, failing_open: bool) -> String {
    let chance = match strategy {
        StrategyKind::PowerOfTwo | StrategyKind::Random => "; by chance, so the next request may go elsewhere",
        _ => "",
    };
    let open = if failing_open { "nobody is eligible and all_down is open, so all are tried: " } else { "" };
    match preview {
        Ok(_) => format!("{open}{}{chance}", strategy.summary()),
        Err(NoPick::NoneEligible) => "no backend is eligible, clients get 503".to_owned(),
        Err(NoPick::AwaitingFirstCheck) => "no backend has been checked yet, requests wait for that".to_owned(),
        Err(NoPick::AllFull | NoPick::AllTried) => "every eligible backend is full, requests wait in the queue".to_owned(),
    }
}

/// A cookie of ours goes first; whose it is, only the workers can tell.
fn sticky(config: &PoolConfig, asked: &Asked) -> String {
    let cookie = config.sticky.as_ref().map(|sticky| &sticky.cookie);
    let sent = cookie.filter(|name| route::cookie(&asked.headers, name).is_some());
    sent.map(|name| format!("; unless its cookie {name} keeps it at another backend (sticky)")).unwrap_or_default()
}

fn excluded(view: &BackendView) -> Excluded {
    let (why, by_override) = match view.eligibility {
        Eligibility::Draining => (whose("drained", view.mode_override.as_ref()), view.mode_override.clone()),
        Eligibility::Down => (whose("switched off", view.mode_override.as_ref()), view.mode_override.clone()),
        Eligibility::NoWeight => (whose("its weight is 0", view.weight_override.as_ref()), view.weight_override.clone()),
        Eligibility::Unhealthy => (unhealthy(view), None),
        Eligibility::AwaitingFirstCheck => ("its first check has not come back yet".to_owned(), None),
        Eligibility::Ejected => {
            let seconds = view.ejected_for_ms.unwrap_or_default().div_ceil(1000);
            (format!("ejected after failed requests, for {seconds} s more"), None)
        }
        Eligibility::Eligible | Eligibility::OnTrial if view.backup => {
            ("a backup, which takes requests only while no other backend can".to_owned(), None)
        }
        Eligibility::Eligible | Eligibility::OnTrial => ("it has just become eligible".to_owned(), None),
    };
    let checks = if view.eligibility == Eligibility::Unhealthy { view.checks.clone() } else { Vec::new() };
    let (backend, url) = (view.id.clone(), view.url.clone());
    Excluded { backend, url, eligibility: view.eligibility, why, by_override, checks }
}

/// `drained by cli:alice: deploy 12`.
fn whose(what: &str, by: Option<&Override>) -> String {
    let by_whom = by.map(|by| format!(" by {}", by.by));
    let reason = by.and_then(|by| by.reason.as_ref()).map(|reason| format!(": {reason}"));
    iter::once(what.to_owned()).chain(by_whom).chain(reason).collect()
}

/// Which threshold has tripped, or is still to be reached.
fn unhealthy(BackendView { streak, rise, fall, last_check_passed, .. }: &BackendView) -> String {
    if *last_check_passed {
        format!("unhealthy: {streak} of the {rise} checks have passed that bring it back (rise)")
    } else if streak < fall {
        format!("unhealthy: its last check has failed, {rise} that pass in a row bring it back (rise)")
    } else if *streak == 1 {
        "unhealthy: its last check has failed, one is enough (fall)".to_owned()
    } else {
        format!("unhealthy: {streak} checks in a row have failed, {fall} are enough (fall)")
    }
}

#[cfg(test)]
mod tests;
