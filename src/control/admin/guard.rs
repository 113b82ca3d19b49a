//! Who may call at all: the `Host` must be a name of this machine's own, a web page must be from here, and where a token is
//! asked for it must be there.
//!
//! A page from elsewhere can make a browser call us in two ways: by a name of its own that it lets point here, which the
//! `Host` gives away, and across sites, which the `Origin` gives away.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::caller::Peer;
use super::refused::Refused;
use crate::config::Token;
use crate::running::Follow;

/// Asked by those who cannot know a token.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// The token that is asked for: that of the config in force. Where one was asked for at the start one always is, since the
/// address listened on stays as it is.
#[derive(Clone, Debug)]
pub(super) struct Key {
    running: Follow,
    at_start: Option<Token>,
}

impl Key {
    pub(super) fn new(running: Follow) -> Self {
        let at_start = running.borrow().config.admin_token.clone();
        Self { running, at_start }
    }

    /// Whether one was asked for at the start.
    pub(super) fn is_needed(&self) -> bool {
        self.at_start.is_some()
    }

    fn token(&self) -> Option<Token> {
        self.running.borrow().config.admin_token.clone().or_else(|| self.at_start.clone())
    }
}

/// Lets a request through, or answers it.
pub(super) async fn guard(State(key): State<Key>, peer: Peer, request: Request, next: Next) -> Response {
    let judged = check_host(peer, request.headers(), request.uri())
        .and_then(|()| check_origin(peer, request.headers()))
        .and_then(|()| match &key.token() {
            Some(token) if !OPEN.contains(&request.uri().path()) => check_token(token, request.headers()),
            _ => Ok(()),
        });
    match judged {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

/// Over a Unix socket the `Host` can be anything: no web page gets there.
fn check_host(peer: Peer, headers: &HeaderMap, uri: &Uri) -> Result<(), Refused> {
    let named = headers.get(HOST).map(|host| host.to_str().unwrap_or_default()).or(uri.authority().map(Authority::as_str));
    if peer == Peer::Unix || named.is_none_or(|host| peer.is_at(host)) {
        return Ok(());
    }
    let message = "the Host must be localhost, a loopback address or the address that was called";
    Err(Refused::new(StatusCode::FORBIDDEN, "host_not_allowed", message))
}

fn check_origin(peer: Peer, headers: &HeaderMap) -> Result<(), Refused> {
    let from_here = |origin: &str| {
        let uri = origin.parse::<Uri>().ok();
        uri.as_ref().and_then(Uri::authority).is_some_and(|authority| peer.is_at(authority.as_str()))
    };
    if headers.get(ORIGIN).is_none_or(|origin| origin.to_str().is_ok_and(from_here)) {
        return Ok(());
    }
    Err(Refused::new(StatusCode::FORBIDDEN, "origin_not_allowed", "web pages from elsewhere may not call"))
}

fn check_token(token: &Token, headers: &HeaderMap) -> Result<(), Refused> {
    let given = headers.get(AUTHORIZATION).and_then(|field| {
        let (scheme, credentials) = field.as_bytes().split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then(|| credentials.trim_ascii())
    });
    match given {
        Some(given) if token.matches(given) => Ok(()),
        Some(_) => Err(Refused::new(StatusCode::UNAUTHORIZED, "unauthorized", "this is not the token of this instance")),
        None => Err(Refused::new(StatusCode::UNAUTHORIZED, "unauthorized", "send Authorization: Bearer and the token")),
    }
}
