//! What is kept of one pool, and how it looks.
//!
//! A pool's figures are what its clients saw: an attempt that failed and was made good elsewhere is no error, an answer that
//! evenkeel gave itself is a request.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::backend::{BackendSampler, Deed, Shares, happened};
use super::counts::{Counts, merge};
use super::fair;
use super::series::Series;
use super::told::Told;
use super::window::{Figures, Tick};
use crate::balance::Millis;
use crate::balance::backend::Backend;
use crate::balance::keel::{Keel, Load};
use crate::balance::meter::Failure;
use crate::balance::pool::Pool;
use crate::balance::rotation::Rotation;
use crate::balance::snapshot::PoolView;
use crate::control::desk::book::{Book, Mark};
use crate::control::desk::setting::Subject;
use crate::control::health_check::Register;
use crate::event::Event;
use crate::running::Running;
use crate::tally::{Answers, Cause, PoolTally};

const CAUSES: usize = Cause::ALL.len();

/// See the module.
#[derive(Debug)]
pub(super) struct PoolSampler {
    pool: Arc<Pool>,
    tally: Arc<PoolTally>,
    hosts: Vec<String>,
    path_prefix: String,
    backends: Vec<BackendSampler>,
    /// Backends that a reload has removed, while requests are in flight there.
    leaving: Vec<BackendSampler>,
    series: Series,
    answers: [u64; CAUSES],
    told: Told<CAUSES>,
    /// Each backend's fair share of the last tick.
    fair: Vec<f64>,
}

