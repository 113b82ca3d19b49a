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
        !self.drains.is_idle() || !self.reloader.is_idle() || self.book.borrow().is_timed()
    }

    /// Looks whether anything has ended. `now` is in milliseconds since the Unix epoch.
    pub(super) fn tick(&mut self, now: u64) {
        for backend in self.drains.settled() {
            self.bus.publish(Event::Drained { backend: backend.clone() });
            self.go_down(&backend, "drained");
        }
        for backend in self.reloader.settled() {
            self.bus.publish(Event::Drained { backend });
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
            let setting = entry.setting.clone();
            if let Err(why) = self.bring_back(entry, Origin::StateFile, "restored from the state file") {
                self.tell_dropped(&setting, &why);
            }
        }
    }

    /// After a reload: overrides stay in force, also where a name means another server now. What no longer has a place, or
    /// is what the config says by now, is dropped and said to be.
    pub fn reconcile(&mut self) {
        let entries: Vec<_> = self.book.borrow().entries().cloned().collect();
        for entry in entries {
            let setting = entry.setting.clone();
            let subject = setting.subject();
            let kept = match self.state(&subject) {
                Ok(state)
                    if state.setting == setting && self.configured(&subject).is_ok_and(|configured| configured != setting) =>
                {
                    Ok(())
                }
                _ => self.bring_back(entry, Origin::File, "kept over the reload"),
            };
            if let Err(why) = kept {
                self.book.send_modify(|book| book.strike(&subject));
                self.changed_by.insert(subject, Origin::File);
                self.tell_dropped(&setting, &why);
            }
        }
    }

    /// Puts an override in force that was before. It stays the one of its author.
    fn bring_back(&mut self, entry: Entry, by: Origin, how: &str) -> Result<(), CommandError> {
        let subject = entry.setting.subject();
        let from = State { mark: None, ..self.state(&subject)? };
        if let Setting::Weight { value, .. } = entry.setting
            && value > MAX_WEIGHT
        {
            return Err(CommandError::Weight(value));
        }
        if self.configured(&subject)? == entry.setting {
            return Err(CommandError::Terms("the config says the same".to_owned()));
        }
        let author = entry.mark.by.clone();
        let reason = entry.mark.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let reason = format!("{how}, set by {author}{reason}");
        let change = Change { from, to: entry.into() };
        self.make(&change, Account { by, reason: Some(reason.into()), cut: false }, true)?;
        self.changed_by.insert(subject, author);
        Ok(())
    }

    fn tell_dropped(&self, setting: &Setting, why: &CommandError) {
        let text = format!("the override {setting} is dropped: {why}");
        self.bus.publish(Event::Note { text, severity: Severity::Warning });
    }
}
