//! `status`: how things are, in a table.

mod text;

use serde_json::Value;

use super::name::{missing, only};
use super::{Desk, Failure, say};
use crate::balance::backend::BackendId;
use crate::balance::snapshot::{BackendView, PoolView, Snapshot};
use crate::cli::Status;
use crate::client::Call;
use crate::telemetry::line::Escaped;

/// Shows all of it, or what was named.
pub(super) async fn run(desk: &Desk, Status { of, plain }: &Status) -> Result<(), Failure> {
    let json = desk.call(&Call::snapshot()).await?;
    let mut snapshot: Snapshot = desk.client.read(&json)?;
    let of = of.as_deref().map(|name| Of::find(&snapshot, name)).transpose().map_err(Failure::Failed)?;
    if desk.json {
        say(of.map_or(json.clone(), |of| of.json(&json)));
        return Ok(());
    }
    if let Some(of) = &of {
        of.narrow(&mut snapshot);
    }
    let text =
        if *plain { plain_lines(&snapshot) } else { text::status(&snapshot, &desk.client.address().to_string(), &desk.zone) };
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
        only(snapshot, name).map(Self::Backend).map_err(|_| missing(snapshot, &BackendId::new(name, "")))
    }

    fn pool(&self) -> &str {
        match self {
            Self::Pool(pool) => pool,
            Self::Backend(id) => &id.pool,
        }
    }

    /// Leaves nothing else.
    fn narrow(&self, snapshot: &mut Snapshot) {
        snapshot.pools.retain(|pool| *pool.name == *self.pool());
        if let Self::Backend(id) = self {
            snapshot.pools.iter_mut().for_each(|pool| pool.backends.retain(|backend| backend.id == *id));
        }
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
fn plain_lines(snapshot: &Snapshot) -> String {
    let line = |backend: &BackendView| {
        let BackendView { id, mode, health, in_flight, url, .. } = backend;
        Escaped(&id.to_string()).to_string() + &format!("\t{mode}\t{health}\t{in_flight}\t{}\n", Escaped(url))
    };
    let of_pool = |pool: &PoolView| pool.backends.iter().map(line).collect::<String>();
    snapshot.pools.iter().map(of_pool).collect()
}

#[cfg(test)]
mod tests;
