//! Which backend is meant by a name.

use super::Failure;
use crate::balance::backend::BackendId;
use crate::balance::snapshot::Snapshot;
use crate::cli::Name;
use crate::client::Client;
use crate::telemetry::line::Escaped;

/// How much two names must have in common to be taken for each other.
const ALIKE: f64 = 0.7;

/// The backend of that name. The instance is asked only where the pool is left out.
pub(super) async fn backend(client: &Client, name: &Name) -> Result<BackendId, Failure> {
    match &name.pool {
        Some(pool) => Ok(BackendId::new(pool, &name.backend)),
        None => only(&client.snapshot().await?, &name.backend).map_err(Failure::Failed),
    }
}

/// The only backend of that name in all the pools.
pub(super) fn only(snapshot: &Snapshot, name: &str) -> Result<BackendId, String> {
    let ids = || snapshot.pools.iter().flat_map(|pool| &pool.backends).map(|backend| &backend.id);
    let found: Vec<_> = ids().filter(|id| *id.backend == *name).collect();
    match found[..] {
        [id] => Ok(id.clone()),
        [] => {
            if let Some(pool) = snapshot.pools.iter().find(|pool| *pool.name == *name) {
                let all: Vec<_> = pool.backends.iter().map(|backend| backend.id.to_string()).collect();
                return Err(format!("{name} is a pool; name one of its backends: {}", Escaped(&all.join(", "))));
            }
            let pools = snapshot.pools.iter().map(|pool| (&*pool.name, pool.name.to_string()));
            let names = pools.chain(ids().map(|id| (&*id.backend, id.to_string())));
            Err(format!("nothing is called {}{}", Escaped(name), did_you_mean(name, names)))
        }
        _ => {
            let all: Vec<_> = found.iter().map(ToString::to_string).collect();
            Err(format!("there are several backends {name}; name one: {}", Escaped(&all.join(", "))))
        }
    }
}

/// Says that a backend is not there.
pub(super) fn missing(snapshot: &Snapshot, id: &BackendId) -> String {
    let Some(pool) = snapshot.pools.iter().find(|pool| pool.name == id.pool) else {
        let names = snapshot.pools.iter().map(|pool| (&*pool.name, pool.name.to_string()));
        return format!("there is no pool {}{}", Escaped(&id.pool), did_you_mean(&id.pool, names));
    };
    let names = pool.backends.iter().map(|backend| (&*backend.id.backend, backend.id.to_string()));
    format!("there is no backend {}{}", Escaped(&id.to_string()), did_you_mean(&id.backend, names))
}

/// `; did you mean web/api-1?`, or nothing if no name comes near. Each has a short form, which is compared, and a full one.
pub(super) fn did_you_mean<'a>(word: &str, names: impl Iterator<Item = (&'a str, String)>) -> String {
    let alike = names.map(|(short, full)| (strsim::jaro_winkler(word, short), full)).filter(|(likeness, _)| *likeness >= ALIKE);
    let nearest = alike.max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map(|(_, full)| format!("; did you mean {}?", Escaped(&full))).unwrap_or_default()
}
