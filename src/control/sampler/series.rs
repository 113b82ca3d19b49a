//! What is kept of one backend or one pool over time: the windows, the seconds of the charts, the present rate.

use std::array;
use std::collections::VecDeque;

use super::counts::{Latencies, merge};
use super::window::{Figures, Tick, Window};
use crate::balance::Millis;
use crate::balance::histogram::quantile;
use crate::balance::snapshot::{HISTORY, Second, Traffic, WINDOWS};

/// Milliseconds that the rate is taken over.
const RATE_SPAN: Millis = 5000;

/// See the module.
#[derive(Debug)]
pub(super) struct Series {
    windows: [Window; 3],
    seconds: Seconds,
    rate: Rate,
}

impl Series {
    /// Nothing yet; watched from `now` on.
    pub(super) fn new(now: Millis) -> Self {
        Self { windows: WINDOWS.map(|seconds| Window::new(seconds, now)), seconds: Seconds::new(now), rate: Rate::new(now) }
    }

    /// Adds what happened since the last tick.
    pub(super) fn add(&mut self, tick: &Tick, now: Millis) {
        self.windows.iter_mut().for_each(|window| window.add(tick, now));
        self.seconds.add(tick, now);
        self.rate.add(tick.figures.requests, now);
    }

    /// Each window's figures.
    pub(super) fn figures(&self) -> [Figures; 3] {
        self.windows.each_ref().map(Window::figures)
    }

    /// Each window as everybody sees it, given its figures.
    pub(super) fn traffic(&self, figures: &[Figures; 3], now: Millis) -> [Traffic; 3] {
        array::from_fn(|window| self.windows[window].traffic(&figures[window], now))
    }

    /// Latency over the first window as (microseconds, count) per bucket that is not empty.
    pub(super) fn histogram(&self) -> Vec<(u64, u64)> {
        self.windows[0].histogram()
    }

    /// Finished requests per second, over the last 5 s.
    pub(super) fn rps(&self) -> f64 {
        self.rate.get()
    }

    /// The last [`HISTORY`] whole seconds, oldest first.
    pub(super) fn history(&self) -> Vec<Second> {
        self.seconds.closed.iter().copied().collect()
    }
}

#[derive(Debug)]
struct Seconds {
    closed: VecDeque<Second>,
    /// Number of the second that is being filled.
    open: u64,
    requests: u64,
    errors: u64,
    latencies: Latencies,
}

impl Seconds {
    fn new(now: Millis) -> Self {
        Self { closed: VecDeque::with_capacity(HISTORY), open: now / 1000, requests: 0, errors: 0, latencies: Vec::new() }
    }

    /// A tick counts for the second that it ends in.
    fn add(&mut self, tick: &Tick, now: Millis) {
        let number = now / 1000;
        while self.open < number {
            self.close();
            self.open = (self.open + 1).max(number.saturating_sub(HISTORY as u64));
        }
        self.requests += tick.figures.requests;
        self.errors += tick.figures.errors;
        merge(&mut self.latencies, &tick.latencies);
    }

    fn close(&mut self) {
        let counts = self.latencies.iter().map(|(bucket, count)| (usize::from(*bucket), u64::from(*count)));
        let at = |q| quantile(counts.clone(), q).map_or(0, |us| us.try_into().unwrap_or(u32::MAX));
        let second = Second { requests: self.requests as u32, errors: self.errors as u32, p50_us: at(0.5), p99_us: at(0.99) };
        if self.closed.len() == HISTORY {
            self.closed.pop_front();
        }
        self.closed.push_back(second);
        (self.requests, self.errors) = (0, 0);
        self.latencies.clear();
    }
}

#[derive(Debug)]
struct Rate {
    /// When, and how many until then; the first one is about [`RATE_SPAN`] old.
    marks: VecDeque<(Millis, u64)>,
}

impl Rate {
    fn new(now: Millis) -> Self {
        Self { marks: VecDeque::from([(now, 0)]) }
    }

    fn add(&mut self, requests: u64, now: Millis) {
        let total = self.marks.back().map_or(0, |(_, total)| *total);
        self.marks.push_back((now, total + requests));
        while self.marks.get(1).is_some_and(|(at, _)| at + RATE_SPAN <= now) {
            self.marks.pop_front();
        }
    }

    fn get(&self) -> f64 {
        match (self.marks.front(), self.marks.back()) {
            (Some((from, first)), Some((to, last))) if to > from => (last - first) as f64 * 1000.0 / (to - from) as f64,
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::histogram::bucket;

    fn tick(requests: u64, us: u64) -> Tick {
        let figures = Figures { requests, errors: requests / 2, ..Figures::default() };
        Tick { figures, latencies: vec![(bucket(us) as u16, requests as u32)] }
    }

    #[test]
    fn the_rate_is_over_five_seconds_or_what_there_is() {
        let mut series = Series::new(10_000);
        let rps = |series: &Series| series.rps().round() as u64;
        assert_eq!(rps(&series), 0);
        series.add(&tick(100, 1), 10_500);
        assert_eq!(rps(&series), 200);
        (1..=40).for_each(|n| series.add(&tick(2, 1), 10_500 + 250 * n));
        assert_eq!(rps(&series), 8);
    }

    #[test]
    fn seconds_are_closed_in_order_and_a_pause_is_silence() {
        let mut series = Series::new(0);
        for now in [250, 500, 750] {
            series.add(&tick(4, 2000), now);
        }
        assert_eq!(series.history(), []);
        series.add(&tick(1, 9), 3_250);
        let silence = Second::default();
        let [first, rest @ ..] = &series.history()[..] else { panic!("no second") };
        assert_eq!((first.requests, first.errors), (12, 6));
        assert!((1950..2050).contains(&first.p50_us) && first.p50_us == first.p99_us, "{first:?}");
        assert_eq!(rest, [silence, silence]);
        series.add(&Tick::default(), 900_000);
        assert_eq!(series.history(), [silence; HISTORY]);
    }
}
