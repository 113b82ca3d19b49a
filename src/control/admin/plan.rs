//! What a config would change of what runs, without changing it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::View;
use super::body::bytes;
use super::openapi::{Bounded, Guarded};
use super::refused::Refused;
use crate::config::{self, Loaded, Problem};
use crate::plan::Plan;
use crate::running::Running;

/// Bytes of a config.
const LARGE: usize = 1 << 20;
/// For reading the config file, which might be a pipe.
const READING: Duration = Duration::from_secs(5);

pub(super) fn routes() -> OpenApiRouter<View> {
    OpenApiRouter::new().routes(routes!(plan))
}

/// What a config would change of what runs: the one in the body, or else the file that the instance was started with.
#[utoipa::path(
    post,
    path = "/api/v1/plan",
    tag = "look",
    request_body(content = Option<String>, content_type = "application/yaml", description = "May be left out"),
    responses((status = 200, description = "The plan", body = Object), Guarded, Bounded),
)]
async fn plan(State(view): State<View>, body: Body) -> Result<Response, Refused> {
    let body = bytes(body, LARGE).await?;
    let running = Arc::clone(&view.running.borrow());
    // A config is checked down to the files that it names, and that may take its time.
    let compared = spawn_blocking(move || compare(&running, &body, view.file.as_deref()));
    match timeout(READING, compared).await {
        Ok(Ok(plan)) => Ok(Json(plan?).into_response()),
        _ => Err(Refused::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the config cannot be read in time")),
    }
}

fn compare(running: &Running, body: &Bytes, file: Option<&Path>) -> Result<Plan, Refused> {
    let loaded: Result<Loaded, Vec<Problem>> = if body.trim_ascii().is_empty() {
        config::load(file.ok_or_else(|| Refused::bad_request("there is no config file; send one in the body"))?)
    } else {
        let text = str::from_utf8(body).map_err(|_| Refused::bad_request("the body is not UTF-8 text"))?;
        config::parse_str(text)
    };
    let problems = |problems: Vec<Problem>| problems.iter().map(ToString::to_string).collect();
    Ok(Plan::new(running, &loaded.map_err(|found| Refused::invalid_config(problems(found)))?))
}
