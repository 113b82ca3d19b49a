//! A pool: its backends, its strategy, and the rotation that workers pick from.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use super::Millis;
use super::backend::{Backend, Eligibility, Padded, Spec};
use super::ejection::OutlierDetection;
use super::picker::Picker;
use super::rotation::Rotation;
use super::slow_start;
use super::strategy::{StrategyKind, mix};
use super::waiters::Waiters;

/// What to do when no backend is eligible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AllDown {
    /// Answer 503.
    #[default]
    Fail,
    /// Ignore health and ejection and try every backend that the operator has not taken out.
    Open,
}

/// What the config says of a pool, as far as balancing goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Name, unique.
    pub name: Arc<str>,
    /// How to choose.
    pub strategy: StrategyKind,
    /// The backends, in the order of the config.
    pub backends: Vec<Spec>,
    /// Whether the backends have health checks (then they wait for the first one).
    pub checked: bool,
    /// Passive ejection; `None` = off.
    pub outlier_detection: Option<OutlierDetection>,
    /// Milliseconds over which a returning backend's weight grows; 0 = off.
    pub slow_start: Millis,
    /// When nobody is eligible.
    pub all_down: AllDown,
}

/// What the backends of one pool share.
#[derive(Debug, Default)]
pub struct PoolLive {
    /// Requests in flight in the whole pool, by worker. Each is written by the leases of its worker only.
    in_flight: Box<[Padded<AtomicU32>]>,
    /// Requests that wait for a backend with room.
    pub waiters: Arc<Waiters>,
    /// Requests that wait for the first health check.
    pub unchecked: Arc<Waiters>,
    /// Counts the turns of the strategies that take turns; outlives rotations.
    turn: Padded<AtomicU64>,
    threshold: AtomicU32,
    feeds_ewma: AtomicBool,
}

impl PoolLive {
    fn new(settings: &Settings, workers: usize, seed: u64) -> Self {
        let live = Self { in_flight: (0..workers).map(|_| Padded::default()).collect(), ..Self::default() };
        live.turn.0.store(mix(seed) >> 32, Relaxed);
        live.set_threshold(settings);
        live
    }

    fn set_threshold(&self, settings: &Settings) {
        self.threshold.store(settings.outlier_detection.map_or(0, |o| o.consecutive_failures), Relaxed);
    }

    /// Failures in a row that make a backend suspect; 0 = never.
    pub fn threshold(&self) -> u32 {
        self.threshold.load(Relaxed)
    }

    /// Whether leases keep the latency estimates: only while the strategy asks for them.
    pub(super) fn feeds_ewma(&self) -> bool {
        self.feeds_ewma.load(Relaxed)
    }

    /// Requests in flight in the whole pool. Looks at every worker's.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.iter().fold(0, |sum, of_worker| sum.wrapping_add(of_worker.0.load(Relaxed)))
    }

    /// A lease has been taken by this worker, on its own thread.
    pub(super) fn count_taken(&self, worker: usize) {
        let count = &self.in_flight[worker].0;
        count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// A lease has been given back by this worker, on its own thread.
    pub(super) fn count_given_back(&self, worker: usize) {
        let count = &self.in_flight[worker].0;
        count.store(count.load(Relaxed).wrapping_sub(1), Relaxed);
    }

    /// The same numbers, for a pick that shall leave no trace.
    pub(super) fn aside(&self) -> Self {
        let aside = Self { in_flight: [Padded(AtomicU32::new(self.in_flight()))].into(), ..Self::default() };
        aside.turn.0.store(self.turn.0.load(Relaxed), Relaxed);
        aside
    }

    /// Takes `turns` turns and returns the first.
    pub(super) fn take_turns(&self, turns: u64) -> u64 {
        self.turn.0.fetch_add(turns, Relaxed)
    }
}

