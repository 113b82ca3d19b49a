//! Looking at a backend again and again until it is as wanted.
//!
//! Whatever is waited for is read from the snapshot, so nobody has to keep a promise: when this process, the terminal or the
//! connection goes away meanwhile, the backend goes on as it was told.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::progress::Progress;
use super::{Desk, Failure, name};
use crate::balance::backend::BackendId;
use crate::balance::snapshot::BackendView;
use crate::telemetry::line::Escaped;
use crate::tui::view::numbers::clock;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// What one look, however late, is granted.
const GRANTED: Duration = Duration::from_secs(1);

/// What a look at a backend says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It is as wanted.
    There,
    /// It is not yet: `has 3 in flight`.
    NotYet(String),
    /// It will not be: `has been taken back meanwhile`.
    Never(String),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    desk: &'a Desk,
    id: &'a BackendId,
    began: Instant,
    patience: Duration,
}

impl<'a> Watch<'a> {
    /// The patience is for all that is waited for from now on.
    pub(super) fn new(desk: &'a Desk, id: &'a BackendId, patience: Duration) -> Self {
        Self { desk, id, began: Instant::now(), patience }
    }

    /// Looks until it is there, and gives the milliseconds since the watch began. `meanwhile` says what becomes of the backend
    /// if nobody waits any longer: `it goes on draining`. The judge is told the time by the instance's clock.
    pub(super) async fn until(&self, meanwhile: &str, judge: impl FnMut(&BackendView, u64) -> Look) -> Result<u64, Failure> {
        self.desk.left.replace(Some(Escaped(&format!("{}: {meanwhile}", self.id)).to_string()));
        let waited = self.look_on(meanwhile, judge).await;
        self.desk.left.take();
        waited
    }

    async fn look_on(&self, meanwhile: &str, mut judge: impl FnMut(&BackendView, u64) -> Look) -> Result<u64, Failure> {
        let Self { desk, id, began, patience } = *self;
        let name = Escaped(&id.to_string()).to_string();
        let deadline = began + patience;
        let mut progress = Progress::new();
        loop {
            // A request that a worker has just sent on its way by an older rotation is to be seen.
            sleep(PAUSE).await;
            let now = Instant::now();
            let not_yet = match timeout_at(deadline.max(now + GRANTED), desk.client.snapshot()).await {
                Ok(Ok(snapshot)) => {
                    let Some(backend) = snapshot.backend(id) else {
                        return Err(Failure::Failed(name::missing(&snapshot, id)));
                    };
                    match judge(backend, snapshot.at_unix_ms) {
                        Look::There => return Ok(began.elapsed().as_millis() as u64),
                        Look::Never(why) => return Err(Failure::Failed(format!("{name} {}", Escaped(&why)))),
                        Look::NotYet(how) => format!("{name} {}", Escaped(&how)),
                    }
                }
                // A moment without an answer is no reason to give up.
                Ok(Err(error)) => Escaped(&error.to_string()).to_string(),
                Err(_) => format!("{} has not answered", desk.client.address()),
            };
            if now >= deadline {
                let (seconds, ways) = (patience.as_secs_f64(), Escaped(meanwhile));
                return Err(Failure::Failed(format!("{not_yet}, and the {seconds} s are over; {ways}")));
            }
            progress.tell(&format!("{not_yet}, {} left", clock((deadline - now).as_millis() as u64)));
        }
    }
}
