//! Time-outs without a timer per request: every task has one [`Deadline`], one sweep per worker looks at all of them.
//!
//! Arming is a store to a cell. A deadline never fires early and at most three [`TICK`]s late. Time during which the worker
//! itself was held up (a stopped process, a starved core) does not count: nobody is blamed for it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::balance::Millis;

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(50);

/// Most that time moves on between two looks, however long the worker was held up.
const LONGEST_STEP: Duration = Duration::from_millis(100);

/// One task's deadline. Single-threaded.
#[derive(Debug)]
pub(super) struct Deadline {
    at: Cell<Millis>,
    waker: RefCell<Option<Waker>>,
    sweep: Rc<Sweep>,
}

impl Deadline {
    /// Fires `after` from now unless armed anew or cleared.
    pub(super) fn arm(&self, after: Duration) {
        // `now` may be as old as the longest step.
        self.at.set(self.sweep.now.get() + (after + LONGEST_STEP).as_millis() as Millis);
    }

    /// Fires `after` from now at the latest.
    pub(super) fn hasten(&self, after: Duration) {
        let at = self.at.get();
        self.arm(after);
        self.at.set(self.at.get().min(at));
    }

    /// Never fires.
    pub(super) fn clear(&self) {
        self.at.set(Millis::MAX);
    }

    /// Whether the time is over.
    pub(super) fn expired(&self) -> bool {
        self.sweep.now.get() >= self.at.get()
    }

    /// Remembers whom to wake; call on every poll of the task.
    pub(super) fn watch(&self, waker: &Waker) {
        let mut slot = self.waker.borrow_mut();
        if !slot.as_ref().is_some_and(|w| w.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// The deadlines of one worker.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// Milliseconds that have been swept.
    now: Cell<Millis>,
    deadlines: RefCell<Vec<Rc<Deadline>>>,
    registered: Notify,
}

impl Sweep {
    /// A new deadline, not armed. It is forgotten when the caller drops it.
    pub(super) fn register(self: &Rc<Self>) -> Rc<Deadline> {
        let mut deadlines = self.deadlines.borrow_mut();
        if deadlines.is_empty() {
            self.registered.notify_waiters();
        }
        let deadline = Rc::new(Deadline { at: Cell::new(Millis::MAX), waker: RefCell::default(), sweep: Rc::clone(self) });
        deadlines.push(Rc::clone(&deadline));
        deadline
    }

    /// Milliseconds since its start, counted in ticks: good for seconds, and free.
    pub(super) fn now(&self) -> Millis {
        self.now.get()
    }

    /// Wakes every task, whatever its deadline: something happened that all must look at.
    pub(super) fn wake_all(&self) {
        self.deadlines.borrow().iter().for_each(|d| d.wake());
    }

    /// Wakes tasks whose time is over, for ever. `each_tick` runs on every tick and says whether it has to run again even if
    /// there are no deadlines; otherwise the sweep sleeps until there is one.
    pub(super) async fn run(self: Rc<Self>, mut each_tick: impl FnMut() -> bool) {
        let mut needed = false;
        loop {
            if !needed && self.deadlines.borrow().is_empty() {
                self.registered.notified().await;
            }
            let before = Instant::now();
            tokio::time::sleep(TICK).await;
            let step = before.elapsed().min(LONGEST_STEP);
            self.now.set(self.now.get() + step.as_millis() as Millis);
            self.deadlines.borrow_mut().retain(|d| Rc::strong_count(d) > 1);
            for deadline in self.deadlines.borrow().iter().filter(|d| d.expired()) {
                deadline.wake();
            }
            needed = each_tick();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn fires_after_its_time_and_not_before() {
        let sweep = Rc::new(Sweep::default());
        let deadline = sweep.register();
        deadline.arm(Duration::from_millis(200));
        let ticking = Rc::clone(&sweep).run(|| false);
        let watched = async {
            let start = tokio::time::Instant::now();
            std::future::poll_fn(|cx| {
                deadline.watch(cx.waker());
                if deadline.expired() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
            start.elapsed()
        };
        let took = tokio::select! { took = watched => took, () = ticking => unreachable!("runs for ever") };
        assert!(took >= Duration::from_millis(200) && took <= Duration::from_millis(300), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn time_during_which_the_worker_was_held_up_does_not_count() {
        let sweep = Rc::new(Sweep::default());
        let deadline = sweep.register();
        let ticking = Rc::clone(&sweep).run(|| false);
        let held_up = async {
            tokio::time::sleep(TICK).await;
            deadline.arm(Duration::from_millis(200));
            tokio::time::advance(Duration::from_secs(10)).await;
            tokio::time::sleep(TICK).await;
            assert!(!deadline.expired());
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(deadline.expired());
        };
        tokio::select! { () = held_up => {}, () = ticking => unreachable!("runs for ever") }
    }

    #[tokio::test(start_paused = true)]
    async fn sleeps_only_when_nobody_needs_it() {
        let sweep = Rc::new(Sweep::default());
        drop(sweep.register());
        let ticks = Cell::new(0);
        let ticking = Rc::clone(&sweep).run(|| {
            ticks.set(ticks.get() + 1);
            ticks.get() < 5
        });
        let _ = tokio::time::timeout(Duration::from_secs(1), ticking).await;
        assert_eq!(ticks.get(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn dropped_deadlines_are_forgotten() {
        let sweep = Rc::new(Sweep::default());
        drop(sweep.register());
        let ticking = Rc::clone(&sweep).run(|| false);
        let _ = tokio::time::timeout(Duration::from_secs(1), ticking).await;
        assert!(sweep.deadlines.borrow().is_empty());
    }
}
