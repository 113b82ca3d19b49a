//! What the API answers instead of doing as asked, and the news of it.

mod told;

use std::borrow::Cow;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use serde::Serialize;
use utoipa::ToSchema;

pub(super) use self::told::Told;
use super::caller::Peer;
use crate::command::CommandError;

/// A refusal.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    problems: Vec<String>,
    /// Whether there has been an event of it.
    is_told: bool,
}

/// An error as it is sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorAnswer {
    error: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorDetail {
    /// For programs: `no_backend`, `last_eligible`.
    #[schema(value_type = String)]
    code: &'static str,
    /// For people.
    #[schema(value_type = String)]
    message: Cow<'static, str>,
    /// Every problem of a config, as `FILE:LINE:COL  path: what`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    problems: Vec<String>,
}

/// The code of a refusal, left in its answer for [`tell`].
#[derive(Clone, Copy, Debug)]
struct Code(&'static str);

impl Refused {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), problems: Vec::new(), is_told: false }
    }

    /// What was asked cannot be understood.
    pub(super) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// A config has problems.
    pub(super) fn invalid_config(problems: Vec<String>) -> Self {
        let message = match &problems[..] {
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
            [] => String::new(),
        };
        Self { problems, ..Self::new(StatusCode::BAD_REQUEST, "invalid_config", message) }
    }

    /// The desk would not do it, and has said so.
    pub(super) fn by_desk(error: &CommandError) -> Self {
        let (status, code) = match error {
            CommandError::NoPool(_) => (StatusCode::NOT_FOUND, "no_pool"),
            CommandError::NoBackend(_) => (StatusCode::NOT_FOUND, "no_backend"),
            CommandError::Weight(_) | CommandError::Terms(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            CommandError::LastEligible { .. } => (StatusCode::CONFLICT, "last_eligible"),
            CommandError::Nothing("redo") => (StatusCode::CONFLICT, "nothing_to_redo"),
            CommandError::Nothing(_) => (StatusCode::CONFLICT, "nothing_to_undo"),
            CommandError::MovedOn { .. } => (StatusCode::CONFLICT, "moved_on"),
            CommandError::Reload(_) => (StatusCode::UNPROCESSABLE_ENTITY, "not_reloaded"),
            CommandError::Gone => (StatusCode::SERVICE_UNAVAILABLE, "gone"),
        };
        Self { is_told: true, ..Self::new(status, code, error.to_string()) }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self { status, code, message, problems, is_told } = self;
        let mut response = (status, Json(ErrorAnswer { error: ErrorDetail { code, message, problems } })).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if !is_told {
            response.extensions_mut().insert(Code(code));
        }
        response
    }
}

/// Tells of what was refused to whoever is not allowed to ask, or asks what cannot be understood.
pub(super) async fn tell(State(told): State<Told>, peer: Peer, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let Some(Code(code)) = response.extensions().get()
        && matches!(response.status().as_u16(), 400 | 401 | 403 | 408 | 413)
    {
        told.refused(code, peer);
    }
    response
}
