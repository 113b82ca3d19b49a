//! What is kept of one backend, and how it looks.

use std::sync::Arc;

use super::counts::{Counts, Histograms};
use super::emptying::Emptying;
use super::series::Series;
use super::told::Told;
use super::window::{Figures, Tick};
use crate::balance::Millis;
use crate::balance::backend::Backend;
use crate::balance::meter::Failure;
use crate::balance::snapshot::BackendView;
use crate::balance::totals::{Latencies, Totals};
use crate::control::desk::book::{Book, Mark};
use crate::control::desk::setting::Subject;
use crate::control::health_check::{CheckLog, Checks};
use crate::event::Event;

/// Failures before there was a status; the others count as an answer too.
const UNANSWERED: [Failure; 5] =
    [Failure::Refused, Failure::ConnectTimeout, Failure::Reset, Failure::HeadTimeout, Failure::BadAnswer];

/// See the module.
#[derive(Debug)]
pub(super) struct BackendSampler {
    backend: Arc<Backend>,
    url: String,
    checks: Option<Arc<Checks>>,
    counts: Counts,
    histograms: Histograms,
    latencies: Latencies,
    series: Series,
    told: Told<{ Failure::ALL.len() }>,
    emptying: Option<Emptying>,
}

/// What a backend did since the last tick.
#[derive(Debug, Default)]
pub(super) struct Deed {
    pub(super) counts: Counts,
    pub(super) tick: Tick,
}

/// A backend's share and fair share of its pool's requests, for each window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shares {
    pub(super) share: [f64; 3],
    pub(super) fair_share: [f64; 3],
}

impl BackendSampler {
    /// Watches a backend from `now` on. What was kept of it `before` is kept on.
    pub(super) fn new(backend: &Arc<Backend>, checks: Option<Arc<Checks>>, before: Option<Self>, now: Millis) -> Self {
        if let Some(before) = before {
            return Self { backend: Arc::clone(backend), checks, ..before };
        }
        Self {
            backend: Arc::clone(backend),
            url: backend.spec.url(),
            checks,
            counts: Counts::default(),
            histograms: Histograms::default(),
            latencies: Latencies::default(),
            series: Series::new(now),
            told: Told::default(),
            emptying: None,
        }
    }

    /// Whether it is this backend that it watches.
    pub(super) fn watches(&self, backend: &Backend) -> bool {
        Arc::ptr_eq(&self.backend.live, &backend.live)
    }

    /// Whether nothing is in flight at its backend.
    pub(super) fn is_empty(&self) -> bool {
        self.backend.live.in_flight() == 0
    }

    /// Reads the meters: what happened since the last call.
    pub(super) fn read(&mut self, at: Millis) -> Deed {
        self.emptying = Emptying::watch(self.emptying, &self.backend.live, at);
        let now = Counts::read(&self.backend.live);
        let counts = now.since(&self.counts);
        if counts == Counts::default() {
            return Deed::default();
        }
        self.counts = now;
        let latencies = self.histograms.advance(&self.backend.live);
        for (bucket, times) in &latencies {
            self.latencies.add(usize::from(*bucket), u64::from(*times));
        }
        Deed { counts, tick: Tick { figures: figures(&counts), latencies } }
    }

    /// Enters what happened.
    pub(super) fn add(&mut self, tick: &Tick, now: Millis) {
        self.series.add(tick, now);
    }

    /// Its figures over each window.
    pub(super) fn figures(&self) -> [Figures; 3] {
        self.series.figures()
    }

    /// Failures that have not been told yet.
    pub(super) fn news(&mut self) -> impl Iterator<Item = Event> + use<'_> {
        let id = &self.backend.spec.id;
        let news = self.told.news(self.counts.failures);
        news.map(|(index, times)| Event::AttemptsFailed { backend: id.clone(), failure: Failure::ALL[index], times })
    }

    /// All that it has done.
    fn totals(&self, checks: Option<&CheckLog>) -> Totals {
        let Counts { classes, failures, cancelled, retries, bytes_in, bytes_out, .. } = self.counts;
        Totals {
            classes,
            failures,
            cancelled,
            retries,
            bytes_in,
            bytes_out,
            latencies: self.latencies,
            checks_passed: checks.map_or(0, |log| log.passed),
            checks_failed: checks.map_or(0, |log| log.failed),
            ejections: self.backend.live.ejections(),
        }
    }

    /// How it looks now, given its figures.
    pub(super) fn view(
        &self,
        figures: &[Figures; 3],
        shares: Shares,
        ramp_percent: u32,
        book: &Book,
        now: Millis,
    ) -> BackendView {
        let Backend { spec, live } = &*self.backend;
        let log = self.checks.as_ref().map(|checks| checks.log());
        let mode_mark = book.mark(&Subject::Mode(spec.id.clone()));
        let weight_mark = book.mark(&Subject::Weight(spec.id.clone()));
        let in_flight = live.in_flight();
        let (rise, fall) = self.checks.as_ref().map_or((0, 0), |checks| checks.thresholds());
        BackendView {
            id: spec.id.clone(),
            url: self.url.clone(),
            mode: live.mode(),
            mode_override: mode_mark.map(Mark::to_override),
            health: live.verdict(),
            checked: self.checks.is_some(),
            streak: log.as_ref().map_or(0, |log| log.health.streak()),
            last_check_passed: log.as_ref().is_some_and(|log| log.health.last_passed()),
            rise,
            fall,
            totals: self.totals(log.as_ref()),
            checks: log.map_or_else(Vec::new, |log| log.results()),
            eligibility: self.backend.eligibility(),
            ejected_for_ms: live.ejected_until().map(|until| until.saturating_sub(now)),
            weight: live.weight(),
            configured_weight: spec.weight,
            weight_override: weight_mark.map(Mark::to_override),
            ramp_percent,
            backup: spec.backup,
            max_in_flight: spec.max_in_flight,
            in_flight,
            oldest_ms: live.oldest_ms(now),
            drain: self.emptying.map(|emptying| emptying.view(mode_mark, in_flight, now)),
            rps: self.series.rps(),
            requests_total: self.counts.picked,
            failures: happened(Failure::ALL.map(Failure::words), self.counts.failures),
            share: shares.share,
            fair_share: shares.fair_share,
            windows: self.series.traffic(figures, now),
            histogram: self.series.histogram(),
            history: self.series.history(),
        }
    }
}

/// What clients and the detector would call a request and an error of this backend.
fn figures(counts: &Counts) -> Figures {
    let unanswered: u64 = UNANSWERED.iter().map(|failure| counts.failures[*failure as usize]).sum();
    Figures {
        requests: counts.classes.iter().sum::<u64>() + unanswered,
        classes: counts.classes,
        errors: counts.failures.iter().sum(),
        cancelled: counts.cancelled,
        retries: counts.retries,
        bytes_in: counts.bytes_in,
        bytes_out: counts.bytes_out,
        picked: counts.picked,
        owed: 0.0,
    }
}

/// Counters that are not 0, in words.
pub(super) fn happened<const N: usize>(words: [&str; N], counts: [u64; N]) -> Vec<(String, u64)> {
    words.into_iter().zip(counts).filter(|(_, n)| *n > 0).map(|(words, n)| (words.to_owned(), n)).collect()
}
