//! Which backends are emptying after the operator took them out, and when they are empty.
//!
//! Not the process's shutdown (see [`crate::shutdown`]). Kept by the desk, which asks every [`POLL`].

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::balance::backend::{Backend, BackendId, Mode};

/// How often to look.
pub const POLL: Duration = Duration::from_millis(100);

/// The backends that are emptying.
#[derive(Debug, Default)]
pub struct Drains(Vec<Emptying>);

/// One of them.
#[derive(Debug)]
struct Emptying {
    backend: Arc<Backend>,
    /// Whether it has been looked at before: a worker that has just picked with the old rotation is to be seen in flight
    /// before "drained" is said.
    seen: bool,
}

impl Drains {
    /// This backend has just been taken out.
    pub fn watch(&mut self, backend: &Arc<Backend>) {
        self.0.retain(|watched| watched.backend.spec.id != backend.spec.id);
        self.0.push(Emptying { backend: Arc::clone(backend), seen: false });
    }

    /// Whether there is anything to wait for.
    pub fn is_idle(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes off the list what is empty and says so. What is up again goes silently.
    pub fn settled(&mut self) -> Vec<BackendId> {
        self.0.retain(|Emptying { backend, .. }| backend.live.mode() != Mode::Up);
        let is_empty = |Emptying { backend, seen }: &mut Emptying| mem::replace(seen, true) && backend.live.in_flight() == 0;
        self.0.extract_if(.., is_empty).map(|emptying| emptying.backend.spec.id.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;
    use crate::control::fixture;

    #[test]
    fn empty_is_told_once_and_only_of_those_that_are_out() {
        let pool = fixture::pool("web", &["a", "b", "c"]);
        let [a, b, c] = [0, 1, 2].map(|index| &pool.backends()[index]);
        let mut drains = Drains::default();
        for backend in [a, b, c, a] {
            backend.live.set_mode(Mode::Drain);
            backend.live.in_flight.store(1, Relaxed);
            drains.watch(backend);
        }
        assert_eq!(drains.settled(), []);
        a.live.in_flight.store(0, Relaxed);
        c.live.in_flight.store(0, Relaxed);
        c.live.set_mode(Mode::Up);
        assert_eq!(drains.settled(), std::slice::from_ref(&a.spec.id));
        assert!(!drains.is_idle());
        b.live.set_mode(Mode::Up);
        assert_eq!(drains.settled(), []);
        assert!(drains.is_idle());
    }
}
