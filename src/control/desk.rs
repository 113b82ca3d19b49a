//! The control desk: the only writer of mode, weight and strategy, and the keeper of what can be undone.
//!
//! Takes one [`Ask`] after the other; each ends in a reply, and in one event if it changed anything.

mod change;
mod journal;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use self::change::{Change, Subject};
use self::journal::{Journal, Step};
use super::announce;
use super::drain::{self, Drains};
use crate::balance::backend::{Backend, BackendId, Mode};
use crate::balance::pool::Pool;
use crate::clock;
use crate::command::{Applied, Ask, Command, CommandError, MAX_WEIGHT, Origin, Terms};
use crate::event::{Event, EventBus};
use crate::running::Running;

/// See the module.
#[derive(Debug)]
pub struct ControlDesk {
    running: Arc<Running>,
    bus: EventBus,
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

impl ControlDesk {
    /// A desk with nothing to undo.
    pub fn new(running: Arc<Running>, bus: EventBus) -> Self {
        Self { running, bus, journal: Journal::default(), changed_by: HashMap::new(), drains: Drains::default() }
    }

    /// Works until nobody can ask any more.
    pub async fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut poll = interval(drain::POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ask = asks.recv() => match ask {
                    Some(ask) => self.answer(ask, &mut poll),
                    None => return,
                },
                _ = poll.tick(), if !self.drains.is_idle() => {
                    for backend in self.drains.settled() {
                        self.bus.publish(Event::Drained { backend });
                    }
                }
            }
        }
    }

    fn answer(&mut self, ask: Ask, poll: &mut Interval) {
        if self.drains.is_idle() {
            // A worker that has just picked with the old rotation is to be seen in flight before "drained" is said.
            poll.reset();
        }
        let wish = Wish { by: &ask.by, terms: &ask.terms, force: ask.force };
        let result = self.obey(&ask.command, wish);
        // Whoever asked may have left.
        let _ = ask.reply.send(result);
    }

    /// Does what is asked, or says why not.
    fn obey(&mut self, command: &Command, wish: Wish<'_>) -> Result<Applied, CommandError> {
        let change = match command {
            Command::Undo => return self.step(Step::Undo, wish),
            Command::Redo => return self.step(Step::Redo, wish),
            Command::Reload => return Err(CommandError::Reload(vec!["there is no config file".to_owned()])),
            Command::SetMode { backend: id, mode, cut } => {
                let (_, backend) = self.backend(id)?;
                let change = Change::Mode { backend: id.clone(), from: backend.live.mode(), to: *mode };
                if *cut && *mode == Mode::Down && backend.live.in_flight() > 0 {
                    return self.cut(change, wish);
                }
                change
            }
            Command::SetWeight { backend: id, weight } => {
                let (_, backend) = self.backend(id)?;
                let to = weight.unwrap_or(backend.spec.weight);
                if to > MAX_WEIGHT {
                    return Err(CommandError::Weight(to));
                }
                Change::Weight { backend: id.clone(), from: backend.live.weight(), to }
            }
            Command::SetStrategy { pool: name, strategy } => {
                let pool = self.pool(name)?;
                let to = strategy.unwrap_or(pool.settings().strategy);
                Change::Strategy { pool: name.clone(), from: pool.strategy(), to }
            }
        };
        if !change.is_idle() {
            self.make(&change, wish, false)?;
            self.journal.record(wish.by, change.clone());
        }
        Ok(change.to_string())
    }

    /// Switches a backend off and breaks its running requests. Only the switch can be undone.
    fn cut(&mut self, change: Change, wish: Wish<'_>) -> Result<Applied, CommandError> {
        self.make(&change, wish, true)?;
        let applied = format!("{change}, running requests cut");
        if !change.is_idle() {
            self.journal.record(wish.by, change);
        }
        Ok(applied)
    }

    fn step(&mut self, step: Step, wish: Wish<'_>) -> Result<Applied, CommandError> {
        let change = self.journal.next(step, wish.by).ok_or(CommandError::Nothing(step.word()))?;
        if !self.starts_here(&change)? {
            self.journal.forget(step, wish.by);
            let subject = change.subject();
            let by = self.changed_by.get(&subject).unwrap_or(wish.by).clone();
            return Err(CommandError::MovedOn { what: step.word(), subject: subject.to_string(), by });
        }
        self.make(&change, wish, false)?;
        self.journal.step(step, wish.by);
        Ok(change.to_string())
    }

    /// Whether the present value is the one that the change starts from.
    fn starts_here(&self, change: &Change) -> Result<bool, CommandError> {
        Ok(match change {
            Change::Mode { backend, from, .. } => self.backend(backend)?.1.live.mode() == *from,
            Change::Weight { backend, from, .. } => self.backend(backend)?.1.live.weight() == *from,
            Change::Strategy { pool, from, .. } => self.pool(pool)?.strategy() == *from,
        })
    }

    /// Makes a change, guarded, and announces it.
    fn make(&mut self, change: &Change, wish: Wish<'_>, cut: bool) -> Result<(), CommandError> {
        let (by, force) = (wish.by.clone(), wish.force);
        let Terms { for_ms, reason } = wish.terms.clone();
        match change {
            Change::Mode { backend: id, from, to } => {
                let (pool, backend) = self.backend(id)?;
                if *to != Mode::Up && !force {
                    guard_last(pool, backend)?;
                }
                let in_flight = backend.live.in_flight();
                backend.live.set_mode(*to);
                let event = Event::ModeChanged { backend: id.clone(), from: *from, to: *to, by, reason, for_ms, in_flight, cut };
                self.bus.publish(event);
                announce::refresh(pool, &self.bus);
                if cut {
                    backend.live.cut_epoch.fetch_add(1, Relaxed);
                }
                if *from == Mode::Up {
                    let backend = Arc::clone(backend);
                    self.drains.watch(&backend);
                }
            }
            Change::Weight { backend: id, from, to } => {
                let (pool, backend) = self.backend(id)?;
                if *to == 0 && !force {
                    guard_last(pool, backend)?;
                }
                backend.live.set_weight(*to);
                self.bus.publish(Event::WeightChanged { backend: id.clone(), from: *from, to: *to, by, reason, for_ms });
                announce::refresh(pool, &self.bus);
            }
            Change::Strategy { pool, from, to } => {
                self.pool(pool)?.set_strategy(*to, clock::now());
                self.bus.publish(Event::StrategyChanged { pool: pool.clone(), from: *from, to: *to, by, reason, for_ms });
            }
        }
        self.changed_by.insert(change.subject(), wish.by.clone());
        Ok(())
    }

    fn pool(&self, name: &Arc<str>) -> Result<&Arc<Pool>, CommandError> {
        self.running.pool(name).ok_or_else(|| CommandError::NoPool(name.clone()))
    }

    fn backend(&self, id: &BackendId) -> Result<(&Pool, &Arc<Backend>), CommandError> {
        let pool = self.pool(&id.pool)?;
        let backend = pool.backends().iter().find(|backend| backend.spec.id == *id);
        Ok((pool, backend.ok_or_else(|| CommandError::NoBackend(id.clone()))?))
    }
}

/// Refuses to take out the last backend that can serve.
fn guard_last(pool: &Pool, backend: &Backend) -> Result<(), CommandError> {
    if backend.eligibility().is_eligible() && announce::eligible(pool) == 1 {
        return Err(CommandError::LastEligible(backend.spec.id.clone()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
