//! The calls that look: liveness, readiness, the snapshot, the health report.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Json, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::View;
use super::openapi::{Guarded, Strangers};
use super::report::{Report, report};
use crate::balance::overrides::Overrides;
use crate::balance::snapshot::Phase;
use crate::telemetry::prometheus;

pub(super) fn routes() -> OpenApiRouter<View> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(snapshot))
        .routes(routes!(load_balancers))
        .routes(routes!(overrides))
}

/// Whether the process lives.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "look",
    security(()),
    responses((status = 200, description = "It does", body = String, content_type = "text/plain"), Strangers),
)]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether requests can be served.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "look",
    security(()),
    responses(
        (status = 200, description = "They can", body = String, content_type = "text/plain"),
        (status = 503, description = "They cannot, or no longer", body = String, content_type = "text/plain"),
        Strangers,
    ),
)]
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

/// Figures for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "look",
    responses((status = 200, description = "The figures", body = String, content_type = "text/plain"), Guarded),
)]
async fn metrics(State(view): State<View>) -> Response {
    ([(CONTENT_TYPE, prometheus::CONTENT_TYPE)], prometheus::text(&*view.now().await)).into_response()
}

/// Everything that the dashboard shows.
#[utoipa::path(
    get,
    path = "/api/v1/snapshot",
    tag = "look",
    responses((status = 200, description = "How things are", body = Object), Guarded),
)]
async fn snapshot(State(view): State<View>) -> Response {
    Json(view.now().await).into_response()
}

/// Every host with the health of its instances.
#[utoipa::path(
    get,
    path = "/api/v1/loadBalancers/report",
    tag = "look",
    responses((status = 200, description = "The report", body = Report), Guarded),
)]
async fn load_balancers(State(view): State<View>) -> Json<Report> {
    Json(report(&*view.now().await))
}

/// Where running state differs from the config, and what the config would have to say for it to last.
#[utoipa::path(
    get,
    path = "/api/v1/overrides",
    tag = "look",
    responses((status = 200, description = "The overrides", body = Object), Guarded),
)]
async fn overrides(State(view): State<View>) -> Response {
    Json(Overrides::of(&*view.now().await)).into_response()
}
