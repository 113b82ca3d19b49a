//! Comparing what runs with a config.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{BackendPlan, Fate, KeyChange, Plan, PoolPlan};
use crate::balance::backend::{Backend, Eligibility, Mode, Spec};
use crate::balance::pool::Pool;
use crate::config::{Described, Loaded, PoolConfig};
use crate::running::Running;

impl Plan {
    /// What this config would change of what runs.
    pub fn new(running: &Running, Loaded { config, warnings }: &Loaded) -> Self {
        let now = &running.config;
        let mut plan = Self {
            settings: changes(&now.settings(), &config.settings()),
            needs_restart: changes(&now.fixed(), &config.fixed()),
            listeners_added: without(&config.listen, &now.listen),
            listeners_removed: without(&now.listen, &config.listen),
            warnings: warnings.iter().map(ToString::to_string).collect(),
            ..Self::default()
        };
        if now.admin_token != config.admin_token {
            let told = |given: bool, word: &str| if given { word.to_owned() } else { "null".to_owned() };
            let (from, to) = (told(now.admin_token.is_some(), "a token"), told(config.admin_token.is_some(), "another token"));
            plan.settings.push(KeyChange { key: "admin.token_file".to_owned(), from, to });
        }
        plan.settings.extend(reordered("pools", &now.pools, &config.pools, |pool| pool.name().to_string()));
        for new in &config.pools {
            let old = running.config.pools.iter().zip(&*running.pools).find(|(old, _)| old.name() == new.name());
            match old {
                None => plan.pools.push(added(new)),
                Some((old, pool)) => plan.compare(old, pool, new),
            }
        }
        let gone = |pool: &&Arc<Pool>| config.pools.iter().all(|new| new.name() != pool.name());
        running.pools.iter().filter(gone).for_each(|pool| plan.remove(pool));
        plan
    }

    /// A pool that stays.
    fn compare(&mut self, old: &PoolConfig, pool: &Pool, new: &PoolConfig) {
        let name = pool.name();
        let (before, after) = (&old.balance.backends, &new.balance.backends);
        let mut own = changes(&old.described(), &new.described());
        own.extend(reordered("backends", before, after, |spec| spec.id.backend.to_string()));
        let mut backends: Vec<_> = after.iter().map(|spec| self.backend(pool, spec)).collect();
        let gone = |backend: &&Arc<Backend>| after.iter().all(|spec| spec.id != backend.spec.id);
        for backend in pool.backends().iter().filter(gone) {
            self.orphan(backend);
            backends.push(removed(backend));
        }
        let stays = own.is_empty() && backends.iter().all(|backend| backend.fate == Fate::Stays);
        if pool.strategy() != old.balance.strategy && own.iter().any(|change| change.key == "strategy") {
            self.warnings.push(format!("{name}: the strategy {} stays: an operator has set it", pool.strategy()));
        }
        let eligible = pool.backends().iter().any(|backend| backend.eligibility().is_eligible());
        if eligible && !after.iter().any(|spec| may_serve(pool, spec)) {
            self.needs_force.push(format!("{name} would be left without an eligible backend; clients would get 503"));
        }
        let fate = if stays { Fate::Stays } else { Fate::Changed };
        self.pools.push(PoolPlan { name: Arc::clone(name), fate, changes: own, backends });
    }

    /// A backend of the new config, in a pool that stays.
    fn backend(&mut self, pool: &Pool, spec: &Spec) -> BackendPlan {
        let Some(old) = pool.backends().iter().find(|backend| backend.spec.id == spec.id) else {
            return plan_of(spec, Fate::Added);
        };
        let changes = changes(&old.spec.described(), &spec.described());
        let moves = !old.spec.is_same_server(spec);
        if !moves && old.live.weight() != old.spec.weight && old.spec.weight != spec.weight {
            self.warnings.push(format!("{}: the weight {} stays: an operator has set it", spec.id, old.live.weight()));
        }
        let fate = if changes.is_empty() { Fate::Stays } else { Fate::Changed };
        let in_flight = if moves { old.live.in_flight() } else { 0 };
        BackendPlan { changes, in_flight, ..plan_of(spec, fate) }
    }

