//! Where running state differs from the config, and what the config would have to say for it to last. Read from a snapshot,
//! so that whoever sees an instance can tell, near or far.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::backend::Mode;
use super::snapshot::{BackendView, Override, PoolView, Snapshot};

/// Every override of an instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overrides {
    /// Pool by pool, in the order of the config.
    pub overrides: Vec<OverrideView>,
    /// What the config would have to say for them to last; empty if there are none.
    pub yaml: String,
}

/// What is overridden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A pool's strategy.
    Strategy,
    /// A backend's weight.
    Weight,
    /// A backend's mode.
    Mode,
}

/// A value: a weight is a number, everything else a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A weight.
    Number(u32),
    /// A strategy or a mode.
    Word(String),
}

/// One override.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverrideView {
    /// What is overridden.
    pub what: What,
    /// In which pool.
    pub pool: Arc<str>,
    /// Of which backend; `None` for a strategy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<Arc<str>>,
    /// The value in force.
    pub value: Value,
    /// The value of the config.
    pub configured: Value,
    /// Who, when, why, until when.
    #[serde(flatten)]
    pub set: Override,
}

impl Overrides {
    /// What this snapshot tells of.
    pub fn of(snapshot: &Snapshot) -> Self {
        let pools: String = snapshot.pools.iter().map(yaml).collect();
        let heading = if pools.is_empty() { "" } else { "pools:\n" };
        let comments: String = snapshot.pools.iter().flat_map(|pool| &pool.backends).filter_map(comment).collect();
        let overrides = snapshot.pools.iter().flat_map(of_pool).collect();
        Self { overrides, yaml: format!("{heading}{pools}{comments}") }
    }
}

fn of_pool(pool: &PoolView) -> impl Iterator<Item = OverrideView> {
    let strategy = pool.strategy_override.clone().map(|set| OverrideView {
        what: What::Strategy,
        pool: pool.name.clone(),
        backend: None,
        value: Value::Word(pool.strategy.to_string()),
        configured: Value::Word(pool.configured_strategy.to_string()),
        set,
    });
    strategy.into_iter().chain(pool.backends.iter().flat_map(of_backend))
}

fn of_backend(backend: &BackendView) -> impl Iterator<Item = OverrideView> {
    let view = |what, value, configured, set: &Override| OverrideView {
        what,
        pool: backend.id.pool.clone(),
        backend: Some(backend.id.backend.clone()),
        value,
        configured,
        set: set.clone(),
    };
    let (weight, configured) = (Value::Number(backend.weight), Value::Number(backend.configured_weight));
    let weight = backend.weight_override.as_ref().map(|set| view(What::Weight, weight, configured, set));
    let (mode, up) = (Value::Word(backend.mode.to_string()), Value::Word(Mode::Up.to_string()));
    let mode = backend.mode_override.as_ref().map(|set| view(What::Mode, mode, up, set));
    weight.into_iter().chain(mode)
}

/// What of a pool would have to be written differently; nothing if nothing would.
fn yaml(pool: &PoolView) -> String {
    let strategy = pool.strategy_override.iter().map(|_| format!("    strategy: {}\n", pool.strategy));
    let weight = |backend: &BackendView| {
        let BackendView { id, url, weight, .. } = backend;
        backend
            .weight_override
            .as_ref()
            .map(|_| format!("      - {{name: \"{}\", url: \"{url}\", weight: {weight}}}\n", id.backend))
    };
    let mut weights = pool.backends.iter().filter_map(weight).peekable();
    let heading = weights.peek().map(|_| "    backends:\n".to_owned());
    let lines: String = strategy.chain(heading).chain(weights).collect();
    if lines.is_empty() { lines } else { format!("  - name: \"{}\"\n{lines}", pool.name) }
}

fn comment(BackendView { id, mode, mode_override, .. }: &BackendView) -> Option<String> {
    mode_override.as_ref().map(|_| format!("# {id} is {mode}: a mode has no place in the config\n"))
}
