//! Where a request would go and why: for programs as data, for people as text ([`fmt::Display`]).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::balance::backend::{BackendId, Eligibility};
use crate::balance::snapshot::{CheckResult, Override};
use crate::balance::strategy::StrategyKind;

/// Checks of a backend that are shown as text.
const CHECKS_SHOWN: usize = 3;

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// When this was so, milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// Method of the request.
    pub method: String,
    /// Its host, without port.
    pub host: String,
    /// Its path, without query.
    pub path: String,
    /// Where it would come from.
    pub client: IpAddr,
    /// Who serves this host and path; `None` = nobody, and evenkeel answers 404.
    pub pool: Option<PoolExplained>,
}

/// The pool that serves the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoolExplained {
    /// Its name.
    pub name: Arc<str>,
    /// The pattern that the host matches; `None`: the pool serves the hosts that no other one does.
    pub host_pattern: Option<String>,
    /// The prefix that the path begins with.
    pub path_prefix: String,
    /// How it chooses.
    pub strategy: StrategyKind,
    /// What the choice goes by, for the strategies that hash a key: `client_ip 10.0.0.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Who would be picked just now. Of strategies that go by chance, one of those who might.
    pub pick: Option<BackendId>,
    /// Why this one, or why nobody.
    pub why: String,
    /// Those among whom is chosen.
    pub candidates: Vec<Candidate>,
    /// The others.
    pub excluded: Vec<Excluded>,
}

/// A backend that may be picked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Which.
    pub backend: BackendId,
    /// `http://host:port`.
    pub url: String,
    /// Requests being served.
    pub in_flight: u32,
    /// Cap on them.
    pub max_in_flight: Option<u32>,
    /// Weight in force.
    pub weight: u32,
    /// The part of the weight that counts now: less than all of it during a slow start.
    pub effective_weight: f64,
    /// What the strategy takes for its latency, in microseconds, where it goes by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<u64>,
    /// Whether one request decides if its ejection is over.
    pub on_trial: bool,
}

