//! Waiting for a backend that has room, or for the first health check.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use super::client::Client;
use super::site::Upstream;
use crate::balance::lease::Lease;
use crate::balance::picker::Picker;
use crate::balance::pool::{NoPick, PickInput};
use crate::balance::waiters::{Place, Waiters};
use crate::clock;
use crate::tally::Cause;

/// How long requests wait for the first verdict of the checks. The control plane gives one within a second; this is only the
/// net below it.
const FIRST_CHECK: Duration = Duration::from_millis(1500);

/// Called when nobody could be picked: waits for a backend as long as waiting can help. `last` is the cause of an earlier
/// failure.
pub(super) async fn wait(
    client: &Client,
    upstream: &Upstream,
    input: PickInput<'_>,
    mut why: NoPick,
    last: Cause,
) -> Result<Lease, Cause> {
    let queued = &upstream.tally.queued;
    let live = upstream.pool.live();
    let wait = Wait { client, picker: &upstream.picker, input };
    loop {
        let (most, waiters, patience, in_vain) = match why {
            NoPick::AwaitingFirstCheck => (u64::MAX, &live.unchecked, FIRST_CHECK, Cause::NoneEligible),
            NoPick::AllFull => {
                let queue = upstream.config().queue;
                (queue.size.into(), &live.waiters, queue.timeout, Cause::QueueTimeout)
            }
            NoPick::AllTried => return Err(last),
            NoPick::NoneEligible => return Err(Cause::NoneEligible),
        };
        let _counted = Counted::below(most, queued).ok_or(Cause::QueueFull)?;
        match wait.in_line(waiters, patience, why).await {
            Ok(lease) => return Ok(lease),
            Err(again) if again == why => return Err(in_vain),
            // There is something else to wait for by now.
            Err(other) => why = other,
        }
    }
}

/// A request that waits.
struct Wait<'a> {
    client: &'a Client,
    picker: &'a Picker,
    input: PickInput<'a>,
}

impl Wait<'_> {
    /// Waits its turn, as long as nobody can be picked because of `why`, and no longer than `limit`.
    async fn in_line(&self, line: &Arc<Waiters>, limit: Duration, why: NoPick) -> Result<Lease, NoPick> {
        self.client.deadline.arm(limit);
        let mut place = Place::take(line);
        while self.is_called(&mut place).await {
            match self.picker.pick_in_turn(&PickInput { now: clock::now(), ..self.input }) {
                // Room at a backend that has failed it is none for this one, but may be for those behind.
                Err(again) if again == why && !self.input.tried.is_empty() => place.decline(),
                Err(again) if again == why => {}
                picked => return picked,
            }
        }
        Err(why)
    }

    /// Waits for a call, or in vain.
    async fn is_called(&self, place: &mut Place) -> bool {
        poll_fn(|cx| match Pin::new(&mut *place).poll(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if self.client.deadline.expired() => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

/// One request more in the count of those that wait.
struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    /// Not if there are so many already.
    fn below(most: u64, count: &'a AtomicU64) -> Option<Self> {
        count.fetch_update(Relaxed, Relaxed, |n| (n < most).then(|| n + 1)).ok().map(|_| Self(count))
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
