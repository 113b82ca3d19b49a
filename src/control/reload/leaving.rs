//! Backends that a reload has removed. Nothing new is sent there: a pool that goes on does not offer them any more, and to a
//! pool that is gone no request finds the way. What runs, waits or is tried again there may finish.

use std::mem;
use std::sync::Arc;

use crate::balance::backend::{Backend, BackendId};
use crate::balance::pool::Pool;
use crate::running::Running;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Leaving(Vec<Last>);

/// A backend that empties.
#[derive(Debug)]
struct Last {
    backend: Arc<Backend>,
    /// Its pool, if that is gone too: then requests that wait may still come.
    pool: Option<Arc<Pool>>,
    /// Whether it has been looked at before: a worker that has just picked it is to be seen in flight first.
    seen: bool,
}

impl Leaving {
    /// Takes note of the backends that there are no more, and says which.
    pub(super) fn see_off(&mut self, before: &Running, now: &Running) -> Vec<Arc<Backend>> {
        let mut gone = Vec::new();
        for old in &*before.pools {
            let pool = now.pool(old.name());
            let stays = |backend: &&Arc<Backend>| {
                let stays = |other: &Arc<Backend>| Arc::ptr_eq(&other.live, &backend.live);
                pool.is_some_and(|pool| Arc::ptr_eq(pool, old) || pool.backends().iter().any(stays))
            };
            for backend in old.backends().iter().filter(|backend| !stays(backend)) {
                let pool = pool.is_none().then(|| Arc::clone(old));
                if backend.live.in_flight() > 0 || pool.as_ref().is_some_and(|pool| !pool.live().waiters.is_empty()) {
                    self.0.push(Last { backend: Arc::clone(backend), pool, seen: false });
                }
                gone.push(Arc::clone(backend));
            }
        }
        gone
    }

    /// Whether there is nobody to wait for.
    pub(super) fn is_idle(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes off the list what is empty and says so.
    pub(super) fn settled(&mut self) -> Vec<BackendId> {
        let is_empty = |Last { backend, pool, seen }: &mut Last| {
            let awaited = pool.as_ref().is_some_and(|pool| !pool.live().waiters.is_empty());
            mem::replace(seen, true) && backend.live.in_flight() == 0 && !awaited
        };
        self.0.extract_if(.., is_empty).map(|last| last.backend.spec.id.clone()).collect()
    }
}