    fn remove(&mut self, pool: &Pool) {
        pool.backends().iter().for_each(|backend| self.orphan(backend));
        if pool.strategy() != pool.settings().strategy {
            self.orphaned.push(format!("{} strategy {}", pool.name(), pool.strategy()));
        }
        let backends = pool.backends().iter().map(|backend| removed(backend)).collect();
        self.pools.push(PoolPlan { name: Arc::clone(pool.name()), fate: Fate::Removed, changes: Vec::new(), backends });
    }

    /// Notes what an operator has set at a backend that goes.
    fn orphan(&mut self, Backend { spec, live }: &Backend) {
        if live.mode() != Mode::Up {
            self.orphaned.push(format!("{} {}", spec.id, live.mode()));
        }
        if live.weight() != spec.weight {
            self.orphaned.push(format!("{} weight {}", spec.id, live.weight()));
        }
    }
}

fn added(pool: &PoolConfig) -> PoolPlan {
    let backends = pool.balance.backends.iter().map(|spec| plan_of(spec, Fate::Added)).collect();
    PoolPlan { name: Arc::clone(pool.name()), fate: Fate::Added, changes: Vec::new(), backends }
}

fn removed(backend: &Backend) -> BackendPlan {
    BackendPlan { in_flight: backend.live.in_flight(), ..plan_of(&backend.spec, Fate::Removed) }
}

fn plan_of(spec: &Spec, fate: Fate) -> BackendPlan {
    BackendPlan { name: Arc::clone(&spec.id.backend), url: spec.url(), fate, changes: Vec::new(), in_flight: 0 }
}

/// Whether a backend of the new config is expected to take requests. Whoever is new is.
fn may_serve(pool: &Pool, spec: &Spec) -> bool {
    let Some(old) = pool.backends().iter().find(|backend| backend.spec.id == spec.id) else { return spec.weight > 0 };
    if !old.spec.is_same_server(spec) {
        return spec.weight > 0 && old.live.mode() == Mode::Up;
    }
    let overridden = old.live.weight() != old.spec.weight;
    let weight = if overridden { old.live.weight() } else { spec.weight };
    weight > 0 && matches!(old.eligibility(), Eligibility::Eligible | Eligibility::OnTrial | Eligibility::NoWeight)
}

/// The keys whose values differ. One that stands on one side only has no value on the other.
fn changes(before: &Described, after: &Described) -> Vec<KeyChange> {
    let value = |all: &Described, key: &str| all.iter().find(|(other, _)| *other == key).map(|(_, value)| value.clone());
    let keys = before.iter().map(|(key, _)| *key);
    let new = after.iter().map(|(key, _)| *key).filter(|key| value(before, key).is_none());
    let change = |key: &str| {
        let [from, to] = [before, after].map(|all| value(all, key));
        let none = || "-".to_owned();
        (from != to).then(|| KeyChange { key: key.to_owned(), from: from.unwrap_or_else(none), to: to.unwrap_or_else(none) })
    };
    keys.chain(new).filter_map(change).collect()
}

/// Those that are not among the others; of equal ones, as many as there are more.
fn without(all: &[SocketAddr], others: &[SocketAddr]) -> Vec<String> {
    let mut others = others.to_vec();
    let mut is_among = |address: &SocketAddr| {
        let at = others.iter().position(|other| other == address);
        at.map(|at| others.swap_remove(at)).is_some()
    };
    all.iter().filter(|address| !is_among(address)).map(ToString::to_string).collect()
}

/// Whether those on both sides stand in another order.
fn reordered<T>(key: &str, before: &[T], after: &[T], name: impl Fn(&T) -> String) -> Option<KeyChange> {
    let names = |all: &[T]| all.iter().map(&name).collect::<Vec<_>>();
    let (before, after) = (names(before), names(after));
    let both = |all: &[String], others: &[String]| all.iter().filter(|name| others.contains(name)).cloned().collect::<Vec<_>>();
    let (from, to) = (both(&before, &after), both(&after, &before));
    let order = |names: &[String]| names.join(", ");
    (from != to).then(|| KeyChange { key: format!("order of {key}"), from: order(&from), to: order(&to) })
}

#[cfg(test)]
mod tests;
