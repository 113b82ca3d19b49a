//! The checks of every backend that has any.

use std::collections::HashMap;
use std::iter;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Checks;
use crate::balance::backend::{Backend, BackendId};
use crate::config::HealthCheck;
use crate::running::Running;

/// See the module. Clones are the same register.
#[derive(Clone, Debug, Default)]
pub struct Register(Arc<ArcSwap<HashMap<BackendId, Entry>>>);

#[derive(Clone, Debug)]
struct Entry {
    backend: Arc<Backend>,
    checks: Arc<Checks>,
}

impl Register {
    /// The register of what runs.
    pub fn new(running: &Running) -> Self {
        let register = Self::default();
        register.follow(running);
        register
    }

    /// Goes over to what runs by now. Checks whose settings and backend are the same stay what they are.
    pub fn follow(&self, running: &Running) {
        let known = self.0.load();
        let entry = |backend: &Arc<Backend>, check: &HealthCheck| {
            let old = known.get(&backend.spec.id).filter(|old| Arc::ptr_eq(&old.backend.live, &backend.live));
            let same = old.filter(|old| old.checks.config == *check).map(|old| Arc::clone(&old.checks));
            let checks = same.unwrap_or_else(|| Arc::new(Checks::new(check, backend.live.verdict())));
            (backend.spec.id.clone(), Entry { backend: Arc::clone(backend), checks })
        };
        let pools = iter::zip(&running.config.pools, &*running.pools);
        let checked = pools.filter_map(|(config, pool)| Some((pool, config.health_check.as_ref()?)));
        let entries = checked.flat_map(|(pool, check)| pool.backends().iter().map(move |backend| (backend, check)));
        let entries = entries.map(|(backend, check)| entry(backend, check)).collect();
        self.0.store(Arc::new(entries));
    }

    /// A backend's checks.
    pub fn get(&self, backend: &BackendId) -> Option<Arc<Checks>> {
        self.0.load().get(backend).map(|entry| Arc::clone(&entry.checks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn config(text: &str) -> config::Config {
        config::parse_str(&format!("workers: 1\npools:\n{text}")).expect("valid").config
    }

    #[test]
    fn only_what_has_changed_is_checked_anew() {
        let before = "  - {name: web, backends: [\"http://h:1\", \"http://h:2\"]}\n  - {name: api, path_prefix: /api, backends: [\"http://h:3\"]}\n\
                      \x20 - {name: raw, path_prefix: /raw, backends: [\"http://h:4\"], health_check: null}\n";
        let running = Running::new(config(before), Vec::new(), || 0);
        let register = Register::new(&running);
        let ids = ["web/h:1", "web/h:2", "api/h:3", "raw/h:4"].map(|id| id.split_once('/').expect("two names"));
        let checks = || ids.map(|(pool, backend)| register.get(&BackendId::new(pool, backend)));
        let [one, two, three, four] = checks();
        assert!(four.is_none());
        let after = before.replace("http://h:2", "http://h:9").replace("h:3\"]", "h:3\"], health_check: {rise: 7}");
        let after = after.replace("name: web,", "name: web, slow_start: 1s,");
        register.follow(&running.succeeded_by(config(&after), Vec::new(), || 0));
        let [later_one, later_two, later_three, _] = checks();
        assert!(Arc::ptr_eq(&one.expect("checked"), &later_one.expect("checked")));
        assert!(two.is_some() && later_two.is_none());
        let (three, later_three) = (three.expect("checked"), later_three.expect("checked"));
        assert_eq!((three.thresholds().0, later_three.thresholds().0), (2, 7));
    }
}