/// What a strategy may look at besides the backends. No clock or randomness of its own: a pick can be replayed.
#[derive(Clone, Copy, Debug)]
pub struct PickInput<'a> {
    /// Hash of what the request is keyed by, for the hashing strategies.
    pub key: u64,
    /// 64 random bits.
    pub entropy: u64,
    /// Now.
    pub now: Millis,
    /// Backends that have failed this request already.
    pub tried: &'a [Arc<Backend>],
}

/// Why nobody was picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPick {
    /// No backend is eligible.
    NoneEligible,
    /// Backends have yet to be checked for the first time; ask again when called.
    AwaitingFirstCheck,
    /// Every eligible backend is at its `max_in_flight`, or others wait already; ask again when called.
    AllFull,
    /// Every eligible backend has been tried.
    AllTried,
}

/// Eligibility of a backend before and after a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Index into [`Pool::backends`].
    pub index: usize,
    /// Before.
    pub from: Eligibility,
    /// After.
    pub to: Eligibility,
}

/// See the module.
#[derive(Debug)]
pub struct Pool {
    settings: Settings,
    live: Arc<PoolLive>,
    backends: Arc<[Arc<Backend>]>,
    strategy: AtomicU8,
    /// Shared with the pools that came before and after, so that whoever still picks by an old one picks as all do.
    rotation: Arc<ArcSwap<Rotation>>,
    /// Held while a refresh runs, so that the newest rotation is the one that stays.
    last: Mutex<Last>,
}

/// What a pool's last refresh has left behind.
#[derive(Debug)]
struct Last {
    /// By the backends' indices.
    eligibilities: Box<[Eligibility]>,
    /// Another pool has taken its place: the rotation is not its to publish any more.
    succeeded: bool,
}

impl Last {
    fn of(eligibilities: Box<[Eligibility]>) -> Mutex<Self> {
        Mutex::new(Self { eligibilities, succeeded: false })
    }
}

impl Pool {
    /// A pool with fresh backends, nobody eligible before the first [`Self::refresh`]. `seed` offsets the turns, so that
    /// identical balancers do not march in phase.
    pub fn new(settings: Settings, workers: usize, seed: u64) -> Self {
        let live = Arc::new(PoolLive::new(&settings, workers, seed));
        let fresh = |spec: &Spec| Arc::new(Backend::new(spec.clone(), settings.checked, workers, live.clone()));
        let backends: Arc<[_]> = settings.backends.iter().map(fresh).collect();
        let pool = Self {
            live,
            strategy: AtomicU8::new(0),
            rotation: Arc::default(),
            last: Last::of(backends.iter().map(|_| Eligibility::AwaitingFirstCheck).collect()),
            backends,
            settings,
        };
        pool.store_strategy(pool.settings.strategy);
        pool
    }

    /// The pool that takes this one's place under other settings. A backend of the same name and address stays what it is,
    /// with all its state; others are fresh. A strategy or weight that the operator has set in place of the configured one
    /// stays set. From here on nobody may refresh this pool; whoever still picks from it gets what the successor offers,
    /// once that is refreshed.
    #[must_use]
    pub fn succeeded_by(&self, settings: Settings) -> Self {
        let mut last = self.lock_last();
        last.succeeded = true;
        let strategy = if self.strategy() == self.settings.strategy { settings.strategy } else { self.strategy() };
        let workers = self.live.in_flight.len();
        let successor = |spec: &Spec| {
            if let Some(index) = self.backends.iter().position(|old| old.spec.is_same_server(spec)) {
                return (self.backends[index].succeeded_by(spec), last.eligibilities[index]);
            }
            let fresh = Backend::new(spec.clone(), settings.checked, workers, Arc::clone(&self.live));
            (Arc::new(fresh), Eligibility::AwaitingFirstCheck)
        };
        let (backends, eligibilities): (Vec<_>, Vec<_>) = settings.backends.iter().map(successor).unzip();
        let pool = Self {
            live: Arc::clone(&self.live),
            strategy: AtomicU8::new(0),
            rotation: Arc::clone(&self.rotation),
            last: Last::of(eligibilities.into()),
            backends: backends.into(),
            settings,
        };
        pool.store_strategy(strategy);
        pool.live.set_threshold(&pool.settings);
        pool
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.settings.name
    }

