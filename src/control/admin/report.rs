//! The health report: every host with its instances.

use serde::Serialize;

use crate::balance::backend::Verdict;
use crate::balance::snapshot::{BackendView, PoolView, Snapshot};

/// The whole report.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    apps: Vec<App>,
}

#[derive(Debug, Serialize)]
struct App {
    host: String,
    instances: Vec<Instance>,
}

#[derive(Debug, Serialize)]
struct Instance {
    url: String,
    healthy: bool,
}

/// One app per host of each pool; a pool without hosts goes by its name.
pub(super) fn report(snapshot: &Snapshot) -> Report {
    Report { apps: snapshot.pools.iter().flat_map(apps).collect() }
}

fn apps(pool: &PoolView) -> Vec<App> {
    let name = [pool.name.to_string()];
    let hosts = if pool.hosts.is_empty() { &name[..] } else { &pool.hosts };
    hosts.iter().map(|host| App { host: host.clone(), instances: pool.backends.iter().map(instance).collect() }).collect()
}

fn instance(backend: &BackendView) -> Instance {
    Instance { url: backend.url.clone(), healthy: is_healthy(backend) }
}

/// What checks and requests say; what the operator wants of the backend is not its health.
fn is_healthy(backend: &BackendView) -> bool {
    let checks_agree = match backend.health {
        Verdict::Healthy => true,
        Verdict::Unknown => !backend.checked,
        Verdict::Unhealthy => false,
    };
    checks_agree && backend.ejected_for_ms.is_none()
}