/// A backend that cannot be picked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Excluded {
    /// Which.
    pub backend: BackendId,
    /// `http://host:port`.
    pub url: String,
    /// What it is instead of eligible; `eligible` for a backup that is not needed.
    pub eligibility: Eligibility,
    /// In words.
    pub why: String,
    /// Whose doing it is, where it is somebody's.
    #[serde(default, rename = "override", skip_serializing_if = "Option::is_none")]
    pub by_override: Option<Override>,
    /// Its last checks, newest first, when they are the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckResult>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, host, path, client, .. } = self;
        writeln!(f, "{method} http://{host}{path} from {client}")?;
        let Some(pool) = &self.pool else {
            return writeln!(f, "no pool serves this host and path: evenkeel answers 404");
        };
        let hosts = pool.host_pattern.as_ref().map_or_else(|| "hosts of no other pool".to_owned(), |host| format!("host {host}"));
        writeln!(f, "pool   {}: {hosts}, prefix {}", pool.name, pool.path_prefix)?;
        write!(f, "how    {}", pool.strategy)?;
        pool.key.as_ref().map_or(Ok(()), |key| write!(f, " by {key}"))?;
        writeln!(f)?;
        match &pool.pick {
            Some(backend) => writeln!(f, "picks  {backend}: {}", pool.why)?,
            None => writeln!(f, "picks  nobody: {}", pool.why)?,
        }
        let names = pool.candidates.iter().map(|c| &c.backend).chain(pool.excluded.iter().map(|e| &e.backend));
        let width = names.map(|name| name.to_string().len()).max().unwrap_or(0);
        for candidate in &pool.candidates {
            writeln!(f, "  + {:width$}  {candidate}", candidate.backend.to_string())?;
        }
        for excluded in &pool.excluded {
            writeln!(f, "  - {:width$}  {}", excluded.backend.to_string(), excluded.why)?;
            for check in excluded.checks.iter().take(CHECKS_SHOWN) {
                let ago = self.at_unix_ms.saturating_sub(check.at_unix_ms);
                write!(f, "    {:width$}  {:.1} s ago: {}", "", ago as f64 / 1000.0, check.detail)?;
                check.body.as_ref().map_or(Ok(()), |body| write!(f, ": {body}"))?;
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Candidate {
    /// `3 of 200 in flight, weight 2 (1.2 counts), latency 12.5 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.in_flight)?;
        self.max_in_flight.map_or(Ok(()), |max| write!(f, " of {max}"))?;
        write!(f, " in flight, weight {}", self.weight)?;
        if (self.effective_weight - f64::from(self.weight)).abs() > 0.001 {
            write!(f, " ({:.2} counts)", self.effective_weight)?;
        }
        self.latency_us.map_or(Ok(()), |us| write!(f, ", latency {:.1} ms", us as f64 / 1000.0))?;
        if self.on_trial { f.write_str(", on trial") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explanation() -> Explanation {
        let candidate = |name: &str, in_flight| Candidate {
            backend: BackendId::new("web", name),
            url: "http://127.0.0.1:1".into(),
            in_flight,
            max_in_flight: None,
            weight: 2,
            effective_weight: 2.0,
            latency_us: None,
            on_trial: false,
        };
        let slow = Candidate {
            max_in_flight: Some(200),
            effective_weight: 1.2,
            latency_us: Some(12_500),
            on_trial: true,
            ..candidate("api-10", 3)
        };
        let check = |ago: u64, body: Option<&str>| CheckResult {
            at_unix_ms: 10_000 - ago,
            passed: false,
            detail: "503, want 200-399".into(),
            took_us: 900,
            body: body.map(str::to_owned),
        };
        let excluded = Excluded {
            backend: BackendId::new("web", "c"),
            url: "http://127.0.0.1:3".into(),
            eligibility: Eligibility::Unhealthy,
            why: "unhealthy: 7 failed checks in a row, 3 are enough".into(),
            by_override: None,
            checks: vec![check(150, Some("no database")), check(2150, None), check(4150, None), check(6150, None)],
        };
        Explanation {
            at_unix_ms: 10_000,
            method: "GET".into(),
            host: "a.example.org".into(),
            path: "/api".into(),
            client: "10.0.0.1".parse().unwrap(),
            pool: Some(PoolExplained {
                name: "web".into(),
                host_pattern: Some("*.example.org".into()),
                path_prefix: "/".into(),
                strategy: StrategyKind::ConsistentHash,
                key: Some("path /api".into()),
                pick: Some(BackendId::new("web", "a")),
                why: "the key is its own".into(),
                candidates: vec![candidate("a", 0), slow],
                excluded: vec![excluded],
            }),
        }
    }

    #[test]
    fn people_read_text() {
        insta::assert_snapshot!(explanation(), @r#"
        GET http://a.example.org/api from 10.0.0.1
        pool   web: host *.example.org, prefix /
        how    consistent_hash by path /api
        picks  web/a: the key is its own
          + web/a       0 in flight, weight 2
          + web/api-10  3 of 200 in flight, weight 2 (1.20 counts), latency 12.5 ms, on trial
          - web/c       unhealthy: 7 failed checks in a row, 3 are enough
                        0.1 s ago: 503, want 200-399: no database
                        2.1 s ago: 503, want 200-399
                        4.2 s ago: 503, want 200-399
        "#);
        let nobody = Explanation { pool: None, ..explanation() };
        insta::assert_snapshot!(nobody, @"
        GET http://a.example.org/api from 10.0.0.1
        no pool serves this host and path: evenkeel answers 404
        ");
    }

    #[test]
    fn programs_read_json() {
        let json = serde_json::to_string(&explanation()).unwrap();
        assert_eq!(serde_json::from_str::<Explanation>(&json).unwrap(), explanation());
    }
}
