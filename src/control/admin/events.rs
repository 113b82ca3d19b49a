//! What happens, as server-sent events: first what is remembered, if that is asked for, then everything as it comes.
//!
//! A reader takes from the memory of the bus at its own pace. Whoever is too slow finds that some are gone and is told how
//! many; nobody waits for it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::View;
use super::openapi::{Guarded, Unclear};
use super::refused::{ErrorAnswer, Refused};
use crate::event::{EventBus, Remembered, Stamped};

/// Streams at a time.
const STREAMS: usize = 64;
/// Between two signs of life when nothing happens.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The number of the last event that a reader has seen, sent by browsers when they connect again.
const LAST_EVENT_ID: &str = "last-event-id";

/// What the streams have in common.
#[derive(Clone, Debug)]
struct Streams {
    seats: Arc<Semaphore>,
    stop: CancellationToken,
}

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Beginning {
    /// The number of the last event that is known already; what is remembered after it comes first.
    since: Option<u64>,
    /// Whether to go on with what happens from now on; true if it is left out.
    #[serde(default = "follow")]
    #[param(required = false, value_type = Option<bool>)]
    follow: bool,
}

fn follow() -> bool {
    true
}

/// The streams end at `stop`.
pub(super) fn routes(stop: CancellationToken) -> OpenApiRouter<View> {
    let streams = Streams { seats: Arc::new(Semaphore::new(STREAMS)), stop };
    OpenApiRouter::new().routes(routes!(events)).layer(Extension(streams))
}

/// What happens, as it happens: `id` is the number of an event, `event` its kind, `data` the event as JSON. An event `lost`
/// says how many are missing.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "look",
    params(
        Beginning,
        ("Last-Event-ID" = Option<u64>, Header, description = "The same as `since`, from a browser that connects again"),
    ),
    responses(
        (status = 200, description = "Events, until one of us leaves", body = String, content_type = "text/event-stream"),
        (status = 503, description = "So many read already that there is no room for one more", body = ErrorAnswer),
        Guarded,
        Unclear,
    ),
)]
async fn events(
    State(view): State<View>,
    Extension(streams): Extension<Streams>,
    beginning: Result<Query<Beginning>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let Query(Beginning { since, follow }) = beginning.map_err(|error| Refused::bad_request(error.body_text()))?;
    let resumed = headers.get(LAST_EVENT_ID).map(|id| id.to_str().ok().and_then(|id| id.parse().ok()));
    let seen = match resumed {
        Some(None) => return Err(Refused::bad_request("Last-Event-ID is not the number of an event")),
        Some(number) => number,
        None => since,
    };
    let Ok(seat) = streams.seats.try_acquire_owned() else {
        let message = format!("{STREAMS} event streams are open already");
        return Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_streams", message));
    };
    let reader = Reader { follow, ..Reader::new(view.bus, seen, streams.stop, seat) };
    let events = stream::unfold(reader, async |mut reader| {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// One reader's place in the events.
#[derive(Debug)]
struct Reader {
    bus: EventBus,
    newest: watch::Receiver<u64>,
    seen: u64,
    lost: u64,
    waiting: VecDeque<Arc<Stamped>>,
    follow: bool,
    stop: CancellationToken,
    _seat: OwnedSemaphorePermit,
}

impl Reader {
    /// After the event of this number, or else after the newest.
    fn new(bus: EventBus, seen: Option<u64>, stop: CancellationToken, seat: OwnedSemaphorePermit) -> Self {
        let newest = bus.newest();
        let seen = seen.unwrap_or(*newest.borrow());
        let Remembered { lost, events } = bus.after(seen);
        Self { bus, newest, seen, lost, waiting: events.into(), follow: true, stop, _seat: seat }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if self.lost > 0 {
                let lost = std::mem::take(&mut self.lost);
                return Some(sse::Event::default().event("lost").data(json!({ "lost": lost }).to_string()));
            }
            if let Some(stamped) = self.waiting.pop_front() {
                self.seen = stamped.seq;
                return Some(told(&stamped));
            }
            let Remembered { lost, events } = self.bus.after(self.seen);
            if events.is_empty() {
                if !self.follow {
                    return None;
                }
                tokio::select! {
                    // The last event comes together with the end.
                    biased;
                    changed = self.newest.changed() => changed.ok()?,
                    () = self.stop.cancelled() => return None,
                }
            }
            self.bus.count_dropped(lost);
            (self.lost, self.waiting) = (lost, events.into());
        }
    }
}

fn told(stamped: &Stamped) -> sse::Event {
    let event = sse::Event::default().id(stamped.seq.to_string());
    let data = data(stamped);
    let kind = data["kind"].as_str().unwrap_or_default();
    event.event(kind).data(data.to_string())
}

/// The event with its number, time and kind, how grave it is, and the line that the log has of it.
fn data(stamped: &Stamped) -> Value {
    let mut data = json!(stamped);
    data["severity"] = json!(stamped.event.severity());
    data["text"] = json!(stamped.event.to_string());
    data
}

#[cfg(test)]
mod tests;
