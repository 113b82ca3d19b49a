//! Passive ejection of backends whose requests fail: out for a while, longer each time, and back by way of one trial request.
//!
//! A machine without a clock and without hands: the control plane tells it what leases have signalled and what time it is, and
//! applies the [`Action`]s that come out.

use std::sync::atomic::Ordering::Relaxed;

use super::Millis;
use super::backend::Live;

/// Settings of the outlier detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutlierDetection {
    /// Failures in a row that eject. At least 1.
    pub consecutive_failures: u32,
    /// Milliseconds of the first ejection; the n-th in a row lasts n times as long.
    pub base_ejection: u64,
    /// Longest ejection in milliseconds.
    pub max_ejection: u64,
    /// Most of a pool that may be ejected at once, 0..=100. One backend may be whenever this is not 0.
    pub max_ejected_percent: u8,
}

impl Default for OutlierDetection {
    fn default() -> Self {
        Self { consecutive_failures: 5, base_ejection: 30_000, max_ejection: 300_000, max_ejected_percent: 50 }
    }
}

/// What is to be done with a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Take it out.
    Eject {
        /// Until then.
        until: Millis,
        /// For so long, in milliseconds.
        for_ms: u64,
    },
    /// Let one request decide.
    Try,
    /// Take it back.
    Readmit,
}

impl Action {
    /// Does it. Follow with [`super::pool::Pool::refresh`].
    pub fn apply(self, live: &Live, now: Millis) {
        match self {
            Self::Eject { until, .. } => {
                live.set_ejected_until(Some(until));
                live.set_on_trial(false);
                live.count_ejection();
            }
            Self::Try => {
                live.set_on_trial(true);
                live.set_ejected_until(None);
            }
            Self::Readmit => {
                live.consecutive_failures.store(0, Relaxed);
                live.strain.clear();
                live.set_returned_at(now);
                live.set_on_trial(false);
                live.set_ejected_until(None);
            }
        }
    }
}

/// The outlier detector of one pool. Backends go by their index.
#[derive(Clone, Debug)]
pub struct Outliers {
    settings: OutlierDetection,
    records: Box<[Record]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    state: State,
    /// Ejections in a row, as of the last one.
    times: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    In { since: Millis },
    Ejected { until: Millis },
    OnTrial,
}

impl Default for State {
    fn default() -> Self {
        Self::In { since: 0 }
    }
}

impl Outliers {
    /// Nobody is ejected.
    pub fn new(settings: OutlierDetection, backends: usize) -> Self {
        Self { settings, records: vec![Record::default(); backends].into() }
    }

    /// The detector that takes this one's place under other settings. Each backend is where the one was that `kept` names by
    /// its index here; others have a clean record.
    #[must_use]
    pub fn succeeded_by(&self, settings: OutlierDetection, kept: &[Option<usize>]) -> Self {
        let record = |kept: &Option<usize>| kept.map_or_else(Record::default, |index| self.records[index]);
        Self { settings, records: kept.iter().map(record).collect() }
    }

    /// Whether a backend is ejected or on trial.
    pub fn is_out(&self, index: usize) -> bool {
        !matches!(self.records[index].state, State::In { .. })
    }

    /// A backend is suspect, with this many failures in a row by now; so many others are eligible. Ejects it unless it is the
    /// last one, or too many are ejected already, or the suspicion is outdated.
    pub fn suspect(&mut self, index: usize, failures: u32, eligible_others: usize, now: Millis) -> Option<Action> {
        let State::In { since } = self.records[index].state else { return None };
        if failures < self.settings.consecutive_failures || eligible_others == 0 || self.ejected() >= self.most() {
            return None;
        }
        let clean = now.saturating_sub(since) / self.settings.base_ejection.max(1);
        let record = &mut self.records[index];
        record.times = record.times.saturating_sub(u32::try_from(clean).unwrap_or(u32::MAX));
        Some(self.eject(index, now))
    }

    /// The trial request has ended. Means nothing for a backend that is not on trial.
    pub fn tried(&mut self, index: usize, passed: bool, now: Millis) -> Option<Action> {
        (self.records[index].state == State::OnTrial)
            .then(|| if passed { self.readmit(index, now) } else { self.eject(index, now) })
    }

    /// The checks have turned from unhealthy to healthy: that clears an ejection.
    pub fn recovered(&mut self, index: usize, now: Millis) -> Option<Action> {
        self.is_out(index).then(|| self.readmit(index, now))
    }

    /// The backends whose ejection is over, each now on trial.
    pub fn due(&mut self, now: Millis) -> impl Iterator<Item = (usize, Action)> {
        self.records.iter_mut().enumerate().filter_map(move |(index, record)| match record.state {
            State::Ejected { until } if until <= now => {
                record.state = State::OnTrial;
                Some((index, Action::Try))
            }
            _ => None,
        })
    }

    /// When [`Self::due`] has something next.
    pub fn next_due(&self) -> Option<Millis> {
        let until = |record: &Record| if let State::Ejected { until } = record.state { Some(until) } else { None };
        self.records.iter().filter_map(until).min()
    }

    fn eject(&mut self, index: usize, now: Millis) -> Action {
        let record = &mut self.records[index];
        record.times = record.times.saturating_add(1);
        let for_ms = self.settings.base_ejection.saturating_mul(record.times.into()).min(self.settings.max_ejection);
        let until = now.saturating_add(for_ms);
        record.state = State::Ejected { until };
        Action::Eject { until, for_ms }
    }

    fn readmit(&mut self, index: usize, now: Millis) -> Action {
        self.records[index].state = State::In { since: now };
        Action::Readmit
    }

    fn ejected(&self) -> usize {
        (0..self.records.len()).filter(|index| self.is_out(*index)).count()
    }

    fn most(&self) -> usize {
        match usize::from(self.settings.max_ejected_percent) {
            0 => 0,
            percent => (self.records.len() * percent / 100).max(1),
        }
    }
}

#[cfg(test)]
mod tests;
