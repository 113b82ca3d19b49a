//! One request's claim on a backend, held until the last byte of the answer has been handed on.
//!
//! Taking a lease counts the request as in flight; dropping it, however that comes about, gives it back. What became of the
//! request is recorded by [`Lease::finish`]; a lease dropped without it is a client that left, and blames nobody.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

use super::Millis;
use super::backend::{Backend, Eligibility, Live};
use super::meter::{Failure, Meter, bump};

/// What became of an attempt.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Status of the answer, if one came.
    pub status: Option<u16>,
    /// Why the attempt failed, if it did. A 5xx answer is [`Failure::Status5xx`], set by the lease itself.
    pub failure: Option<Failure>,
    /// Microseconds from the pick to the last byte.
    pub latency_us: u64,
}

/// Something the outlier detector must hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The first failure after a success: worth a health check at once.
    FirstFailure,
    /// The backend has failed `consecutive_failures` times in a row (or more).
    Suspect,
    /// The trial request after an ejection went well.
    TrialPassed,
    /// The trial request after an ejection failed.
    TrialFailed,
}

/// A backend as the leases of one worker share it: that they keep it alive costs no atomic count.
#[derive(Debug)]
pub(super) struct Seat {
    backend: Arc<Backend>,
    /// The backend's.
    live: Arc<Live>,
    worker: usize,
    cut_epoch: u32,
    /// When the first lease that may still hold it can have been taken.
    began: Cell<Millis>,
}

impl Seat {
    /// A backend for the worker of this index.
    pub(super) fn new(backend: Arc<Backend>, worker: usize) -> Rc<Self> {
        let live = Arc::clone(&backend.live);
        let cut_epoch = live.cut_epoch.load(Acquire);
        Rc::new(Self { backend, live, worker, cut_epoch, began: Cell::default() })
    }

    /// Another seat at the same backend, from `now` on.
    pub(super) fn successor(&self, now: Millis) -> Rc<Self> {
        let seat = Self::new(Arc::clone(&self.backend), self.worker);
        seat.begin_at(now);
        if self.began.get() == 0 {
            self.begin_at(now);
        }
        seat
    }

    /// Nobody holds it: leases will be taken from `now` on.
    pub(super) fn begin_at(&self, now: Millis) {
        self.began.set(now.max(1));
    }

    /// When the first lease that may still hold it can have been taken.
    pub(super) fn began(&self) -> Millis {
        self.began.get()
    }

    /// The backend's state.
    pub(super) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// The counters of its worker at its backend.
    pub(super) fn meter(&self) -> &Meter {
        &self.live.meters[self.worker]
    }

    /// Whether the operator has cut the requests that run on it.
    fn is_cut(&self) -> bool {
        self.live.cut_epoch.load(Acquire) != self.cut_epoch
    }
}

/// One request in flight at a backend. It stays with the thread that has taken it.
#[must_use]
#[derive(Debug)]
pub struct Lease {
    seat: Rc<Seat>,
    stage: Stage,
}

/// Tells what the operator has decided about a request.
#[derive(Debug)]
pub struct Fate(Rc<Seat>);

impl Fate {
    /// See [`Lease::is_cut`].
    pub fn is_cut(&self) -> bool {
        self.0.is_cut()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    /// Running, in the backend's trial slot.
    OnTrial,
    Finished,
}

impl Lease {
    /// A lease if the backend has fewer than `max` in flight; on its trial slot if it is on trial. After a cut the seat is a
    /// new one.
    pub(super) fn take(seat: &mut Rc<Seat>, max: Option<u32>, on_trial: bool) -> Option<Self> {
        if seat.is_cut() {
            *seat = Seat::new(Arc::clone(&seat.backend), seat.worker);
        }
        let Seat { live, worker, .. } = &**seat;
        if on_trial && live.trial_taken.compare_exchange(false, true, AcqRel, Relaxed).is_err() {
            return None;
        }
        match max {
            None => _ = live.in_flight.fetch_add(1, SeqCst),
            // Never one too many, not even for a moment: whoever waits for room would see it and go back to sleep.
            Some(max) => {
                if live.in_flight.fetch_update(SeqCst, SeqCst, |n| (n < max).then(|| n + 1)).is_err() {
                    if on_trial {
                        live.trial_taken.store(false, Release);
                    }
                    return None;
                }
            }
        }
        live.pool.count_taken(*worker);
        bump(&live.meters[*worker].picked, 1);
        let stage = if on_trial { Stage::OnTrial } else { Stage::Running };
        Some(Self { seat: Rc::clone(seat), stage })
    }

