//! The control desk: the only writer of mode, weight and strategy, and the keeper of what can be undone.
//!
//! Takes one [`Ask`] after the other; each ends in a reply, and in one event if it changed anything or was refused. What it
//! has set in place of what the config says stands in its [`Book`], with author and terms; what happens by itself is in
//! `clockwork`.

pub mod book;
mod change;
mod clockwork;
mod journal;
mod nearest;
pub mod setting;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use self::book::{Book, Entry, Mark};
use self::change::{Change, State};
use self::journal::{Journal, Step};
use self::nearest::nearest;
use self::setting::{Setting, Subject};
use super::announce;
use super::drain::{self, Drains};
use super::reload::Reloader;
use crate::balance::backend::{Backend, BackendId, Mode};
use crate::balance::pool::Pool;
use crate::clock;
use crate::command::{self, Applied, Ask, Command, CommandError, MAX_WEIGHT, Origin, Terms, ThenDown, Unknown};
use crate::event::{Event, EventBus};
use crate::running::Running;

/// See the module.
#[derive(Debug)]
pub struct ControlDesk {
    /// What runs, as the reloader has put it in force last.
    running: Arc<Running>,
    reloader: Reloader,
    bus: EventBus,
    book: watch::Sender<Book>,
    journal: Journal,
    changed_by: HashMap<Subject, Origin>,
    drains: Drains,
}

/// Who wants something, and how.
#[derive(Clone, Copy, Debug)]
struct Wish<'a> {
    by: &'a Origin,
    terms: &'a Terms,
    force: bool,
}

/// How a change is told.
#[derive(Clone, Debug)]
struct Account {
    by: Origin,
    reason: Option<Arc<str>>,
    /// Whether the running requests are cut.
    cut: bool,
}

impl ControlDesk {
    /// A desk with nothing to undo, where everything is as the config says.
    pub fn new(reloader: Reloader, bus: EventBus) -> Self {
        let (journal, changed_by, drains) = (Journal::default(), HashMap::new(), Drains::default());
        Self { running: reloader.running(), reloader, bus, book: watch::Sender::default(), journal, changed_by, drains }
    }

    /// The overrides in force, now and from now on.
    pub fn book(&self) -> watch::Receiver<Book> {
        self.book.subscribe()
    }

