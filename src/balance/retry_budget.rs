//! How many retries a worker may send: a share of its requests, and a few per second besides, so that a quiet pool can retry
//! too. Without a bound, retries double the load of a pool that is failing under load.

use super::Millis;

const SLOTS: usize = 10;
const SLOT: Millis = 1_000;

/// One worker's budget for one pool: requests and retries of the last 10 seconds, second by second.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    percent: u64,
    /// Retries that the last 10 seconds allow without any request.
    floor: u64,
    slots: [Slot; SLOTS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Which second since the start.
    second: u64,
    requests: u64,
    retries: u64,
}

impl RetryBudget {
    /// `percent` retries per 100 requests, and `floor_per_second` more (this worker's part of the pool's).
    pub fn new(percent: u32, floor_per_second: f64) -> Self {
        let floor = (floor_per_second * SLOTS as f64).round() as u64;
        Self { percent: percent.into(), floor, slots: [Slot::default(); SLOTS] }
    }

    /// The same requests and retries, measured by another share.
    #[must_use]
    pub fn with_percent(&self, percent: u32) -> Self {
        Self { percent: percent.into(), ..self.clone() }
    }

    /// Counts a request (not a retry of it).
    pub fn count_request(&mut self, now: Millis) {
        self.slot(now).requests += 1;
    }

    /// Spends a retry if the budget has one.
    pub fn try_retry(&mut self, now: Millis) -> bool {
        let second = now / SLOT;
        let recent = self.slots.iter().filter(|s| second.saturating_sub(s.second) < SLOTS as u64);
        let (requests, retries) = recent.fold((0, 0), |(req, re), s| (req + s.requests, re + s.retries));
        let allowed = retries < self.floor + requests * self.percent / 100;
        if allowed {
            self.slot(now).retries += 1;
        }
        allowed
    }

    fn slot(&mut self, now: Millis) -> &mut Slot {
        let second = now / SLOT;
        let slot = &mut self.slots[(second % SLOTS as u64) as usize];
        if slot.second != second {
            *slot = Slot { second, ..Slot::default() };
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retries(budget: &mut RetryBudget, now: Millis) -> usize {
        (0..1_000).take_while(|_| budget.try_retry(now)).count()
    }

    #[test]
    fn a_share_of_the_requests_and_a_floor() {
        let table = [(20, 3.0, 0, 30), (20, 3.0, 100, 50), (20, 0.0, 100, 20), (0, 0.0, 100, 0), (0, 1.5, 0, 15)];
        for (percent, floor, requests, want) in table {
            let mut budget = RetryBudget::new(percent, floor);
            (0..requests).for_each(|_| budget.count_request(5_000));
            assert_eq!(retries(&mut budget, 5_000), want, "{percent} % of {requests} and {floor}/s");
        }
    }

    #[test]
    fn old_requests_and_old_retries_do_not_count() {
        let mut budget = RetryBudget::new(10, 0.0);
        (0..100).for_each(|_| budget.count_request(500));
        assert_eq!(retries(&mut budget, 9_000), 10);
        (0..50).for_each(|_| budget.count_request(11_000));
        assert_eq!(retries(&mut budget, 11_000), 0, "the ten retries of second 9 are more than a tenth of 50");
        assert_eq!(retries(&mut budget, 19_000), 5, "the retries are forgotten, the 50 requests are not");
        assert_eq!(retries(&mut budget, 60_000), 0);
    }
}
