//! Where a request would go, and why: the question is in `asked`, the answer in `answer`.

mod answer;
mod asked;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Json, Response};
use utoipa::IntoParams;
use utoipa::openapi::schema::{ArrayBuilder, OneOfBuilder, SchemaFormat};
use utoipa::openapi::{ObjectBuilder, Schema, Type};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::answer::explain;
use self::asked::Asked;
use super::View;
use super::caller::Peer;
use super::openapi::{Guarded, Unclear};
use super::refused::Refused;

/// The parameters, for the document: see [`Asked`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "Headers may be repeated, which this could not read")]
struct Question {
    /// Of the request.
    #[param(
        pattern = "^https?://[A-Za-z0-9.-]*[A-Za-z0-9](:[0-9]{1,4})?(/[A-Za-z0-9/._~-]*)?([?][A-Za-z0-9=&]*)?$",
        example = "http://example.com/path"
    )]
    url: String,
    /// Of the request; GET if it is left out.
    #[param(required = false, pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
    method: String,
    /// A header of the request as `Name: value`; any number of them.
    #[param(required = false, schema_with = headers)]
    header: Vec<String>,
    /// Where the request comes from; the caller's address if it is left out.
    #[param(required = false, schema_with = address)]
    client: IpAddr,
}

fn headers() -> Schema {
    // The host of a request is as strict as that of a url.
    let pattern = "^(?![Hh][Oo][Ss][Tt]:)[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ -~]*$|^[Hh][Oo][Ss][Tt]: ?[a-z0-9.-]+$";
    let header = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    ArrayBuilder::new().items(header).into()
}

fn address() -> Schema {
    let version = |format: &str| {
        let format = SchemaFormat::Custom(format.to_owned());
        ObjectBuilder::new().schema_type(Type::String).format(Some(format))
    };
    OneOfBuilder::new().item(version("ipv4")).item(version("ipv6")).into()
}

pub(super) fn routes() -> OpenApiRouter<View> {
    OpenApiRouter::new().routes(routes!(explanation))
}

/// Where a request would go, and why.
#[utoipa::path(
    get,
    path = "/api/v1/explain",
    tag = "look",
    params(Question),
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
