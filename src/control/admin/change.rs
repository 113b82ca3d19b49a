//! The calls that change something: each is one command to the desk.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Json;
use serde::Serialize;
use tokio::sync::oneshot;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::View;
use super::body::{json, json_or_default};
use super::caller::Author;
use super::openapi::{Guarded, Undone};
use super::refused::Refused;
use super::wish::{Insistence, StateWish, StrategyWish, WeightWish, terms};
use crate::balance::backend::{BackendId, Mode};
use crate::command::{Ask, Command, CommandError, Origin, Terms};

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Applied {
    /// In words: `web/api-1 up -> drain`.
    applied: String,
}

type Answer = Result<Json<Applied>, Refused>;
/// The names in a path, or why there are none.
type Names<T> = Result<Path<T>, PathRejection>;

pub(super) fn routes() -> OpenApiRouter<View> {
    OpenApiRouter::new()
        .routes(routes!(state))
        .routes(routes!(weight))
        .routes(routes!(strategy))
        .routes(routes!(undo))
        .routes(routes!(redo))
        .routes(routes!(reload))
}

/// Sets a backend's mode.
#[utoipa::path(
    put,
    path = "/api/v1/pools/{pool}/backends/{backend}/state",
    tag = "change",
    params(("pool" = String, Path, description = "Name of the pool"), ("backend" = String, Path, description = "Name of the backend")),
    request_body = StateWish,
    responses((status = 200, description = "It is done", body = Applied), Guarded, Undone),
)]
async fn state(State(view): State<View>, names: Names<(String, String)>, Author(by): Author, body: Body) -> Answer {
    let backend = backend(names)?;
    let wish: StateWish = json(body).await?;
    let then_down = wish.then_down().map_err(Refused::bad_request)?;
    let StateWish { state: mode, lasting, reason, force, cut, .. } = wish;
    let command = Command::SetMode { backend, mode, cut: cut && mode == Mode::Down, then_down };
    view.ask(command, by, terms(lasting, reason), force).await
}

/// Sets a backend's weight.
#[utoipa::path(
    put,
    path = "/api/v1/pools/{pool}/backends/{backend}/weight",
    tag = "change",
    params(("pool" = String, Path, description = "Name of the pool"), ("backend" = String, Path, description = "Name of the backend")),
    request_body = WeightWish,
    responses((status = 200, description = "It is done", body = Applied), Guarded, Undone),
)]
async fn weight(State(view): State<View>, names: Names<(String, String)>, Author(by): Author, body: Body) -> Answer {
    let backend = backend(names)?;
    let WeightWish { weight, lasting, reason, force } = json(body).await?;
    view.ask(Command::SetWeight { backend, weight }, by, terms(lasting, reason), force).await
}

/// Switches a pool's strategy.
#[utoipa::path(
    put,
    path = "/api/v1/pools/{pool}/strategy",
    tag = "change",
    params(("pool" = String, Path, description = "Name of the pool")),
    request_body = StrategyWish,
    responses((status = 200, description = "It is done", body = Applied), Guarded, Undone),
)]
async fn strategy(State(view): State<View>, names: Names<String>, Author(by): Author, body: Body) -> Answer {
    let Path(pool) = names.map_err(|error| Refused::bad_request(error.body_text()))?;
    let StrategyWish { strategy, lasting, reason, force } = json(body).await?;
    view.ask(Command::SetStrategy { pool: pool.into(), strategy }, by, terms(lasting, reason), force).await
}

/// Takes the caller's last change back.
#[utoipa::path(
    post,
    path = "/api/v1/undo",
    tag = "change",
    request_body(content = Option<Insistence>, description = "May be left out"),
    responses((status = 200, description = "It is done", body = Applied), Guarded, Undone),
)]
async fn undo(State(view): State<View>, Author(by): Author, body: Body) -> Answer {
    let Insistence { force } = json_or_default(body).await?;
    view.ask(Command::Undo, by, Terms::default(), force).await
}

/// Does the change again that the caller has taken back last.
#[utoipa::path(
    post,
    path = "/api/v1/redo",
    tag = "change",
    request_body(content = Option<Insistence>, description = "May be left out"),
    responses((status = 200, description = "It is done", body = Applied), Guarded, Undone),
)]
async fn redo(State(view): State<View>, Author(by): Author, body: Body) -> Answer {
    let Insistence { force } = json_or_default(body).await?;
    view.ask(Command::Redo, by, Terms::default(), force).await
}

/// Reads the config file again and applies what has changed.
#[utoipa::path(
    post,
    path = "/api/v1/reload",
    tag = "change",
    request_body(content = Option<Insistence>, description = "May be left out"),
    responses((status = 200, description = "It is done", body = Applied), Guarded, Undone),
)]
async fn reload(State(view): State<View>, Author(by): Author, body: Body) -> Answer {
    let Insistence { force } = json_or_default(body).await?;
    view.ask(Command::Reload, by, Terms::default(), force).await
}

fn backend(names: Names<(String, String)>) -> Result<BackendId, Refused> {
    let Path((pool, backend)) = names.map_err(|error| Refused::bad_request(error.body_text()))?;
    Ok(BackendId::new(&pool, &backend))
}

impl View {
    /// One command to the desk, and its answer.
    async fn ask(&self, command: Command, by: Origin, terms: Terms, force: bool) -> Answer {
        let (reply, answer) = oneshot::channel();
        let sent = self.desk.send(Ask { command, by, terms, force, reply }).await;
        let done = match sent {
            Ok(()) => answer.await.unwrap_or(Err(CommandError::Gone)),
            Err(_) => Err(CommandError::Gone),
        };
        done.map(|applied| Json(Applied { applied })).map_err(|error| Refused::by_desk(&error))
    }
}
