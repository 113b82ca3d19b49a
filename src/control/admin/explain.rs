//! Where a request would go, and why: the question is in `asked`, the answer in `answer`.

mod answer;
mod asked;

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Json, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::answer::explain;
use self::asked::Asked;
use super::View;
use super::caller::Peer;
use super::openapi::{Guarded, Unclear};
use super::refused::Refused;

pub(super) fn routes() -> OpenApiRouter<View> {
    OpenApiRouter::new().routes(routes!(explanation))
}

/// Where a request would go, and why.
#[utoipa::path(
    get,
    path = "/api/v1/explain",
    tag = "look",
    params(
        ("url" = String, Query, description = "Of the request", format = "uri", example = "http://example.com/path"),
        ("method" = Option<String>, Query, description = "Of the request; GET if it is left out"),
        ("header" = Option<Vec<String>>, Query, description = "A header of the request as `Name: value`; any number of them"),
        ("client" = Option<String>, Query, description = "Address that the request comes from; the caller's if it is left out"),
    ),
    responses((status = 200, description = "The explanation", body = Object), Guarded, Unclear),
)]
async fn explanation(
    State(view): State<View>,
    peer: Peer,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Refused> {
    let Query(parameters) = query.map_err(|error| Refused::bad_request(error.body_text()))?;
    let asked = Asked::read(&parameters, peer).map_err(Refused::bad_request)?;
    let snapshot = view.now().await;
    let running = Arc::clone(&view.running.borrow());
    Ok(Json(explain(&asked, &running, &snapshot)).into_response())
}
