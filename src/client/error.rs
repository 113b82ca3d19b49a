//! Why a call came to nothing, for the one who has to do something about it.

use std::fmt;
use std::io;
use std::time::Duration;

use serde::Deserialize;

use super::address::Address;

use crate::system_error::in_words;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection could be made.
    #[error("no evenkeel answers at {address}: {reason}; is it running, and is admin.listen set? (--admin ADDR)")]
    Unreachable {
        /// Where.
        address: Address,
        /// Why, in words.
        reason: String,
    },
    /// There was no answer in time.
    #[error("{address} has not answered within {} s", .patience.as_secs())]
    Silent {
        /// Who.
        address: Address,
        /// How long it had.
        patience: Duration,
    },
    /// The connection broke, or what came is no HTTP.
    #[error("the connection to {address} broke: {reason}")]
    Broken {
        /// To whom.
        address: Address,
        /// How, in words.
        reason: String,
    },
    /// The answer is not that of an evenkeel, or of one too different.
    #[error(
        "{address} gives an answer that this evenkeel does not understand ({reason}); is it another version, or another program?"
    )]
    Strange {
        /// Who.
        address: Address,
        /// What is wrong with it.
        reason: String,
    },
    /// It understood, and said no.
    #[error("{message}")]
    Refused {
        /// Status.
        status: u16,
        /// For programs: `last_eligible`.
        code: String,
        /// For people.
        message: String,
        /// The whole answer.
        json: String,
    },
}

impl Error {
    /// The answer cannot be understood.
    pub(super) fn strange(address: &Address, reason: impl fmt::Display) -> Self {
        Self::Strange { address: address.clone(), reason: reason.to_string() }
    }

    /// The connection failed while in use.
    pub(super) fn broken(address: &Address, reason: impl fmt::Display) -> Self {
        Self::Broken { address: address.clone(), reason: reason.to_string() }
    }

    /// No connection came about.
    pub(super) fn unreachable(address: &Address, error: &io::Error) -> Self {
        Self::Unreachable { address: address.clone(), reason: in_words(error) }
    }

    /// An answer that is not a success.
    pub(super) fn refused(address: &Address, status: u16, json: String) -> Self {
        #[derive(Deserialize)]
        struct Answer {
            error: Reason,
        }
        #[derive(Deserialize)]
        struct Reason {
            code: String,
            message: String,
        }
        match serde_json::from_str(&json) {
            Ok(Answer { error: Reason { code, message } }) => Self::Refused { status, code, message, json },
            Err(_) => Self::strange(address, format_args!("status {status}")),
        }
    }

    /// The word for programs, when it is evenkeel that said no.
    pub fn code(&self) -> Option<&str> {
        if let Self::Refused { code, .. } = self { Some(code) } else { None }
    }
}
