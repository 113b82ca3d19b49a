//! What happens at the desk without anybody asking: drains end, the time of overrides is over, and what was in force before
//! a restart comes back.
//!
//! None of this enters the journal. Who undoes a change that has ended by itself is told so, by `expiry`, and nothing else
//! is taken back in its place. A drain that has gone on into `down` is still one change of the one who began it: one undo
//! takes the backend up again.

use super::book::{Entry, Mark};
use super::change::{Change, State};
use super::setting::{Setting, Subject};
use super::{Account, ControlDesk};
use crate::balance::backend::{BackendId, Mode};
use crate::clock::{self, for_humans};
use crate::command::{CommandError, MAX_WEIGHT, Origin};
use crate::event::{Event, Severity};

impl ControlDesk {
    /// Whether there is anything to wait for.
    pub(super) fn is_timed(&self) -> bool {
        !self.drains.is_idle() || self.book.borrow().is_timed()
    }

    /// Looks whether anything has ended. `now` is in milliseconds since the Unix epoch.
    pub(super) fn tick(&mut self, now: u64) {
        for backend in self.drains.settled() {
            self.bus.publish(Event::Drained { backend: backend.clone() });
            self.go_down(&backend, "drained");
        }
        let (overdue, over) = {
            let book = self.book.borrow();
            (book.overdue(now), book.over(now))
        };
        for backend in overdue {
            self.go_down(&backend, "the time of its drain is over");
        }
        for subject in over {
            self.expire(&subject);
        }
    }

    /// Ends a drain that is to end in `down`, in the name of the one who began it.
    fn go_down(&mut self, id: &BackendId, why: &str) {
        let subject = Subject::Mode(id.clone());
        let Ok(State { setting, mark: Some(mark) }) = self.state(&subject) else { return };
        let Some(pending) = mark.then_down else { return };
        let by = mark.by.clone();
        let to = Mark { at_unix_ms: clock::unix_ms(), then_down: None, ..mark.clone() };
        let to = State { setting: Setting::Mode { backend: id.clone(), value: Mode::Down }, mark: Some(to) };
        let change = Change { from: State { setting, mark: Some(mark) }, to };
        let cut = pending.cut && self.backend(id).is_ok_and(|(_, backend)| backend.live.in_flight() > 0);
        if self.make(&change, Account { by, reason: Some(why.into()), cut }, true).is_ok() {
            self.journal.follow(&change.from, &change.to);
        }
    }

    /// Goes back to what the config says. Where that would leave nobody to serve, the override stays and is no longer timed.
    fn expire(&mut self, subject: &Subject) {
        let (Ok(from), Ok(configured)) = (self.state(subject), self.configured(subject)) else { return };
        let Some(mark) = from.mark.clone() else { return };
        let set_for = mark.until_unix_ms.map_or(0, |until| until.saturating_sub(mark.at_unix_ms));
        let reason = format!("{} has set it for {}", mark.by, for_humans(set_for));
        let change = Change { to: State { setting: configured, mark: None }, from };
        let account = Account { by: Origin::Expiry, reason: Some(reason.into()), cut: false };
        if let Err(error) = self.make(&change, account, false) {
            let (command, why) = (change.to.setting.to_string(), format!("{error}; it stays {}", change.from.setting.value()));
            self.bus.publish(Event::Refused { command, by: Origin::Expiry, why, reason: mark.reason.clone() });
            self.enter(&State { mark: Some(Mark { until_unix_ms: None, ..mark }), ..change.from });
        }
    }

    /// Brings back what was in force before a restart. What no longer has a place is dropped, and said to be.
    pub fn restore(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            let text = entry.setting.to_string();
            if let Err(why) = self.restore_one(entry) {
                let text = format!("the override {text} of the state file is dropped: {why}");
                self.bus.publish(Event::Note { text, severity: Severity::Warning });
            }
        }
    }

    fn restore_one(&mut self, entry: Entry) -> Result<(), CommandError> {
        let subject = entry.setting.subject();
        let from = self.state(&subject)?;
        if let Setting::Weight { value, .. } = entry.setting
            && value > MAX_WEIGHT
        {
            return Err(CommandError::Weight(value));
        }
        if self.configured(&subject)? == entry.setting {
            return Err(CommandError::Terms("the config says the same".to_owned()));
        }
        let by = entry.mark.by.clone();
        let reason = entry.mark.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let reason = format!("restored from the state file, set by {by}{reason}");
        let change = Change { from, to: entry.into() };
        self.make(&change, Account { by: Origin::StateFile, reason: Some(reason.into()), cut: false }, true)?;
        // It is still theirs.
        self.changed_by.insert(subject, by);
        Ok(())
    }
}
