//! How a request ended, in a word.

use crate::balance::meter::Failure;
use crate::tally::Cause;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The answer has been handed on to its last byte; a tunnel was ended by both sides.
    Ok,
    /// evenkeel has answered itself, or (`Cause::Cut`) the operator or the shutdown has cut the request.
    Own(Cause),
    /// The client has left, or has taken nothing for too long.
    ClientLeft,
    /// The backend broke its answer off.
    BackendBroke,
    /// Nothing moved for `timeouts.stream_idle`.
    StreamTimeout,
    /// One side of a tunnel broke its connection.
    TunnelBroke,
}

impl Reason {
    /// Those that are no answer of evenkeel's own.
    pub const OTHERS: [Self; 5] = [Self::Ok, Self::ClientLeft, Self::BackendBroke, Self::StreamTimeout, Self::TunnelBroke];

    /// How an answer ended that a backend had begun.
    pub const fn of(failure: Option<Failure>) -> Self {
        match failure {
            None | Some(Failure::Status5xx) => Self::Ok,
            Some(Failure::BodyTimeout) => Self::StreamTimeout,
            Some(_) => Self::BackendBroke,
        }
    }

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Own(cause) => cause.code(),
            Self::ClientLeft => "client_left",
            Self::BackendBroke => "backend_broke",
            Self::StreamTimeout => "stream_timeout",
            Self::TunnelBroke => "tunnel_broke",
        }
    }
}
