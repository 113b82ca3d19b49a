//! Walks a tree of [`Node`]s and collects every problem on the way. The keys that a [`Section`] is asked for *are* its
//! schema: any other key is a problem, and the answer names those that were asked for.
//!
//! Whatever is wrong is reported and replaced by its default, so that reading goes on; a config that was read with
//! problems is never used.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::node::Node;
use super::place::{item_path, key_path};
use super::report::Report;
use super::value::{Parsed, nearest};

static EMPTY: Node = Node::Null;

/// A value of the file.
#[derive(Clone, Debug)]
pub(super) struct Value<'a> {
    node: &'a Node,
    path: String,
    report: &'a Report,
}

impl<'a> Value<'a> {
    pub(super) fn root(node: &'a Node, report: &'a Report) -> Self {
        Self { node, path: String::new(), report }
    }

    pub(super) fn node(&self) -> &'a Node {
        self.node
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// This value is wrong.
    pub(super) fn problem(&self, message: impl Into<String>) {
        self.report.problem(&self.path, message.into());
    }

    /// This value is probably not meant.
    pub(super) fn warning(&self, message: impl Into<String>) {
        self.report.warning(&self.path, message.into());
    }

    /// What `parse` makes of it; `None` (and a problem) if it refuses.
    pub(super) fn read<T>(&self, parse: impl FnOnce(&Node) -> Parsed<T>) -> Option<T> {
        parse(self.node).map_err(|message| self.problem(message)).ok()
    }

    /// Its items, if it is a list, else itself.
    pub(super) fn any_number(&self) -> Vec<Self> {
        let Node::List(nodes) = self.node else { return vec![self.clone()] };
        let item = |(index, node)| Self { node, path: item_path(&self.path, index), report: self.report };
        nodes.iter().enumerate().map(item).collect()
    }

    /// As [`Self::any_number`], but an empty list is a problem.
    pub(super) fn one_or_more(&self) -> Vec<Self> {
        let items = self.any_number();
        if items.is_empty() {
            self.problem("an empty list; write at least one item");
        }
        items
    }

    /// As [`Self::one_or_more`], but anything other than a list is a problem.
    pub(super) fn list(&self) -> Vec<Self> {
        if let Node::List(_) = self.node {
            return self.one_or_more();
        }
        self.problem(format!("found {}; write a list with at least one item", self.node));
        Vec::new()
    }

    /// What `read` makes of each of its items, see [`Self::section`].
    pub(super) fn sections<T>(&self, mut read: impl FnMut(&Section<'a>) -> T) -> Vec<T> {
        self.list().iter().filter_map(|item| item.section(&mut read)).collect()
    }

    /// What `read` makes of its keys; `None` (and a problem) if it has none. Any key that `read` does not ask for is a
    /// problem, and so is a key that is written twice.
    pub(super) fn section<T>(&self, read: impl FnOnce(&Section<'a>) -> T) -> Option<T> {
        let Node::Map(entries) = self.node else {
            self.problem(format!("found {}; write keys and values", self.node));
            return None;
        };
        let section = Section::new(self.clone(), entries);
        let result = read(&section);
        section.refuse_other_keys();
        Some(result)
    }
}

/// A group of keys and values.
#[derive(Debug)]
pub(super) struct Section<'a> {
    at: Value<'a>,
    entries: &'a [(String, Node)],
    asked: RefCell<Vec<&'static str>>,
    problems_before: usize,
}

impl<'a> Section<'a> {
    fn new(at: Value<'a>, entries: &'a [(String, Node)]) -> Self {
        let problems_before = at.report.problems();
        Self { at, entries, asked: RefCell::default(), problems_before }
    }

    /// The section itself, to complain about it.
    pub(super) fn whole(&self) -> &Value<'a> {
        &self.at
    }

    /// Whether nothing was wrong in it so far: only then do values that came out of it mean anything together.
    pub(super) fn is_sound(&self) -> bool {
        self.at.report.problems() == self.problems_before
    }

    fn child(&self, key: &str, node: &'a Node) -> Value<'a> {
        Value { node, path: key_path(&self.at.path, key), report: self.at.report }
    }

    /// The value of a key, if the key is there.
    pub(super) fn get(&self, key: &'static str) -> Option<Value<'a>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        let (_, node) = self.entries.iter().rev().find(|(name, _)| name == key)?;
        Some(self.child(key, node))
    }

    /// The value of a key, or a default.
    pub(super) fn value<T>(&self, key: &'static str, parse: impl FnOnce(&Node) -> Parsed<T>, default: T) -> T {
        self.get(key).and_then(|value| value.read(parse)).unwrap_or(default)
    }

    /// Whether a key is there; does not make it part of the schema.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == key)
    }

    /// The value of a key that has to be there. `example` is what could be written.
    pub(super) fn required(&self, key: &'static str, example: &str) -> Option<Value<'a>> {
        let value = self.get(key);
        if value.is_none() {
            self.missing(key, example);
        }
        value
    }

    /// A key has to be there and is not.
    pub(super) fn missing(&self, key: &str, example: &str) {
        self.child(key, &EMPTY).problem(format!("missing; write {example}"));
    }

    /// What `read` makes of the section below a key; of an empty one if it is not there.
    pub(super) fn section<T>(&self, key: &'static str, read: impl Fn(&Self) -> T) -> T {
        let written = self.get(key).filter(|value| *value.node != Node::Null);
        written.and_then(|value| value.section(&read)).unwrap_or_else(|| read(&Self::new(self.child(key, &EMPTY), &[])))
    }

    /// As [`Self::section`], but an empty value turns it off.
    pub(super) fn section_or_off<T>(&self, key: &'static str, read: impl Fn(&Self) -> T) -> Option<T> {
        match self.get(key) {
            Some(Value { node: Node::Null, .. }) => None,
            Some(value) if *value.node == Node::Bool(false) => {
                value.problem("found false; write null to turn this off");
                None
            }
            _ => Some(self.section(key, read)),
        }
    }

    fn refuse_other_keys(&self) {
        let asked = self.asked.borrow();
        let mut seen = HashSet::new();
        for (key, _) in self.entries {
            let key_problem = |message| self.at.report.key_problem(&key_path(&self.at.path, key), message);
            if !asked.contains(&key.as_str()) {
                let guess = nearest(key, &asked).map(|near| format!("did you mean {near}? ")).unwrap_or_default();
                key_problem(format!("unknown key; {guess}allowed: {}", asked.join(", ")));
            } else if !seen.insert(key) {
                key_problem("written twice; keep one".to_owned());
            }
        }
    }
}

/// What may occur only once, and the path where it did.
#[derive(Debug, Default)]
pub(super) struct Claims(HashMap<String, String>);

impl Claims {
    /// Claims `name` for the value at `at`; the path of the one that has it already, if one has.
    pub(super) fn claim(&mut self, name: &str, at: &Value<'_>) -> Option<&str> {
        match self.0.entry(name.to_owned()) {
            Entry::Occupied(first) => Some(first.into_mut()),
            Entry::Vacant(free) => {
                free.insert(at.path.clone());
                None
            }
        }
    }
}