    /// What the config said.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// All backends, in the order of the config.
    pub fn backends(&self) -> &[Arc<Backend>] {
        &self.backends
    }

    /// What the backends share.
    pub fn live(&self) -> &Arc<PoolLive> {
        &self.live
    }

    /// The strategy in force.
    pub fn strategy(&self) -> StrategyKind {
        StrategyKind::ALL[usize::from(self.strategy.load(Relaxed)) % StrategyKind::ALL.len()]
    }

    /// For the control desk only; refreshes.
    pub fn set_strategy(&self, kind: StrategyKind, now: Millis) {
        self.store_strategy(kind);
        self.refresh(now);
    }

    fn store_strategy(&self, kind: StrategyKind) {
        self.strategy.store(kind as u8, Relaxed);
        self.live.feeds_ewma.store(kind == StrategyKind::PeakEwma, Relaxed);
    }

    /// Requests in flight in the whole pool.
    pub fn in_flight(&self) -> u32 {
        self.live.in_flight()
    }

    /// Whether [`AllDown::Open`] is in effect: nobody is eligible and all are tried.
    pub fn failing_open(&self) -> bool {
        self.rotation.load().failing_open()
    }

    /// Builds and publishes a new rotation after an axis of a backend, a weight or the strategy has changed, or while a
    /// slow start runs. Calls the waiting requests when it brought anything new. Says what changed (the first time, from
    /// [`Eligibility::AwaitingFirstCheck`]).
    pub fn refresh(&self, now: Millis) -> Vec<Change> {
        let mut last = self.lock_last();
        if last.succeeded {
            return Vec::new();
        }
        let eligibilities: Box<[_]> = self.backends.iter().map(|b| b.eligibility()).collect();
        let changes: Vec<_> = (0..)
            .zip(last.eligibilities.iter().zip(&eligibilities))
            .filter(|(_, (from, to))| from != to)
            .map(|(index, (from, to))| Change { index, from: *from, to: *to })
            .collect();
        let rotation = Rotation::new(&self.backends, &eligibilities, &self.settings, self.strategy(), now);
        // After a reload there may be room although nobody's eligibility has changed.
        let others = !Arc::ptr_eq(self.rotation.load().backends(), &self.backends);
        self.rotation.store(Arc::new(rotation));
        last.eligibilities = eligibilities;
        drop(last);
        if others || !changes.is_empty() {
            self.live.unchecked.call_first();
            self.live.waiters.call_first();
        }
        changes
    }

    fn lock_last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the next [`Self::refresh`] is due because a slow start goes on; `None` while none does.
    pub fn next_change(&self, now: Millis) -> Option<Millis> {
        let returned = |b: &Arc<Backend>| slow_start::next_step(b.live.returned_at(), self.settings.slow_start, now);
        self.backends.iter().filter_map(returned).min()
    }

    /// The rotation in force.
    pub fn rotation(&self) -> Arc<Rotation> {
        self.rotation.load_full()
    }

    /// The index of the backend that a new request would be given just now, if entropy had it so. Leaves no trace: no lease,
    /// and the turn stays whose it is.
    pub fn preview(&self, input: &PickInput<'_>) -> Result<usize, NoPick> {
        if !self.live.waiters.is_empty() {
            return Err(NoPick::AllFull);
        }
        self.rotation.load().preview(&self.live, input)
    }

    /// A picker for the worker of this index, to be used by its thread only.
    pub fn picker(&self, worker: usize) -> Picker {
        Picker::new(&self.live, &self.rotation, worker)
    }
}

#[cfg(test)]
mod tests;
