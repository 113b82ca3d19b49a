//! The book of overrides: what is set in place of what the config says, by whom, why, and until when.
//!
//! The desk writes it; the sampler and the [state file](crate::control::state_file) read it. What is not in it is as the
//! config says.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::setting::{Setting, Subject};
use crate::balance::backend::BackendId;
use crate::balance::snapshot::Override;
use crate::command::{Origin, Terms, ThenDown};

/// On what grounds an override stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Who has set it.
    pub by: Origin,
    /// Since when, milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// Why, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    /// Until when, milliseconds since the Unix epoch; `None` = until it is changed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_unix_ms: Option<u64>,
    /// How a drain ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then_down: Option<Pending>,
}

/// A drain that ends in `down`, when nothing is in flight any more or when its time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// When its time is over, milliseconds since the Unix epoch; `None` = waits for the last request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_unix_ms: Option<u64>,
    /// Whether what runs then is cut.
    #[serde(default)]
    pub cut: bool,
}

impl Mark {
    /// What these terms, agreed now, come to.
    pub(super) fn new(by: &Origin, terms: &Terms, then_down: Option<ThenDown>, now: u64) -> Self {
        let after = |ms: u64| now.saturating_add(ms);
        let pending = |then: ThenDown| Pending { deadline_unix_ms: then.after_ms.map(after), cut: then.cut };
        Self {
            by: by.clone(),
            at_unix_ms: now,
            reason: terms.reason.clone(),
            until_unix_ms: terms.for_ms.map(after),
            then_down: then_down.map(pending),
        }
    }

    /// Whether it says no more than who and when.
    pub(super) fn is_plain(&self) -> bool {
        self.reason.is_none() && self.until_unix_ms.is_none() && self.then_down.is_none()
    }

    /// Whether it ends when somebody asks for the same without any terms.
    pub(super) fn is_limited(&self) -> bool {
        self.until_unix_ms.is_some() || self.then_down.is_some()
    }

    /// How it looks in a snapshot.
    pub fn to_override(&self) -> Override {
        Override {
            by: self.by.to_string(),
            at_unix_ms: self.at_unix_ms,
            reason: self.reason.clone(),
            until_unix_ms: self.until_unix_ms,
        }
    }
}

/// An override.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What is set, and to what.
    #[serde(flatten)]
    pub setting: Setting,
    /// On what grounds.
    #[serde(flatten)]
    pub mark: Mark,
}

/// The overrides in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book(BTreeMap<Subject, Entry>);

impl Book {
    /// The override of something, if it is not as the config says.
    pub fn get(&self, subject: &Subject) -> Option<&Entry> {
        self.0.get(subject)
    }

    /// On what grounds something is not as the config says.
    pub fn mark(&self, subject: &Subject) -> Option<&Mark> {
        self.get(subject).map(|entry| &entry.mark)
    }

    /// All of them.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.values()
    }

    /// Enters an override in place of the one before.
    pub(super) fn enter(&mut self, entry: Entry) {
        self.0.insert(entry.setting.subject(), entry);
    }

    /// It is as the config says again.
    pub(super) fn strike(&mut self, subject: &Subject) {
        self.0.remove(subject);
    }

    /// Whether anything in it happens by itself.
    pub(super) fn is_timed(&self) -> bool {
        self.entries().any(|entry| entry.mark.is_limited())
    }

    /// The overrides whose time is over.
    pub(super) fn over(&self, now: u64) -> Vec<Subject> {
        let over = |entry: &&Entry| entry.mark.until_unix_ms.is_some_and(|until| until <= now);
        self.entries().filter(over).map(|entry| entry.setting.subject()).collect()
    }

    /// The drains whose time is over.
    pub(super) fn overdue(&self, now: u64) -> Vec<BackendId> {
        let deadline = |entry: &Entry| entry.mark.then_down?.deadline_unix_ms;
        let overdue = self.entries().filter(|entry| deadline(entry).is_some_and(|deadline| deadline <= now));
        let backend = |entry: &Entry| match &entry.setting {
            Setting::Mode { backend, .. } => Some(backend.clone()),
            Setting::Weight { .. } | Setting::Strategy { .. } => None,
        };
        overdue.filter_map(backend).collect()
    }
}

impl FromIterator<Entry> for Book {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        Self(entries.into_iter().map(|entry| (entry.setting.subject(), entry)).collect())
    }
}
