//! What a config would change of what runs: shown before a reload, and what a reload goes by.
//!
//! Plain data, so that the admin API can send it and others can show it. How it comes about is in `diff`.

mod diff;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The pools: those of the new config in its order, then those that go.
    pub pools: Vec<PoolPlan>,
    /// Keys outside the pools that change.
    pub settings: Vec<KeyChange>,
    /// Addresses that will take traffic.
    pub listeners_added: Vec<String>,
    /// Addresses that will not any more; open connections go on.
    pub listeners_removed: Vec<String>,
    /// Keys that only a restart can change: they stay as they are.
    pub needs_restart: Vec<KeyChange>,
    /// What an operator has set at something that goes, and is forgotten with it.
    pub orphaned: Vec<String>,
    /// Not wrong, but probably not meant.
    pub warnings: Vec<String>,
    /// Why this is not done unless it is forced; empty = it is.
    pub needs_force: Vec<String>,
}

/// What becomes of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It is new.
    Added,
    /// It is kept, and something about it changes.
    Changed,
    /// It goes: nothing new is sent there, what runs may finish.
    Removed,
    /// It stays as it is.
    Stays,
}

/// What becomes of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolPlan {
    /// Its name.
    pub name: Arc<str>,
    /// What becomes of it. Where only backends change it is changed too.
    pub fate: Fate,
    /// Its own keys that change.
    pub changes: Vec<KeyChange>,
    /// Its backends: those of the new config in its order, then those that go.
    pub backends: Vec<BackendPlan>,
}

/// What becomes of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendPlan {
    /// Its name within the pool.
    pub name: Arc<str>,
    /// `http://host:port`; of one that changes, the new one.
    pub url: String,
    /// What becomes of it.
    pub fate: Fate,
    /// Its keys that change.
    pub changes: Vec<KeyChange>,
    /// Requests and tunnels in flight at a server that goes (removed, or at another address by now); they may finish.
    pub in_flight: u32,
}

/// A key that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// The key, with dots between its parts.
    pub key: String,
    /// Its value before.
    pub from: String,
    /// Its value after.
    pub to: String,
}

impl fmt::Display for KeyChange {
    /// `weight 1 -> 2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.key, self.from, self.to)
    }
}

impl Plan {
    /// Whether a reload would change nothing that runs.
    pub fn is_idle(&self) -> bool {
        let Self { pools, settings, listeners_added, listeners_removed, .. } = self;
        let stays = |pool: &PoolPlan| pool.fate == Fate::Stays;
        pools.iter().all(stays) && settings.is_empty() && listeners_added.is_empty() && listeners_removed.is_empty()
    }

    /// One line: how much of it is added, changed, removed. Backends and listeners count, and pools and keys that change.
    pub fn summary(&self) -> String {
        let backends = |fate| self.pools.iter().flat_map(|pool| &pool.backends).filter(|backend| backend.fate == fate).count();
        let pools = self.pools.iter().filter(|pool| pool.fate == Fate::Changed && !pool.changes.is_empty()).count();
        let counts = [
            (backends(Fate::Added) + self.listeners_added.len(), "added"),
            (backends(Fate::Changed) + pools + self.settings.len(), "changed"),
            (backends(Fate::Removed) + self.listeners_removed.len(), "removed"),
        ];
        let told: Vec<_> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let told = if told.is_empty() { "nothing has changed".to_owned() } else { told.join(", ") };
        if self.needs_restart.is_empty() { told } else { format!("{told}; needs a restart: {}", joined(&self.needs_restart)) }
    }
}

fn joined(changes: &[KeyChange]) -> String {
    changes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Plan {
    /// Several lines, without a last line end: `+` is added, `~` changed, `-` removed, `!` is to be known. What stays is not
    /// shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        lines.extend(self.listeners_added.iter().map(|address| format!("+ listen {address}")));
        lines.extend(self.listeners_removed.iter().map(|address| format!("- listen {address} (open connections go on)")));
        lines.extend(self.settings.iter().map(|change| format!("~ {change}")));
        self.pools.iter().for_each(|pool| pool.lines(&mut lines));
        if lines.is_empty() {
            lines.push("nothing would change".to_owned());
        }
        lines.extend(self.needs_restart.iter().map(|change| format!("! needs a restart: {change}")));
        lines.extend(self.orphaned.iter().map(|what| format!("! override lost: {what}")));
        lines.extend(self.warnings.iter().map(|warning| format!("! {warning}")));
        lines.extend(self.needs_force.iter().map(|why| format!("! needs force: {why}")));
        f.write_str(&lines.join("\n"))
    }
}

impl PoolPlan {
    fn lines(&self, lines: &mut Vec<String>) {
        let name = &self.name;
        match self.fate {
            Fate::Added => lines.push(format!("+ pool {name}")),
            Fate::Removed => lines.push(format!("- pool {name}")),
            Fate::Changed if !self.changes.is_empty() => lines.push(format!("~ pool {name}: {}", joined(&self.changes))),
            Fate::Changed | Fate::Stays => {}
        }
        for BackendPlan { name: backend, url, fate, changes, in_flight } in &self.backends {
            let finish = if *in_flight > 0 { format!(" ({in_flight} in flight may finish)") } else { String::new() };
            match fate {
                Fate::Added => lines.push(format!("+ {name}/{backend} {url}")),
                Fate::Changed => lines.push(format!("~ {name}/{backend}: {}{finish}", joined(changes))),
                Fate::Removed => lines.push(format!("- {name}/{backend} {url}{finish}")),
                Fate::Stays => {}
            }
        }
    }
}
