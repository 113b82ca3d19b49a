//! The API's own description, made of the routes themselves: whatever is routed is in it.

mod words;

use std::collections::BTreeMap;

use axum::Router;
use axum::response::Json;
use axum::routing::get;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, OpenApi};
use utoipa_axum::router::OpenApiRouter;

pub(super) use self::words::StrategyWord;
use super::View;
use super::refused::ErrorAnswer;

/// Where it is found.
const PATH: &str = "/openapi.json";
/// The name of the token among the ways to be let in.
const TOKEN: &str = "token";

#[derive(OpenApi)]
#[openapi(
    info(title = "evenkeel admin API", description = "How things are, and changing them. Every change is one command, one event and one line in the log. `X-Evenkeel-Origin: cli:WHO` (or `attach:WHO`) names its author; without it that is `api:` and the address of the caller."),
    components(schemas(ErrorAnswer)),
    tags((name = "look", description = "Looking changes nothing."), (name = "change", description = "Each of them can be undone.")),
)]
struct Skeleton;

/// The router of these routes and of their description.
pub(super) fn described(api: OpenApiRouter<View>, asks_for_token: bool) -> Router<View> {
    let (router, mut document) = OpenApiRouter::with_openapi(Skeleton::openapi()).merge(api).split_for_parts();
    if asks_for_token {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_with(Components::new).add_security_scheme(TOKEN, scheme);
        document.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], _>(TOKEN, [])]);
    }
    router.route(PATH, get(async move || Json(document)))
}

/// What anybody may be told.
pub(super) struct Strangers;

impl IntoResponses for Strangers {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refusals([("403", "Called by a name that is not this machine's, or by a web page from elsewhere")])
    }
}

/// What may be told wherever the token is asked for.
pub(super) struct Guarded;

impl IntoResponses for Guarded {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut refusals = refusals([("401", "The token is missing or wrong")]);
        refusals.extend(Strangers::responses());
        refusals
    }
}

/// What is told about parameters that make no sense.
pub(super) struct Unclear;

impl IntoResponses for Unclear {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refusals([("400", "It cannot be understood")])
    }
}

/// What is told about a body that makes no sense, or is too much of one.
pub(super) struct Bounded;

impl IntoResponses for Bounded {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        refusals([("400", "It cannot be understood"), ("408", "The body took too long"), ("413", "The body is too large")])
    }
}

/// Why a change may not be made.
pub(super) struct Undone;

impl IntoResponses for Undone {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut refusals = refusals([
            ("404", "There is no such pool or backend"),
            ("409", "It would leave nobody to serve, or the world has moved on"),
            ("422", "The config cannot be applied"),
            ("503", "The process is on its way out"),
        ]);
        refusals.extend(Bounded::responses());
        refusals
    }
}

fn refusals<const N: usize>(refusals: [(&str, &str); N]) -> BTreeMap<String, RefOr<Response>> {
    let refusal = |(status, description): (&str, &str)| {
        let content = Content::new(Some(Ref::from_schema_name("ErrorAnswer")));
        let response = ResponseBuilder::new().description(description).content("application/json", content).build();
        (status.to_owned(), response.into())
    };
    refusals.map(refusal).into()
}
