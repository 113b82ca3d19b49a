//! `status`: how things are, in a table.

mod text;

use serde_json::Value;

use super::name::{missing, only};
use super::{Desk, Failure, say};
use crate::balance::backend::BackendId;
use crate::balance::overrides::Overrides;
use crate::balance::snapshot::{BackendView, Snapshot};
use crate::cli::Status;
use crate::client::Call;
use crate::telemetry::line::Escaped;

/// Shows all of it, or what was named.
pub(super) async fn run(desk: &Desk, Status { of, plain, yaml }: &Status) -> Result<(), Failure> {
    let json = desk.call(&Call::snapshot()).await?;
    let mut snapshot: Snapshot = desk.client.read(&json)?;
    let address = desk.client.address().to_string();
    let of = of.as_deref().map(|name| Of::find(&snapshot, name)).transpose().map_err(Failure::Failed)?;
    if desk.json {
        say(of.map_or(json.clone(), |of| of.json(&json)));
        return Ok(());
    }
    if let Some(of) = &of {
        snapshot.pools.retain(|pool| *pool.name == *of.pool());
    }
    let only = of.as_ref().and_then(Of::backend);
    let text = match (plain, yaml) {
        (true, _) => plain_lines(&snapshot, only),
        (_, true) => lasting(snapshot, only),
        _ => text::status(&snapshot, only, &address, &desk.zone),
    };
    say(text.trim_end());
    Ok(())
}

/// A part of it all.
#[derive(Debug, PartialEq, Eq)]
enum Of {
    Pool(String),
    Backend(BackendId),
}

impl Of {
    /// `POOL`, `POOL/BACKEND`, or the name of a backend that only one pool has.
    fn find(snapshot: &Snapshot, name: &str) -> Result<Self, String> {
        if let Some((pool, backend)) = name.split_once('/') {
            let id = BackendId::new(pool, backend);
            return snapshot.backend(&id).map(|_| Self::Backend(id.clone())).ok_or_else(|| missing(snapshot, &id));
        }
        if snapshot.pools.iter().any(|pool| *pool.name == *name) {
            return Ok(Self::Pool(name.to_owned()));
        }
        only(snapshot, name).map(Self::Backend)
    }

    fn pool(&self) -> &str {
        match self {
            Self::Pool(pool) => pool,
            Self::Backend(id) => &id.pool,
        }
    }

    const fn backend(&self) -> Option<&BackendId> {
        if let Self::Backend(id) = self { Some(id) } else { None }
    }

    /// The part of the JSON that is about it.
    fn json(&self, snapshot: &str) -> String {
        let snapshot: Value = serde_json::from_str(snapshot).unwrap_or_default();
        let of = |list: &Value, is: &dyn Fn(&Value) -> bool| {
            list.as_array().and_then(|list| list.iter().find(|item| is(item)).cloned()).unwrap_or_default()
        };
        let pool = of(&snapshot["pools"], &|pool| pool["name"] == self.pool());
        let part = match self {
            Self::Pool(_) => pool,
            Self::Backend(id) => of(&pool["backends"], &|backend| backend["id"]["backend"] == *id.backend),
        };
        part.to_string()
    }
}

/// A line per backend with tabs between what scripts ask for.
fn plain_lines(snapshot: &Snapshot, only: Option<&BackendId>) -> String {
    let line = |backend: &BackendView| {
        let BackendView { id, mode, health, in_flight, url, .. } = backend;
        Escaped(&id.to_string()).to_string() + &format!("\t{mode}\t{health}\t{in_flight}\t{}\n", Escaped(url))
    };
    let backends = snapshot.pools.iter().flat_map(|pool| &pool.backends);
    backends.filter(|backend| only.is_none_or(|only| *only == backend.id)).map(line).collect()
}

/// The config in which what is overridden now would stand.
fn lasting(mut snapshot: Snapshot, only: Option<&BackendId>) -> String {
    if let Some(only) = only {
        let is_it = |backend: &BackendView| backend.id == *only;
        snapshot.pools.iter_mut().for_each(|pool| {
            pool.backends.retain(is_it);
            pool.strategy_override = None;
        });
    }
    let yaml = Overrides::of(&snapshot).yaml;
    if yaml.is_empty() {
        return "# nothing differs from the config".to_owned();
    }
    yaml.lines().map(|line| Escaped(line).to_string() + "\n").collect()
}

#[cfg(test)]
mod tests;
