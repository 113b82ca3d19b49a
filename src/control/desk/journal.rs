//! What can be undone and done again. Everybody takes back their own changes only, the last one first.

use std::collections::VecDeque;

use super::change::{Change, State};
use crate::command::Origin;

/// Changes that can be undone; older ones are forgotten.
const DEPTH: usize = 100;

/// A way to go through the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Back.
    Undo,
    /// Forth.
    Redo,
}

impl Step {
    /// `undo` or `redo`.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Undo => "undo",
            Self::Redo => "redo",
        }
    }
}

type Entries = VecDeque<(Origin, Change)>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Journal {
    done: Entries,
    undone: Entries,
}

impl Journal {
    /// Enters a new change; what its author had undone cannot be done again.
    pub(super) fn record(&mut self, by: &Origin, change: Change) {
        self.undone.retain(|(author, _)| author != by);
        push(&mut self.done, (by.clone(), change));
    }

    /// The change that a step by this author would make.
    pub(super) fn next(&self, step: Step, by: &Origin) -> Option<Change> {
        match step {
            Step::Undo => last(&self.done, by).map(|at| self.done[at].1.clone().reversed()),
            Step::Redo => last(&self.undone, by).map(|at| self.undone[at].1.clone()),
        }
    }

    /// The step was made.
    pub(super) fn step(&mut self, step: Step, by: &Origin) {
        let (from, to) = match step {
            Step::Undo => (&mut self.done, &mut self.undone),
            Step::Redo => (&mut self.undone, &mut self.done),
        };
        if let Some(entry) = last(from, by).and_then(|at| from.remove(at)) {
            push(to, entry);
        }
    }

    /// What was left in one state has gone on by itself into another: to take the change back is to leave that one.
    pub(super) fn follow(&mut self, from: &State, to: &State) {
        for (_, change) in self.done.iter_mut().filter(|(_, change)| change.to == *from) {
            change.to = to.clone();
        }
    }

    /// The step can never be made.
    pub(super) fn forget(&mut self, step: Step, by: &Origin) {
        let entries = match step {
            Step::Undo => &mut self.done,
            Step::Redo => &mut self.undone,
        };
        last(entries, by).and_then(|at| entries.remove(at));
    }
}

fn last(entries: &Entries, by: &Origin) -> Option<usize> {
    entries.iter().rposition(|(author, _)| author == by)
}

fn push(entries: &mut Entries, entry: (Origin, Change)) {
    if entries.len() == DEPTH {
        entries.pop_front();
    }
    entries.push_back(entry);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::BackendId;
    use crate::control::desk::setting::Setting;

    fn weight(from: u32, to: u32) -> Change {
        let state = |value| State { setting: Setting::Weight { backend: BackendId::new("web", "a"), value }, mark: None };
        Change { from: state(from), to: state(to) }
    }

    #[test]
    fn the_journal_is_bounded() {
        let mut journal = Journal::default();
        (0..150).for_each(|n| journal.record(&Origin::Dashboard, weight(n, n + 1)));
        for n in (50..150).rev() {
            assert_eq!(journal.next(Step::Undo, &Origin::Dashboard), Some(weight(n + 1, n)));
            journal.step(Step::Undo, &Origin::Dashboard);
        }
        assert_eq!(journal.next(Step::Undo, &Origin::Dashboard), None);
        assert_eq!(journal.next(Step::Redo, &Origin::Dashboard), Some(weight(50, 51)));
    }
}
