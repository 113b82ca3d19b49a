//! The admin API: how things are, and changing them.
//!
//! Every change is one command to the [desk](super::desk); the handlers only translate. Answers also while the process
//! drains, so that a balancer in front hears of it. Who may call is in `guard`, what is answered instead in `refused`, and
//! what there is at `/openapi.json`, made from the routes themselves.

mod body;
mod caller;
mod change;
mod events;
mod explain;
mod guard;
mod listen;
mod look;
mod openapi;
mod plan;
mod refused;
mod report;
mod server;
mod wish;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

pub use listen::{BindError, Bound, Heirloom};

use self::refused::{Refused, Told};
use super::phase::PhaseWatch;
use super::sampler::Asks;
use crate::balance::snapshot::{Phase, Snapshot};
use crate::command::Desk;
use crate::event::EventBus;
use crate::running::Follow;

/// What the handlers look at, and whom they ask.
#[derive(Clone)]
pub struct View {
    /// How things were at the last tick.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// How things are now.
    pub fresh: Asks,
    /// What the process is doing.
    pub phase: PhaseWatch,
    /// What runs.
    pub running: Follow,
    /// The config file, if it is one that has been read.
    pub file: Option<Arc<Path>>,
    /// The door to the desk.
    pub desk: Desk,
    /// What happens.
    pub bus: EventBus,
}

impl View {
    /// A script that has just sent a request wants to find it counted.
    async fn now(&self) -> Arc<Snapshot> {
        let (reply, answer) = oneshot::channel();
        match self.fresh.send(reply).await {
            Ok(()) => answer.await.unwrap_or_else(|_| self.snapshots.borrow().clone()),
            Err(_) => self.snapshots.borrow().clone(),
        }
    }

    /// Some pool can serve: one that cannot must not take the others out of a balancer in front.
    fn is_ready(&self) -> bool {
        let running = Arc::clone(&self.running.borrow());
        let mut backends = running.pools.iter().flat_map(|pool| pool.backends());
        self.phase.get() == Phase::Serving && backends.any(|backend| backend.eligibility().is_eligible())
    }
}

/// Serves until `stop`; then what is under way may finish within half a second.
pub async fn serve(bound: Bound, view: View, stop: CancellationToken) {
    server::run(bound, router(view, stop.clone()), stop).await;
}

fn router(view: View, stop: CancellationToken) -> Router {
    let key = guard::Key::new(view.running.clone());
    let told = Told::new(view.bus.clone());
    let routes =
        look::routes().merge(explain::routes()).merge(events::routes(stop)).merge(change::routes()).merge(plan::routes());
    openapi::described(routes, key.is_needed())
        .fallback(async || Refused::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here"))
        .method_not_allowed_fallback(async || {
            let message = "not with this method; the field Allow names those that are";
            Refused::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        })
        .layer(middleware::from_fn_with_state(key, guard::guard))
        .layer(middleware::from_fn_with_state(told, refused::tell))
        .with_state(view)
}

#[cfg(test)]
mod tests;
