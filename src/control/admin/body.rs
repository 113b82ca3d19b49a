//! Reading what a call brings along: bounded in size and time, and strict.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::refused::Refused;

/// For a whole body.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of what says what to do.
pub(super) const SMALL: usize = 64 << 10;

/// The whole body, at most `most` bytes.
pub(super) async fn bytes(body: Body, most: usize) -> Result<Bytes, Refused> {
    match timeout(PATIENCE, Limited::new(body, most).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let message = format!("the body is larger than {} KiB", most >> 10);
            Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message))
        }
        Ok(Err(_)) => Err(Refused::bad_request("the body broke off")),
        Err(_) => Err(Refused::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body took too long")),
    }
}

/// What the body says as JSON.
pub(super) async fn json<T: DeserializeOwned>(body: Body) -> Result<T, Refused> {
    parse(&bytes(body, SMALL).await?)
}

/// As [`json`], but nothing at all will do.
pub(super) async fn json_or_default<T: DeserializeOwned + Default>(body: Body) -> Result<T, Refused> {
    let bytes = bytes(body, SMALL).await?;
    if bytes.trim_ascii().is_empty() { Ok(T::default()) } else { Ok(parse::<Option<T>>(&bytes)?.unwrap_or_default()) }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(bytes).map_err(|error| Refused::bad_request(format!("the body is not as it should be: {error}")))
}
