//! A change to what the operator owns: from one state to another, so that it can be turned round.

use std::fmt;

use super::book::{Entry, Mark};
use super::setting::{Setting, Subject};

/// How something is: its value, and on what grounds if it is not the config's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) setting: Setting,
    pub(super) mark: Option<Mark>,
}

impl State {
    /// Whether it is still the other. What is as the config says stays so when the config changes.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.mark == other.mark && (self.mark.is_none() || self.setting == other.setting)
    }
}

impl From<Entry> for State {
    fn from(Entry { setting, mark }: Entry) -> Self {
        Self { setting, mark: Some(mark) }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) from: State,
    /// Of the same subject.
    pub(super) to: State,
}

impl Change {
    /// The change that takes this one back.
    pub(super) fn reversed(self) -> Self {
        Self { from: self.to, to: self.from }
    }

    /// What is changed.
    pub(super) fn subject(&self) -> Subject {
        self.to.setting.subject()
    }

    /// Whether the value stays.
    pub(super) fn keeps_value(&self) -> bool {
        self.from.setting == self.to.setting
    }

    /// Whether it changes anything: the value or, if terms are given or taken back, the terms.
    pub(super) fn is_idle(&self) -> bool {
        self.keeps_value()
            && self.to.mark.as_ref().is_none_or(Mark::is_plain)
            && !self.from.mark.as_ref().is_some_and(Mark::is_limited)
    }
}

impl fmt::Display for Change {
    /// `web/api-1 up -> drain`; or, when it changes nothing, `web/api-1 is already up`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        let (label, value) = (to.setting.label(), to.setting.value());
        if self.is_idle() {
            f.write_str(&to.setting.already())
        } else if self.keeps_value() {
            write!(f, "{label} stays {value}")
        } else {
            write!(f, "{label} {} -> {value}", from.setting.value())
        }
    }
}