impl PoolSampler {
    /// Watches the pool at this place of what runs, from `now` on. What was kept of it `before` is kept on.
    pub(super) fn new(running: &Running, index: usize, checks: &Register, before: Option<Self>, now: Millis) -> Self {
        let (pool, config) = (&running.pools[index], &running.config.pools[index]);
        let before = before.unwrap_or_else(|| Self {
            pool: Arc::clone(pool),
            tally: Arc::clone(&running.tallies[index]),
            hosts: Vec::new(),
            path_prefix: String::new(),
            backends: Vec::new(),
            leaving: Vec::new(),
            series: Series::new(now),
            answers: [0; CAUSES],
            told: Told::default(),
            fair: Vec::new(),
        });
        let mut leaving = before.leaving;
        leaving.extend(before.backends);
        let watch = |backend: &Arc<Backend>| {
            let before = leaving.extract_if(.., |old| old.watches(backend)).next();
            BackendSampler::new(backend, checks.get(&backend.spec.id), before, now)
        };
        Self {
            pool: Arc::clone(pool),
            hosts: config.hosts.iter().map(ToString::to_string).collect(),
            path_prefix: config.path_prefix.clone(),
            backends: pool.backends().iter().map(watch).collect(),
            leaving,
            ..before
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &Arc<str> {
        self.pool.name()
    }

    /// Reads what happened since the last tick.
    pub(super) fn tick(&mut self, now: Millis) {
        self.fair = fair::shares(&self.pool.rotation(), self.pool.strategy(), self.backends.len());
        let deeds: Vec<Deed> = self.backends.iter_mut().map(|backend| backend.read(now)).collect();
        let picked: u64 = deeds.iter().map(|deed| deed.counts.picked).sum();
        let mut counts = Counts::default();
        let mut whole = Tick::default();
        for ((backend, mut deed), fair) in self.backends.iter_mut().zip(deeds).zip(&self.fair) {
            deed.tick.figures.owed = picked as f64 * fair;
            backend.add(&deed.tick, now);
            counts += &deed.counts;
            merge(&mut whole.latencies, &deed.tick.latencies);
        }
        self.leaving.retain_mut(|backend| {
            let Deed { counts: last, tick } = backend.read(now);
            counts += &last;
            merge(&mut whole.latencies, &tick.latencies);
            !backend.is_empty()
        });
        let answers = read(&self.tally.answers);
        let own: [u64; CAUSES] = std::array::from_fn(|cause| answers[cause] - self.answers[cause]);
        self.answers = answers;
        whole.figures = seen_by_clients(&counts, own);
        self.series.add(&whole, now);
    }

    /// What is worth an event and has not been told yet.
    pub(super) fn news(&mut self) -> impl Iterator<Item = Event> + use<'_> {
        let name = self.pool.name();
        let answered = answered(&mut self.told, self.answers, Some(name));
        self.backends.iter_mut().flat_map(BackendSampler::news).chain(answered)
    }

    /// How it looks now.
    pub(super) fn view(&self, book: &Book, now: Millis) -> PoolView {
        let rotation = self.pool.rotation();
        let figures: Vec<[Figures; 3]> = self.backends.iter().map(BackendSampler::figures).collect();
        let shares = self.shares(&figures);
        let strategy = Subject::Strategy(self.pool.name().clone());
        let view = |(index, backend): (usize, &BackendSampler)| {
            backend.view(&figures[index], shares[index], rotation.ramp_percent(index), book, now)
        };
        PoolView {
            name: self.pool.name().clone(),
            hosts: self.hosts.clone(),
            path_prefix: self.path_prefix.clone(),
            strategy: self.pool.strategy(),
            configured_strategy: self.pool.settings().strategy,
            strategy_override: book.mark(&strategy).map(Mark::to_override),
            in_flight: self.pool.in_flight(),
            queued: self.tally.queued.load(Relaxed) as u32,
            rps: self.series.rps(),
            failing_open: rotation.failing_open(),
            windows: self.series.traffic(&self.series.figures(), now),
            keel: [0, 1, 2].map(|window| self.keel(&figures, &rotation, window)),
            own_answers: in_words(self.answers),
            history: self.series.history(),
            backends: self.backends.iter().enumerate().map(view).collect(),
        }
    }

    fn keel(&self, figures: &[[Figures; 3]], rotation: &Rotation, window: usize) -> Keel {
        let load = |(index, backend): (usize, &Arc<Backend>)| Load {
            backend: backend.spec.id.backend.clone(),
            actual: figures[index][window].picked,
            expected: figures[index][window].owed,
            eligible: rotation.members().binary_search_by_key(&index, |member| member.index).is_ok(),
        };
        Keel::of(&self.pool.backends().iter().enumerate().map(load).collect::<Vec<_>>())
    }

    /// Each backend's shares over each window; without requests, what is fair now is fair.
    fn shares(&self, figures: &[[Figures; 3]]) -> Vec<Shares> {
        let mut shares = vec![Shares::default(); figures.len()];
        for window in 0..3 {
            let picked: u64 = figures.iter().map(|figures| figures[window].picked).sum();
            let owed: f64 = figures.iter().map(|figures| figures[window].owed).sum();
            for ((shares, figures), fair) in shares.iter_mut().zip(figures).zip(&self.fair) {
                let Figures { picked: own, owed: due, .. } = figures[window];
                shares.share[window] = if picked > 0 { own as f64 / picked as f64 } else { 0.0 };
                shares.fair_share[window] = if owed > 0.0 { due / owed } else { *fair };
            }
        }
        shares
    }
}

/// See the module.
fn seen_by_clients(backends: &Counts, own: [u64; CAUSES]) -> Figures {
    let mut classes = backends.classes;
    for (cause, times) in iter::zip(Cause::ALL, own) {
        classes[usize::from(cause.status() / 100) - 1] += times;
    }
    let broken = [Failure::BodyBroken, Failure::BodyTimeout].map(|failure| backends.failures[failure as usize]);
    Figures {
        requests: classes.iter().sum(),
        classes,
        errors: classes[4] + broken.iter().sum::<u64>(),
        cancelled: backends.cancelled,
        retries: backends.retries,
        bytes_in: backends.bytes_in,
        bytes_out: backends.bytes_out,
        picked: backends.picked,
        owed: 0.0,
    }
}

/// Answers that evenkeel gave itself, by cause.
pub(super) fn read(answers: &Answers) -> [u64; CAUSES] {
    Cause::ALL.map(|cause| answers.get(cause))
}

/// Own answers as a snapshot shows them.
pub(super) fn in_words(answers: [u64; CAUSES]) -> Vec<(String, u64)> {
    happened(Cause::ALL.map(Cause::words), answers)
}

/// Own answers that have not been told yet.
pub(super) fn answered(told: &mut Told<CAUSES>, answers: [u64; CAUSES], pool: Option<&Arc<str>>) -> impl Iterator<Item = Event> {
    told.news(answers).map(move |(index, times)| {
        let cause = Cause::ALL[index];
        Event::AnsweredItself { pool: pool.cloned(), status: cause.status(), cause: cause.words().into(), times }
    })
}
