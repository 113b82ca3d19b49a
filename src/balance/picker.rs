//! One worker's way of picking from a pool.
//!
//! A pick takes no lock, allocates nothing, and has little to do with other workers: all it writes that they write too is the
//! backend's count of requests in flight and, where the strategy takes turns, the turn. On a common machine one such write
//! costs as much as all the rest of a pick.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use super::Millis;
use super::ages::Ages;
use super::backend::Backend;
use super::lease::{Lease, Seat};
use super::pool::{NoPick, PickInput, PoolLive};
use super::rotation::Rotation;

/// See the module.
#[derive(Debug)]
pub struct Picker {
    live: Arc<PoolLive>,
    hand: RefCell<Hand>,
}

#[derive(Debug)]
struct Hand {
    seats: Seats,
    /// The rotation last seen, and where there may be a newer one.
    rotation: Cache<Arc<ArcSwap<Rotation>>, Arc<Rotation>>,
}

/// A seat for each of a pool's backends.
#[derive(Debug)]
struct Seats {
    worker: usize,
    /// By the backends' indices.
    list: Box<[Rc<Seat>]>,
    /// The backends.
    of: Arc<[Arc<Backend>]>,
    ages: Ages,
}

impl Seats {
    /// The seats of these backends: the same ones, until a reload has brought others.
    fn of(&mut self, backends: &Arc<[Arc<Backend>]>) -> &mut [Rc<Seat>] {
        if !Arc::ptr_eq(&self.of, backends) {
            self.take(backends);
        }
        &mut self.list
    }

    #[cold]
    fn take(&mut self, backends: &Arc<[Arc<Backend>]>) {
        self.ages.put_aside(&self.list);
        self.list = backends.iter().map(|backend| Seat::new(Arc::clone(backend), self.worker)).collect();
        self.of = Arc::clone(backends);
    }
}

impl Picker {
    pub(super) fn new(live: &Arc<PoolLive>, rotation: &Arc<ArcSwap<Rotation>>, worker: usize) -> Self {
        let mut seats = Seats { worker, list: Box::default(), of: Arc::default(), ages: Ages::default() };
        seats.take(rotation.load().backends());
        let hand = Hand { seats, rotation: Cache::new(Arc::clone(rotation)) };
        Self { live: Arc::clone(live), hand: RefCell::new(hand) }
    }

    /// Picks a backend and takes a lease on it, unless others wait for room: they come first, but for requests that have
    /// been let in before and failed.
    pub fn pick(&self, input: &PickInput<'_>) -> Result<Lease, NoPick> {
        if input.tried.is_empty() && !self.live.waiters.is_empty() {
            return Err(NoPick::AllFull);
        }
        self.pick_in_turn(input)
    }

    /// As [`Self::pick`], for a request that has waited and is called.
    pub fn pick_in_turn(&self, input: &PickInput<'_>) -> Result<Lease, NoPick> {
        let Hand { seats, rotation } = &mut *self.hand.borrow_mut();
        let rotation = rotation.load();
        rotation.pick(&self.live, seats.of(rotation.backends()), input)
    }
    /// A lease on the backend that had this index when a session began that it has served; `None` if it may not take one
    /// now, is full, or others wait for room. While the operator drains it, it may if `keep`.
    pub fn pick_again(&self, index: usize, backend: &Backend, keep: bool) -> Option<Lease> {
        if !self.live.waiters.is_empty() {
            return None;
        }
        let Hand { seats, rotation } = &mut *self.hand.borrow_mut();
        let seats = seats.of(rotation.load().backends());
        // After a reload it may have moved.
        let is_it = |seat: &Rc<Seat>| Arc::ptr_eq(seat.live(), &backend.live);
        let index = if seats.get(index).is_some_and(is_it) { index } else { seats.iter().position(is_it)? };
        Lease::take_again(&mut seats[index], keep)
    }

    /// Tells each backend since when its oldest request from here runs; to be called about once a second while this says that
    /// there are any.
    pub fn tell_ages(&self, now: Millis) -> bool {
        let Seats { list, ages, .. } = &mut self.hand.borrow_mut().seats;
        ages.turn(list, now)
    }

    /// Tells the ages of what runs by another picker of this worker from now on; for when it takes that one's place.
    pub fn take_over(&self, before: &Self) {
        let before = &mut before.hand.borrow_mut().seats;
        let ages = &mut self.hand.borrow_mut().seats.ages;
        ages.take_over(&mut before.ages);
        ages.put_aside(&before.list);
    }
}
