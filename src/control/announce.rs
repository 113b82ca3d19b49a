//! Refreshing a pool and saying what came of it: the last step of whoever changes a backend or a pool.

use crate::balance::pool::Pool;
use crate::clock;
use crate::event::{Event, EventBus};

/// Publishes the pool's new rotation, and an event if the number of eligible backends changed by it.
pub fn refresh(pool: &Pool, bus: &EventBus) {
    let changes = pool.refresh(clock::now());
    let lost = changes.iter().filter(|change| change.from.is_eligible() && !change.to.is_eligible()).count();
    let won = changes.iter().filter(|change| !change.from.is_eligible() && change.to.is_eligible()).count();
    if lost != won {
        let to = eligible(pool);
        bus.publish(Event::PoolChanged { pool: pool.name().clone(), from: to + lost - won, to, of: pool.backends().len() });
    }
}

/// How many backends of a pool may take requests.
pub fn eligible(pool: &Pool) -> usize {
    pool.backends().iter().filter(|backend| backend.eligibility().is_eligible()).count()
}
