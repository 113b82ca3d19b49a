//! Waiting for a backend that has room, or for the first health check.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use super::client::Client;
use super::worker::{Upstream, Worker};
use crate::balance::lease::Lease;
use crate::balance::pool::{NoPick, PickInput};
use crate::balance::waiters::Place;
use crate::clock;
use crate::tally::Cause;

/// How long requests wait for the first verdict of the checks. The control plane gives one within a second; this is only the
/// net below it.
const FIRST_CHECK: Duration = Duration::from_millis(1500);

/// Called when nobody could be picked: waits for a backend if waiting can help. `last` is the cause of an earlier failure.
pub(super) async fn wait(
    worker: &Worker,
    client: &Client,
    upstream: &Upstream,
    input: PickInput<'_>,
    why: NoPick,
    last: Cause,
) -> Result<Lease, Cause> {
    let queue = upstream.config().queue;
    let queued = &worker.tally.queued[upstream.index];
    let (limit, timed_out) = match why {
        NoPick::AllTried => return Err(last),
        NoPick::NoneEligible => return Err(Cause::NoneEligible),
        NoPick::AllFull if queued.load(Relaxed) >= u64::from(queue.size) => return Err(Cause::QueueFull),
        NoPick::AllFull => (queue.timeout, Cause::QueueTimeout),
        NoPick::AwaitingFirstCheck => (FIRST_CHECK, Cause::NoneEligible),
    };
    let _counted = Counted::new(queued);
    client.deadline.arm(limit);
    // Taken before the pick: a lease that is given back in between calls us.
    let mut place = Place::take(upstream.pool.live());
    loop {
        match upstream.pool.pick(&PickInput { now: clock::now(), ..input }) {
            Ok(lease) => return Ok(lease),
            Err(NoPick::NoneEligible) => return Err(Cause::NoneEligible),
            Err(NoPick::AllTried) => return Err(last),
            Err(NoPick::AllFull | NoPick::AwaitingFirstCheck) => {}
        }
        let called = poll_fn(|cx| match Pin::new(&mut place).poll(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if client.deadline.expired() => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        });
        if !called.await {
            return Err(timed_out);
        }
    }
}

/// One request more in the count of those that wait.
struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
