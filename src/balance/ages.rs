//! How long the oldest request at each backend has been running, without a note for each request.
//!
//! About once a second a worker changes its seats for new ones. Leases hold on to the seat they were taken on, so that a seat
//! put aside lives as long as the requests that began in its second: the oldest seat alive tells the age of the oldest
//! request. A pick knows nothing of all this.

use std::collections::HashMap;
use std::mem;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::Millis;
use super::backend::Live;
use super::lease::Seat;

/// The seats that one worker has put aside for one pool, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Ages(Vec<Weak<Seat>>);

impl Ages {
    /// These seats are used no more.
    pub(super) fn put_aside(&mut self, seats: &[Rc<Seat>]) {
        self.0.extend(seats.iter().filter(|seat| Rc::strong_count(seat) > 1).map(Rc::downgrade));
    }

    /// Knows from now on what the other has known.
    pub(super) fn take_over(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
    }

    /// Changes the seats and tells each backend since when its oldest request runs. Says whether there are any requests.
    pub(super) fn turn(&mut self, seats: &mut [Rc<Seat>], now: Millis) -> bool {
        for seat in seats.iter_mut() {
            if Rc::strong_count(seat) > 1 {
                let fresh = Seat::successor(seat, now);
                self.0.push(Rc::downgrade(&mem::replace(seat, fresh)));
            } else {
                seat.begin_at(now);
            }
        }
        self.0.retain(|seat| seat.strong_count() > 0);
        let mut oldest: HashMap<*const Live, Millis> = HashMap::new();
        for seat in self.0.iter().filter_map(Weak::upgrade) {
            oldest.entry(Arc::as_ptr(seat.live())).or_insert(seat.began());
        }
        for seat in seats {
            let since = oldest.get(&Arc::as_ptr(seat.live())).copied();
            seat.meter().oldest_since.store(since.unwrap_or(0), Relaxed);
        }
        !self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use crate::balance::fixture::{pick, pool};
    use crate::balance::picker::Picker;
    use crate::balance::pool::{PickInput, Pool};
    use crate::balance::strategy::StrategyKind;

    const INPUT: PickInput<'static> = PickInput { key: 0, entropy: 0, now: 0, tried: &[] };

    fn ages(pool: &Pool, now: u64) -> Vec<Option<u64>> {
        pool.backends().iter().map(|backend| backend.live.oldest_ms(now)).collect()
    }

    #[test]
    fn the_oldest_request_tells_the_age() {
        let pool = pool(StrategyKind::RoundRobin, &[1, 1]);
        let picker: Picker = pool.picker(0);
        assert!(!picker.tell_ages(10_000));
        let first = picker.pick(&INPUT).unwrap();
        let (index, other) = if *first.backend().spec.id.backend == *"b0" { (0, 1) } else { (1, 0) };
        assert_eq!(ages(&pool, 10_500)[index], Some(0), "less than a second");
        assert!(picker.tell_ages(11_000));
        let _second = picker.pick(&INPUT).unwrap();
        let third = picker.pick(&INPUT).unwrap();
        assert!(picker.tell_ages(12_000));
        assert_eq!(ages(&pool, 15_000)[index], Some(5_000), "it began in the second after 10 s");
        assert_eq!(ages(&pool, 15_000)[other], Some(4_000));
        drop(first);
        assert!(picker.tell_ages(13_000));
        assert_eq!(ages(&pool, 15_000)[index], Some(4_000), "the third began in the second after 11 s");
        drop(third);
        assert_eq!(ages(&pool, 15_000)[index], None, "nothing runs");
    }

    #[test]
    fn a_new_picker_knows_what_runs_by_the_old_one() {
        let pool = pool(StrategyKind::RoundRobin, &[1]);
        let before = pool.picker(0);
        before.tell_ages(1_000);
        let _older = before.pick(&INPUT).unwrap();
        before.tell_ages(2_000);
        let _newer = before.pick(&INPUT).unwrap();
        let after = pool.picker(0);
        after.take_over(&before);
        assert!(after.tell_ages(3_000));
        assert_eq!(ages(&pool, 10_000), [Some(9_000)]);
    }

    #[test]
    fn a_cut_reaches_requests_of_every_age() {
        let pool = pool(StrategyKind::RoundRobin, &[1]);
        let picker = pool.picker(0);
        let lease = picker.pick(&INPUT).unwrap();
        picker.tell_ages(1_000);
        pool.backends()[0].live.cut_epoch.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        picker.tell_ages(2_000);
        let later = picker.pick(&INPUT).unwrap();
        assert!(lease.is_cut() && !later.is_cut());
        assert!(!pick(&pool, 0).is_cut());
    }
}