    /// A lease for a session that the backend has served before, if it may take one now. While the operator drains it, it may
    /// if `keep`.
    pub(super) fn take_again(seat: &mut Rc<Seat>, keep: bool) -> Option<Self> {
        let eligibility = seat.backend.session_eligibility(keep);
        let max = seat.backend.spec.max_in_flight;
        eligibility.is_eligible().then(|| Self::take(seat, max, eligibility == Eligibility::OnTrial))?
    }

    /// The backend that serves the request.
    pub fn backend(&self) -> &Arc<Backend> {
        &self.seat.backend
    }

    /// The counters of this request's worker at its backend.
    pub fn meter(&self) -> &Meter {
        self.seat.meter()
    }

    /// Whether the operator has cut the running requests since the lease was taken.
    pub fn is_cut(&self) -> bool {
        self.seat.is_cut()
    }

    /// The same, for somebody who does not hold the lease.
    pub fn fate(&self) -> Fate {
        Fate(Rc::clone(&self.seat))
    }

    /// The head of the answer has come. Ends a trial well unless the status is 5xx, so that a long body or a tunnel does not
    /// keep the backend on trial.
    pub fn answered(&mut self, status: u16) -> Option<Signal> {
        (status < 500 && self.end_trial()).then_some(Signal::TrialPassed)
    }

    /// Records the outcome and gives the claim back. An outcome with neither status nor failure is a client that left.
    pub fn finish(mut self, outcome: Outcome, now: Millis) -> Option<Signal> {
        let Outcome { status, latency_us, .. } = outcome;
        let failure = outcome.failure.or(status.filter(|s| *s >= 500).map(|_| Failure::Status5xx));
        if status.is_none() && failure.is_none() {
            return None;
        }
        let meter = self.meter();
        if let Some(status) = status {
            if let Some(class) = usize::from(status / 100).checked_sub(1).and_then(|class| meter.classes.get(class)) {
                bump(class, 1);
            }
            meter.latency.record(latency_us);
        }
        if let Some(failure) = failure {
            bump(&meter.failures[failure as usize], 1);
        }
        let live = &self.seat.live;
        if live.pool.feeds_ewma() {
            live.ewma.observe(if failure.is_some() { None } else { Some(latency_us) }, now);
        }
        let signal = if failure.is_some() { self.failed(now) } else { self.succeeded() };
        self.stage = Stage::Finished;
        signal
    }

    fn succeeded(&mut self) -> Option<Signal> {
        let failures = &self.seat.live.consecutive_failures;
        if failures.load(Relaxed) != 0 {
            failures.store(0, Relaxed);
        }
        self.end_trial().then_some(Signal::TrialPassed)
    }

    fn failed(&mut self, now: Millis) -> Option<Signal> {
        let live = &self.seat.live;
        live.strain.add(now);
        let failures = live.consecutive_failures.fetch_add(1, Relaxed).saturating_add(1);
        let threshold = live.pool.threshold();
        if self.end_trial() {
            Some(Signal::TrialFailed)
        } else if threshold > 0 && failures >= threshold {
            Some(Signal::Suspect)
        } else {
            (failures == 1).then_some(Signal::FirstFailure)
        }
    }

    /// Frees the trial slot, if this lease holds it.
    fn end_trial(&mut self) -> bool {
        let held = self.stage == Stage::OnTrial;
        if held {
            self.stage = Stage::Running;
            self.seat.live.trial_taken.store(false, Release);
        }
        held
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.stage != Stage::Finished {
            bump(&self.meter().cancelled, 1);
        }
        self.end_trial();
        let live = &self.seat.live;
        live.pool.count_given_back(self.seat.worker);
        live.in_flight.fetch_sub(1, SeqCst);
        live.pool.waiters.call_first();
    }
}
