//! Reloading the config: read and checked as a whole, compared with what runs, and then put in force in one step by the desk,
//! or not at all.
//!
//! Whoever runs on has nothing to fear: backends of the same name and address keep their state, the others are let go of
//! without haste ([`leaving`]). The file is looked after in [`mod@file`].

pub mod file;
mod leaving;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use self::file::Source;
use self::leaving::Leaving;
use super::health_check::Register;
use super::{announce, entropy};
use crate::balance::backend::{Backend, BackendId, Eligibility};
use crate::balance::snapshot::ConfigState;
use crate::clock;
use crate::command::Origin;
use crate::config::Config;
use crate::event::{Event, EventBus};
use crate::listener::{ListenError, Listener};
use crate::plan::Plan;
use crate::running::Running;
use crate::shutdown::Shutdown;
use crate::tally::Tally;

/// How long reading the file may take.
const READING: Duration = Duration::from_secs(5);

/// How long to wait for the workers to take over, before it is said to be done all the same. They need a millisecond.
const TAKING_OVER: Duration = Duration::from_secs(1);

/// A config that can be put in force.
#[derive(Debug)]
pub struct Prepared {
    plan: Plan,
    config: Config,
    listeners: Vec<Arc<Listener>>,
}

/// See the module.
#[derive(Debug)]
pub struct Reloader {
    source: Option<Source>,
    loaded_at_unix_ms: u64,
    running: watch::Sender<Arc<Running>>,
    state: watch::Sender<Option<ConfigState>>,
    checks: Register,
    tally: Arc<Tally>,
    shutdown: Shutdown,
    bus: EventBus,
    leaving: Leaving,
}

impl Reloader {
    /// Reloads from this file, if there is one.
    pub fn new(
        source: Option<Source>,
        running: watch::Sender<Arc<Running>>,
        checks: Register,
        tally: Arc<Tally>,
        shutdown: Shutdown,
        bus: EventBus,
    ) -> Self {
        let loaded_at_unix_ms = clock::unix_ms();
        let file = source.as_ref().map(|source| source.file().display().to_string());
        let state = watch::Sender::new(file.map(|file| ConfigState { file, loaded_at_unix_ms, problem: None }));
        Self { source, loaded_at_unix_ms, running, state, checks, tally, shutdown, bus, leaving: Leaving::default() }
    }

    /// What is known of the file, now and from now on.
    pub fn state(&self) -> watch::Receiver<Option<ConfigState>> {
        self.state.subscribe()
    }

    /// What runs.
    pub fn running(&self) -> Arc<Running> {
        Arc::clone(&self.running.borrow())
    }

    /// Whether backends that have been removed still have requests in flight.
    pub fn is_idle(&self) -> bool {
        self.leaving.is_idle()
    }

    /// The removed backends that are empty by now.
    pub fn settled(&mut self) -> Vec<BackendId> {
        self.leaving.settled()
    }

    /// Reads the file again and gets everything ready. Nothing has changed yet.
    ///
    /// # Errors
    /// Every reason why it cannot be put in force.
    pub async fn prepare(&self, by: &Origin, force: bool) -> Result<Prepared, Vec<String>> {
        let prepared = self.attempt(force).await;
        if let Err(problems) = &prepared {
            self.bus.publish(Event::ReloadRefused { by: by.clone(), problems: problems.clone() });
            self.note(problems.first().cloned());
        }
        prepared
    }

    async fn attempt(&self, force: bool) -> Result<Prepared, Vec<String>> {
        if self.shutdown.is_draining() {
            return Err(vec!["evenkeel is shutting down".to_owned()]);
        }
        let source = self.source.clone().ok_or_else(|| vec!["there is no config file".to_owned()])?;
        let name = source.file().display().to_string();
        let loading = timeout(READING, spawn_blocking(move || source.load())).await;
        let loaded = loading.ok().and_then(Result::ok);
        let loaded = loaded.ok_or_else(|| vec![format!("{name}: cannot be read in {} s", READING.as_secs())])?;
        let loaded = loaded.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;

        let running = self.running();
        let plan = Plan::new(&running, &loaded);
        if !force && !plan.needs_force.is_empty() {
            let mut why = plan.needs_force.clone();
            why.push("force it if that is meant".to_owned());
            return Err(why);
        }
        let config = loaded.config.with_fixed_of(&running.config);
        let listeners = listeners(&running, &config).map_err(|error| vec![words(&running, &error)])?;
        Ok(Prepared { plan, config, listeners })
    }