    /// Works until nobody can ask any more.
    pub async fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut poll = interval(drain::POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ask = asks.recv() => match ask {
                    Some(ask) if ask.command == Command::Reload => self.reload(ask).await,
                    Some(ask) => self.answer(ask),
                    None => return,
                },
                _ = poll.tick(), if self.is_timed() => self.tick(clock::unix_ms()),
            }
        }
    }

    fn answer(&mut self, ask: Ask) {
        let Ask { command, by, terms, force, reply } = ask;
        let result = self.obey(&command, Wish { by: &by, terms: &terms, force });
        if let Err(error) = &result {
            // What cannot be shown is not repeated either.
            let reason = terms.reason.filter(|_| !matches!(error, CommandError::Terms(_)));
            self.bus.publish(Event::Refused { command: command.to_string(), by, why: error.to_string(), reason });
        }
        // Whoever asked may have left.
        let _ = reply.send(result);
    }

    /// Puts the config file in force, and says so when every worker goes by it.
    async fn reload(&mut self, Ask { by, force, reply, .. }: Ask) {
        let result = match self.reloader.prepare(&by, force).await {
            Ok(prepared) => {
                let applied = self.reloader.put_in_force(prepared, &by);
                self.running = self.reloader.running();
                self.reconcile();
                self.reloader.taken_over().await;
                Ok(applied)
            }
            Err(problems) => Err(CommandError::Reload(problems)),
        };
        // Whoever asked may have left.
        let _ = reply.send(result);
    }

    /// Does what is asked, or says why not.
    fn obey(&mut self, command: &Command, wish: Wish<'_>) -> Result<Applied, CommandError> {
        check_reason(wish.terms)?;
        match command {
            Command::Undo => self.step(Step::Undo, wish),
            Command::Redo => self.step(Step::Redo, wish),
            Command::Reload => Err(CommandError::Reload(vec!["a reload takes its time: it is for `reload`".to_owned()])),
            Command::SetMode { backend, mode, cut, then_down } => {
                if then_down.is_some() && *mode != Mode::Drain {
                    return Err(CommandError::Terms(format!("only a drain goes down by itself later, not {mode}")));
                }
                let in_flight = self.backend(backend)?.1.live.in_flight();
                let cut = *cut && *mode == Mode::Down && in_flight > 0;
                self.set(Setting::Mode { backend: backend.clone(), value: *mode }, *then_down, cut, wish)
            }
            Command::SetWeight { backend, weight } => {
                let value = weight.unwrap_or(self.backend(backend)?.1.spec.weight);
                if value > MAX_WEIGHT {
                    return Err(CommandError::Weight(value));
                }
                self.set(Setting::Weight { backend: backend.clone(), value }, None, false, wish)
            }
            Command::SetStrategy { pool, strategy } => {
                let value = strategy.unwrap_or(self.pool(pool)?.settings().strategy);
                self.set(Setting::Strategy { pool: pool.clone(), value }, None, false, wish)
            }
        }
    }

    /// Sets something. A cut is not taken back by an undo.
    fn set(&mut self, setting: Setting, then_down: Option<ThenDown>, cut: bool, wish: Wish<'_>) -> Result<Applied, CommandError> {
        let subject = setting.subject();
        let from = self.state(&subject)?;
        // There is no end to what the config says.
        let differs = setting != self.configured(&subject)?;
        let mark = differs.then(|| Mark::new(wish.by, wish.terms, then_down, clock::unix_ms()));
        let mut change = Change { from, to: State { setting, mark } };
        let applied = format!("{change}{}", if cut { ", running requests cut" } else { "" });
        let idle = change.is_idle();
        if idle {
            change.to = change.from.clone();
        }
        if !idle || cut {
            let account = Account { by: wish.by.clone(), reason: wish.terms.reason.clone(), cut };
            self.make(&change, account, wish.force)?;
        }
        if !idle {
            self.journal.record(wish.by, change);
        }
        Ok(applied)
    }

    /// Undoes the author's last change, or does it again: what had been there comes back, with the author and the terms that
    /// it had.
    fn step(&mut self, step: Step, wish: Wish<'_>) -> Result<Applied, CommandError> {
        let mut change = self.journal.next(step, wish.by).ok_or(CommandError::Nothing(step.word()))?;
        let subject = change.subject();
        let now = self.state(&subject).inspect_err(|_| self.journal.forget(step, wish.by))?;
        if !now.is(&change.from) {
            self.journal.forget(step, wish.by);
            let by = self.changed_by.get(&subject).unwrap_or(wish.by).clone();
            let next = self.journal.next(step, wish.by).map(|change| change.to_string());
            return Err(CommandError::MovedOn { what: step.word(), subject: subject.to_string(), by, next });
        }
        change.from = now;
        if change.to.mark.is_none() {
            change.to.setting = self.configured(&subject)?;
        }
        let account = Account { by: wish.by.clone(), reason: Some(step.word().into()), cut: false };
        self.make(&change, account, wish.force)?;
        self.journal.step(step, wish.by);
        Ok(change.to_string())
    }

    /// Makes a change, guarded, enters it into the book, and announces it.
    fn make(&mut self, change: &Change, account: Account, force: bool) -> Result<(), CommandError> {
        let Change { from, to } = change;
        let Account { by, reason, cut } = account;
        let author = by.clone();
        let for_ms = to.mark.as_ref().and_then(|mark| mark.until_unix_ms).map(|until| until.saturating_sub(clock::unix_ms()));
        let event = match (&from.setting, &to.setting) {
            (Setting::Mode { value: from, .. }, Setting::Mode { backend: id, value: to }) => {
                let (pool, backend) = self.backend(id)?;
                if *to != Mode::Up && !force {
                    guard_last(pool, backend)?;
                }
                backend.live.set_mode(*to);
                let (in_flight, backend) = (backend.live.in_flight(), id.clone());
                Event::ModeChanged { backend, from: *from, to: *to, by, reason, for_ms, in_flight, cut }
            }
            (Setting::Weight { value: from, .. }, Setting::Weight { backend: id, value: to }) => {
                let (pool, backend) = self.backend(id)?;
                if *to == 0 && !force {
                    guard_last(pool, backend)?;
                }
                backend.live.set_weight(*to);
                Event::WeightChanged { backend: id.clone(), from: *from, to: *to, by, reason, for_ms }
            }
            (Setting::Strategy { value: from, .. }, Setting::Strategy { pool, value: to }) => {
                self.pool(pool)?.set_strategy(*to, clock::now());
                Event::StrategyChanged { pool: pool.clone(), from: *from, to: *to, by, reason, for_ms }
            }
            _ => unreachable!("a change is of one subject"),
        };
        self.enter(to);
        self.changed_by.insert(change.subject(), author);
        self.bus.publish(event);
        self.follow_up(change, cut)
    }

    /// What a change of a backend brings with it.
    fn follow_up(&mut self, change: &Change, cut: bool) -> Result<(), CommandError> {
        let (Setting::Mode { backend: id, .. } | Setting::Weight { backend: id, .. }) = &change.to.setting else {
            return Ok(());
        };
        let (pool, backend) = self.backend(id)?;
        announce::refresh(pool, &self.bus);
        if cut {
            backend.live.cut_epoch.fetch_add(1, Relaxed);
        }
        let began = matches!(change.from.setting, Setting::Mode { value: Mode::Up, .. });
        if began || change.to.mark.as_ref().is_some_and(|mark| mark.then_down.is_some()) {
            let backend = Arc::clone(backend);
            self.drains.watch(&backend);
        }
        Ok(())
    }

    /// Brings the book up to date. Tells nobody if nothing is new.
    fn enter(&self, State { setting, mark }: &State) {
        let subject = setting.subject();
        self.book.send_if_modified(|book| {
            if book.mark(&subject) == mark.as_ref() && book.get(&subject).is_none_or(|entry| entry.setting == *setting) {
                return false;
            }
            match mark.clone() {
                Some(mark) => book.enter(Entry { setting: setting.clone(), mark }),
                None => book.strike(&subject),
            }
            true
        });
    }

    /// How something is.
    fn state(&self, subject: &Subject) -> Result<State, CommandError> {
        let setting = match subject {
            Subject::Mode(id) => Setting::Mode { backend: id.clone(), value: self.backend(id)?.1.live.mode() },
            Subject::Weight(id) => Setting::Weight { backend: id.clone(), value: self.backend(id)?.1.live.weight() },
            Subject::Strategy(name) => Setting::Strategy { pool: name.clone(), value: self.pool(name)?.strategy() },
        };
        Ok(State { setting, mark: self.book.borrow().mark(subject).cloned() })
    }

    /// How the config wants something. Every backend is to be up.
    fn configured(&self, subject: &Subject) -> Result<Setting, CommandError> {
        Ok(match subject {
            Subject::Mode(id) => Setting::Mode { backend: id.clone(), value: Mode::Up },
            Subject::Weight(id) => Setting::Weight { backend: id.clone(), value: self.backend(id)?.1.spec.weight },
            Subject::Strategy(name) => Setting::Strategy { pool: name.clone(), value: self.pool(name)?.settings().strategy },
        })
    }

    fn pool(&self, name: &Arc<str>) -> Result<&Arc<Pool>, CommandError> {
        self.running.pool(name).ok_or_else(|| {
            let near = nearest(name, self.running.pools.iter().map(|pool| pool.name().clone()), ToString::to_string);
            CommandError::NoPool(Unknown { name: name.clone(), near })
        })
    }

    fn backend(&self, id: &BackendId) -> Result<(&Pool, &Arc<Backend>), CommandError> {
        let pool = self.pool(&id.pool)?;
        let backend = pool.backends().iter().find(|backend| backend.spec.id == *id);
        let backend = backend.ok_or_else(|| {
            let ids = pool.backends().iter().map(|backend| backend.spec.id.clone());
            let near = nearest(&id.backend, ids, |id| id.backend.to_string());
            CommandError::NoBackend(Unknown { name: id.clone(), near })
        })?;
        Ok((pool, backend))
    }
}

/// Refuses reasons that could not be shown as they are: they go onto screens and into logs.
fn check_reason(terms: &Terms) -> Result<(), CommandError> {
    terms.reason.as_deref().map_or(Ok(()), |reason| command::reason(reason).map(drop).map_err(CommandError::Terms))
}

/// Refuses to take out the last backend that can serve.
fn guard_last(pool: &Pool, backend: &Backend) -> Result<(), CommandError> {
    if backend.eligibility().is_eligible() && announce::eligible(pool) == 1 {
        let (of, in_flight) = (pool.backends().len(), backend.live.in_flight());
        return Err(CommandError::LastEligible { backend: backend.spec.id.clone(), of, in_flight });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
