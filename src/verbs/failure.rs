//! Why a verb has not done what was asked, for people and for the exit code.

use crate::client::Error;
use crate::telemetry::line::Escaped;

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// It was refused, nobody answers, or the time is over.
    Failed(String),
    /// It cannot be asked for like this.
    Usage(String),
    /// A config is not valid; a line for each problem.
    Invalid(Vec<String>),
    /// Interrupted; what is to be known about how things were left.
    Interrupted(Option<String>),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let advice = match error.code() {
            Some("last_eligible") => "; --force does it all the same",
            Some("unauthorized") => "; --token-file FILE, or EVENKEEL_TOKEN_FILE, names the file with the token",
            _ => "",
        };
        Self::Failed(format!("{}{advice}", Escaped(&error.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_no_is_told_with_what_may_help_and_without_power_over_the_terminal() {
        let refused = |code: &str, message: &str| {
            Failure::from(Error::Refused { status: 409, code: code.into(), message: message.into(), json: String::new() })
        };
        let failed = |text: &str| Failure::Failed(text.to_owned());
        assert_eq!(refused("last_eligible", "a is the last"), failed("a is the last; --force does it all the same"));
        assert_eq!(refused("moved_on", "no\u{1b}[2J"), failed("no\\u{1b}[2J"));
    }
}
