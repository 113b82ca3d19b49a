//! One worker's way of picking from a pool.
//!
//! A pick takes no lock, allocates nothing, and has little to do with other workers: all it writes that they write too is the
//! backend's count of requests in flight and, where the strategy takes turns, the turn. On a common machine one such write
//! costs as much as all the rest of a pick.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};

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
        self.list = backends.iter().map(|backend| Seat::new(Arc::clone(backend), self.worker)).collect();
        self.of = Arc::clone(backends);
    }
}

impl Picker {
    pub(super) fn new(live: &Arc<PoolLive>, rotation: &Arc<ArcSwap<Rotation>>, worker: usize) -> Self {
        let mut seats = Seats { worker, list: Box::default(), of: Arc::default() };
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
}
