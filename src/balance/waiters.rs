//! Requests that wait for a backend, first come first served.
//!
//! Made so that giving a lease back costs one load while nobody waits. Whoever waits takes a [`Place`] in the line and tries
//! again when it is called. The first in line is called when there may be room, and whoever leaves the line after a call
//! passes it on, so one call is enough however much room there is. While a call is under way nobody overtakes: who comes
//! then goes to the end of the line and is called in turn.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

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
    call: Call,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// Not called.
    None,
    /// Called, but has not heard it.
    Made,
    /// Has heard it and tries.
    Heard,
}

impl Line {
    fn find(&self, id: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&id, |e| e.id).ok()
    }

    /// Calls who is at `index`, and nobody else: two that are called at once might come in the wrong order.
    fn call(&mut self, index: usize) -> Option<Waker> {
        let entry = self.entries.get_mut(index)?;
        entry.call = Call::Made;
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

    /// There may be room: calls the first in line.
    pub fn call_first(&self) {
        if self.is_empty() {
            return;
        }
        let waker = self.line().call(0);
        waker.into_iter().for_each(Waker::wake);
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a line, kept until it is dropped.
///
/// As a future it is ready each time it is called; if the pick then fails, await it again: the place is the same.
/// Dropped after a call, it passes the call on.
#[must_use]
#[derive(Debug)]
pub struct Place {
    waiters: Arc<Waiters>,
    id: u64,
}

impl Place {
    /// At the end of the line. Room that has come since it was looked for is the first one's, who is called unless a call is
    /// under way already; in an empty line that is this one.
    pub fn take(waiters: &Arc<Waiters>) -> Self {
        waiters.count.fetch_add(1, SeqCst);
        // A picker looks for a newer rotation with a plain load, which must not be done before we are seen to wait.
        fence(SeqCst);
        let mut line = waiters.line();
        line.next_id += 1;
        let id = line.next_id;
        let is_quiet = line.entries.iter().all(|e| e.call == Call::None);
        line.entries.push_back(Entry { id, call: Call::None, waker: None });
        let waker = if is_quiet { line.call(0) } else { None };
        drop(line);
        waker.into_iter().for_each(Waker::wake);
        Self { waiters: waiters.clone(), id }
    }

    /// Passes the call on and keeps the place: what room there is, is none for this one.
    pub fn decline(&self) {
        let mut line = self.waiters.line();
        let waker = line.find(self.id).and_then(|index| line.call(index + 1));
        drop(line);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Future for Place {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut line = self.waiters.line();
        let Some(index) = line.find(self.id) else { return Poll::Ready(()) };
        let entry = &mut line.entries[index];
        if entry.call == Call::Made {
            entry.call = Call::Heard;
            return Poll::Ready(());
        }
        entry.call = Call::None;
        match &mut entry.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut line = self.waiters.line();
        let entry = line.find(self.id).and_then(|index| line.entries.remove(index));
        self.waiters.count.fetch_sub(1, SeqCst);
        drop(line);
        if entry.is_some_and(|e| e.call != Call::None) {
            self.waiters.call_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_called(place: &mut Place) -> bool {
        Pin::new(place).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// A line of so many, each of whom has tried in vain.
    fn line<const N: usize>() -> (Arc<Waiters>, [Place; N]) {
        let waiters = Arc::default();
        let mut places = Vec::new();
        for _ in 0..N {
            places.push(Place::take(&waiters));
            assert!(is_called(&mut places[0]) && !places.iter_mut().any(is_called));
        }
        (waiters, places.try_into().unwrap())
    }

    #[test]
    fn first_come_first_served() {
        let (waiters, [mut a, mut b]) = line();
        waiters.call_first();
        assert!(!is_called(&mut b) && is_called(&mut a));
        assert!(!is_called(&mut a), "one call, one try");
        waiters.call_first();
        assert!(!is_called(&mut b) && is_called(&mut a), "a failed try keeps its place");
    }

    #[test]
    fn room_between_the_pick_and_the_place_is_tried_for() {
        assert!(is_called(&mut Place::take(&Arc::default())));
        let (waiters, [mut first]) = line();
        let mut late = Place::take(&waiters);
        assert!(!is_called(&mut late) && is_called(&mut first), "who came first takes it");
    }

    #[test]
    fn whoever_leaves_after_a_call_passes_it_on() {
        let (waiters, [a, mut b, mut c]) = line();
        waiters.call_first();
        drop(a);
        assert!(is_called(&mut b), "it had not heard");
        drop(b);
        assert!(is_called(&mut c), "it had, and there may be room for another one");
        assert!(!is_called(&mut c));
        drop(c);
        assert!(waiters.is_empty());
    }

    #[test]
    fn whoever_leaves_without_a_call_has_none_to_pass_on() {
        let (_waiters, [a, mut b]) = line();
        drop(a);
        assert!(!is_called(&mut b));
    }

    #[test]
    fn nobody_overtakes_while_a_call_is_under_way() {
        let (waiters, [mut a]) = line();
        waiters.call_first();
        let mut late = Place::take(&waiters);
        assert!(!is_called(&mut late), "the other one is called");
        assert!(is_called(&mut a));
        let mut later = Place::take(&waiters);
        assert!(!is_called(&mut late) && !is_called(&mut later), "the other one tries");
        drop(a);
        assert!(!is_called(&mut later) && is_called(&mut late));
    }

    #[test]
    fn room_that_is_none_for_the_first_is_offered_to_the_others() {
        let (waiters, [mut a, mut b]) = line();
        waiters.call_first();
        assert!(is_called(&mut a));
        a.decline();
        assert!(!is_called(&mut a) && is_called(&mut b));
        b.decline();
        assert!(!is_called(&mut a) && !is_called(&mut b), "all have been asked");
        let mut late = Place::take(&waiters);
        for place in [&mut a, &mut b] {
            assert!(is_called(place));
            place.decline();
        }
        assert!(is_called(&mut late), "it may be for this one");
    }

    #[test]
    fn a_call_during_a_try_is_for_the_same_one() {
        let (waiters, [mut a, mut b]) = line();
        waiters.call_first();
        assert!(is_called(&mut a));
        waiters.call_first();
        waiters.call_first();
        assert!(!is_called(&mut b) && is_called(&mut a), "it may have tried too early");
        drop(a);
        assert!(is_called(&mut b));
    }
}