    /// The step. Whoever shares the runtime sees it done or not begun; the workers follow within a moment. Says in one line
    /// what it was.
    pub fn put_in_force(&mut self, Prepared { plan, config, listeners }: Prepared, by: &Origin) -> String {
        let before = self.running();
        if config != *before.config {
            self.switch(&before, &before.succeeded_by(config, listeners, entropy));
            for problem in plan.warnings.clone() {
                self.bus.publish(Event::ConfigWarning { problem });
            }
        }
        // A file that was touched and says the same is no news.
        if *by != Origin::File || !plan.is_idle() {
            self.bus.publish(Event::Reloaded { by: by.clone(), summary: plan.summary() });
        }
        let pending: Vec<_> = plan.needs_restart.iter().map(ToString::to_string).collect();
        self.note((!pending.is_empty()).then(|| format!("needs a restart: {}", pending.join(", "))));
        if plan.is_idle() { plan.summary() } else { format!("reloaded: {}", plan.summary()) }
    }

    /// Waits until no worker serves by an older config, a millisecond or so.
    pub async fn taken_over(&self) {
        let generation = self.running().generation;
        let taken_over = async {
            while !self.tally.has_reached(generation) {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = timeout(TAKING_OVER, taken_over).await;
    }

    /// Notes how the file stands to what runs.
    fn note(&self, problem: Option<String>) {
        let loaded_at_unix_ms = self.loaded_at_unix_ms;
        self.state.send_modify(|state| {
            if let Some(state) = state {
                *state = ConfigState { loaded_at_unix_ms, problem, ..state.clone() };
            }
        });
    }

    fn switch(&mut self, before: &Running, now: &Arc<Running>) {
        for pool in &*now.pools {
            let old = before.pool(pool.name());
            if old.is_none_or(|old| !Arc::ptr_eq(old, pool)) {
                let from = old.map_or(0, |old| announce::eligible(old));
                pool.refresh(clock::now());
                let (to, of) = (announce::eligible(pool), pool.backends().len());
                let awaits = |backend: &Arc<Backend>| backend.eligibility() == Eligibility::AwaitingFirstCheck;
                // Where a first check is awaited, the number that counts is told when it has come.
                if from != to && !pool.backends().iter().any(awaits) {
                    self.bus.publish(Event::PoolChanged { pool: Arc::clone(pool.name()), from, to, of });
                }
            }
        }
        // Before the workers close theirs, or whoever connected in between would wait for nobody.
        let gone = |old: &&Arc<Listener>| !now.listeners.iter().any(|listener| Arc::ptr_eq(listener, old));
        before.listeners.iter().filter(gone).for_each(|listener| listener.let_go());
        self.checks.follow(now);
        self.running.send_replace(Arc::clone(now));
        for backend in self.leaving.see_off(before, now) {
            let (url, in_flight) = (backend.spec.url(), backend.live.in_flight());
            self.bus.publish(Event::Removed { backend: backend.spec.id.clone(), url, in_flight });
        }
        self.loaded_at_unix_ms = clock::unix_ms();
    }
}

/// The listeners of the new config: those that are there already, and new ones.
fn listeners(running: &Running, config: &Config) -> Result<Vec<Arc<Listener>>, ListenError> {
    let mut known = running.listeners.to_vec();
    let listener = |address: &_| match known.iter().position(|known| known.configured == *address) {
        Some(at) => Ok(known.swap_remove(at)),
        None => Listener::bind(*address, config.workers).map(Arc::new),
    };
    config.listen.iter().map(listener).collect()
}

fn words(running: &Running, error: &ListenError) -> String {
    let own = running.listeners.iter().find(|own| own.address.port() == error.address.port());
    let advice = own.map(|own| format!("; {} is listened on: a restart can go from one to the other", own.address));
    format!("{error}{}", advice.unwrap_or_default())
}

#[cfg(test)]
mod tests;
