//! Requests that wait for a backend with room, first come first served.
//!
//! Made so that giving a lease back costs one load while nobody waits. Whoever waits takes a [`Place`] *before* the pick
//! that may fail, and awaits the place after it: then no wake-up falls between the two.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::pool::PoolLive;

/// The line.
#[derive(Debug, Default)]
pub struct Waiters {
    /// Length of the line. Sequentially consistent, as are the in-flight counts: either the one who leaves sees the one who
    /// waits, or the one who waits sees the room.
    count: AtomicU32,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    next_id: u64,
    /// Ordered by id.
    entries: VecDeque<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    called: bool,
    waker: Option<Waker>,
}

impl Line {
    fn find(&self, id: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&id, |e| e.id).ok()
    }

    /// Calls the first one that has not been called yet.
    fn call_one(&mut self) -> Option<Waker> {
        let entry = self.entries.iter_mut().find(|e| !e.called)?;
        entry.called = true;
        entry.waker.take()
    }
}

impl Waiters {
    /// How many wait.
    pub fn len(&self) -> u32 {
        self.count.load(SeqCst)
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// There is room for one: calls the first in line.
    pub fn wake_one(&self) {
        if self.is_empty() {
            return;
        }
        let waker = self.line().call_one();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Things have changed: calls everybody.
    pub fn wake_all(&self) {
        if self.is_empty() {
            return;
        }
        let wakers: Vec<_> = {
            let mut line = self.line();
            line.entries.iter_mut().for_each(|e| e.called = true);
            line.entries.iter_mut().filter_map(|e| e.waker.take()).collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the line of a pool, kept until it is dropped.
///
/// As a future it is ready each time it is called; if the pick then fails again, await it again: the place is the same.
/// Dropped while called but not heard, it passes the call on.
#[must_use]
#[derive(Debug)]
pub struct Place {
    pool: Arc<PoolLive>,
    id: u64,
}

impl Place {
    /// At the end of the pool's line.
    pub fn take(pool: &Arc<PoolLive>) -> Self {
        let waiters = &pool.waiters;
        waiters.count.fetch_add(1, SeqCst);
        let mut line = waiters.line();
        line.next_id += 1;
        let id = line.next_id;
        line.entries.push_back(Entry { id, called: false, waker: None });
        drop(line);
        Self { pool: pool.clone(), id }
    }
}

impl Future for Place {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut line = self.pool.waiters.line();
        let Some(index) = line.find(self.id) else { return Poll::Ready(()) };
        let entry = &mut line.entries[index];
        if std::mem::take(&mut entry.called) {
            return Poll::Ready(());
        }
        match &mut entry.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let waiters = &self.pool.waiters;
        let mut line = waiters.line();
        let entry = line.find(self.id).and_then(|index| line.entries.remove(index));
        waiters.count.fetch_sub(1, SeqCst);
        drop(line);
        if entry.is_some_and(|e| e.called) {
            waiters.wake_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(place: &mut Place) -> bool {
        Pin::new(place).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn first_come_first_served() {
        let pool = Arc::new(PoolLive::default());
        let [mut a, mut b] = [(); 2].map(|()| Place::take(&pool));
        assert!(!poll(&mut b) && !poll(&mut a));
        pool.waiters.wake_one();
        assert!(!poll(&mut b) && poll(&mut a));
        assert!(!poll(&mut a), "one call, one try");
        pool.waiters.wake_one();
        assert!(!poll(&mut b) && poll(&mut a), "a failed try keeps its place");
        drop(a);
        pool.waiters.wake_one();
        assert!(poll(&mut b));
        drop(b);
        assert!(pool.waiters.is_empty());
    }

    #[test]
    fn a_call_between_the_pick_and_the_await_is_heard() {
        let pool = Arc::new(PoolLive::default());
        let mut place = Place::take(&pool);
        pool.waiters.wake_one();
        assert!(poll(&mut place));
    }

    #[test]
    fn a_call_that_nobody_heard_is_passed_on() {
        let pool = Arc::new(PoolLive::default());
        let [a, mut b] = [(); 2].map(|()| Place::take(&pool));
        pool.waiters.wake_one();
        drop(a);
        assert!(poll(&mut b));
    }

    #[test]
    fn everybody_is_called() {
        let pool = Arc::new(PoolLive::default());
        let mut places = [(); 3].map(|()| Place::take(&pool));
        pool.waiters.wake_all();
        assert!(places.iter_mut().all(poll));
    }
}
