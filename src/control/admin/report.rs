//! The health report: every host with its instances.

use serde::Serialize;
use utoipa::ToSchema;

use crate::balance::backend::Verdict;
use crate::balance::snapshot::{BackendView, PoolView, Snapshot};

/// The whole report.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Report {
    apps: Vec<App>,
}

#[derive(Debug, Serialize, ToSchema)]
struct App {
    host: String,
    instances: Vec<Instance>,
}

#[derive(Debug, Serialize, ToSchema)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::Mode;
    use crate::config::HostPattern;
    use crate::control::fixture;

    #[test]
    fn hosts_with_the_health_of_their_instances() {
        let mut settings = [fixture::settings("api", &["a", "b", "c"]), fixture::settings("web", &["d", "e"])];
        settings[0].checked = true;
        let mut config = fixture::config(settings.into());
        config.pools[0].hosts = vec![HostPattern::Exact("api.example.com".into()), HostPattern::Wildcard(".example.org".into())];
        let running = fixture::running(config);
        let [a, b, _] = [0, 1, 2].map(|index| &running.pools[0].backends()[index].live);
        a.set_verdict(Verdict::Healthy, 1);
        a.set_mode(Mode::Down);
        b.set_verdict(Verdict::Unhealthy, 1);
        running.pools[1].backends()[0].live.set_ejected_until(Some(9));
        let report = report(&fixture::snapshot(&running));
        let api = r#"[{"url":"http://127.0.0.1:1","healthy":true},{"url":"http://127.0.0.1:2","healthy":false},{"url":"http://127.0.0.1:3","healthy":false}]"#;
        let web = r#"[{"url":"http://127.0.0.1:1","healthy":false},{"url":"http://127.0.0.1:2","healthy":true}]"#;
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            format!(
                r#"{{"apps":[{{"host":"api.example.com","instances":{api}}},{{"host":"*.example.org","instances":{api}}},{{"host":"web","instances":{web}}}]}}"#
            )
        );
    }
}
