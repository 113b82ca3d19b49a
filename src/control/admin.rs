//! The admin API: liveness, readiness, the snapshot, the health report. Read-only.
//!
//! Answers also while the process drains, so that a balancer in front hears of it. Reached over loopback or a Unix socket
//! only; over TCP the `Host` must be a loopback name, or a web page could reach it by rebinding a name of its own.

mod listen;
mod report;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use axum::serve::Listener;
use serde_json::json;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

pub use listen::{BindError, Bound};

use super::phase::PhaseWatch;
use super::sampler::Asks;
use crate::balance::snapshot::{Phase, Snapshot};
use crate::running::Follow;
use crate::telemetry::prometheus;

/// How long answers under way may take once the API stops.
const FAREWELL: Duration = Duration::from_millis(500);

/// What the handlers look at.
#[derive(Clone)]
pub struct View {
    /// How things were at the last tick.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// How things are now.
    pub fresh: Asks,
    /// What the process is doing.
    pub phase: PhaseWatch,
    /// What runs, for readiness without the snapshot's delay.
    pub running: Follow,
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
    match bound {
        Bound::Tcp(listener) => run(listener, router(view).layer(middleware::from_fn(only_loopback_names)), stop).await,
        Bound::Unix(listener, file) => {
            run(listener, router(view), stop).await;
            drop(file);
        }
    }
}

async fn run<L>(listener: L, router: Router, stop: CancellationToken)
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    let late = {
        let stop = stop.clone();
        async move {
            stop.cancelled().await;
            tokio::time::sleep(FAREWELL).await;
        }
    };
    tokio::select! {
        // Accepting never ends by itself, and a graceful end has no news.
        _ = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).into_future() => {}
        () = late => {}
    }
}

fn router(view: View) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/api/v1/snapshot", get(snapshot))
        .route("/api/v1/loadBalancers/report", get(load_balancers))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(view)
}

async fn readyz(State(view): State<View>) -> (StatusCode, &'static str) {
    if view.is_ready() {
        return (StatusCode::OK, "ready\n");
    }
    let why = match view.phase.get() {
        Phase::Starting => "starting\n",
        Phase::Serving => "no eligible backend\n",
        Phase::Draining => "draining\n",
    };
    (StatusCode::SERVICE_UNAVAILABLE, why)
}

async fn snapshot(State(view): State<View>) -> Response {
    Json(view.now().await).into_response()
}

async fn metrics(State(view): State<View>) -> Response {
    ([(CONTENT_TYPE, prometheus::CONTENT_TYPE)], prometheus::text(&*view.now().await)).into_response()
}

async fn load_balancers(State(view): State<View>) -> Response {
    Json(report::report(&*view.now().await)).into_response()
}

async fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "not_found", "there is nothing here")
}

async fn method_not_allowed() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this can only be read: use GET")
}

async fn only_loopback_names(headers: HeaderMap, uri: Uri, request: Request, next: Next) -> Response {
    let named = headers.get(HOST).map(|host| host.to_str().unwrap_or_default()).or(uri.authority().map(Authority::as_str));
    if named.is_none_or(is_loopback_name) {
        return next.run(request).await;
    }
    error(StatusCode::FORBIDDEN, "host_not_allowed", "the Host must be localhost or a loopback address")
}

/// Whether `host[:port]` means this machine whoever resolves it.
fn is_loopback_name(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || literal.parse().is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
}

#[cfg(test)]
mod tests;
