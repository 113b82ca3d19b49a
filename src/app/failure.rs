//! Why the program ends early, in one line for people.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::config::Problem;
use crate::system_error::in_words;
use crate::verbs;

/// Exit code: failed at run time.
pub(super) const FAILED: u8 = 1;
/// Exit code: wrong usage or invalid config.
pub(super) const INVALID: u8 = 2;
/// Exit code: cut by a second signal.
pub(super) const CUT: u8 = 130;

/// Lines for stderr, and an exit code.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    lines: Vec<String>,
    code: u8,
}

impl Failure {
    /// Something could not be done.
    pub(super) fn new(what: impl Display) -> Self {
        Self { lines: vec![format!("evenkeel: {what}")], code: FAILED }
    }

    /// What the config asks for cannot be had in this run.
    pub(super) fn unfit(what: impl Display) -> Self {
        Self { code: INVALID, ..Self::new(what) }
    }

    /// It was asked for in a way that makes no sense.
    pub(super) fn usage(what: impl Display) -> Self {
        Self { code: INVALID, ..Self::new(what) }
    }

    /// The system said no to something.
    pub(super) fn io(what: impl Display, error: &io::Error) -> Self {
        Self::new(format_args!("{what}: {}", in_words(error)))
    }

    /// An address cannot be listened on.
    pub(super) fn listen(address: impl Display, error: &io::Error) -> Self {
        Self::new(format_args!("cannot listen on {address}: {}{}", in_words(error), advice(error.kind())))
    }

    /// A config that is not valid; each problem has a line of its own.
    pub(super) fn config(problems: &[Problem]) -> Self {
        Self { lines: problems.iter().map(Problem::to_string).collect(), code: INVALID }
    }

    /// Says it on `out`, normally stderr, and gives the exit code.
    pub(super) fn report(&self, mut out: impl Write) -> ExitCode {
        for line in &self.lines {
            // Where stderr is gone, the exit code has to do.
            let _ = writeln!(out, "{line}");
        }
        ExitCode::from(self.code)
    }
}

impl From<verbs::Failure> for Failure {
    fn from(failure: verbs::Failure) -> Self {
        let (line, code) = match failure {
            verbs::Failure::Failed(what) => (what, FAILED),
            verbs::Failure::Usage(what) => (what, INVALID),
            verbs::Failure::Invalid(lines) => return Self { lines, code: INVALID },
            verbs::Failure::Interrupted(None) => return Self { lines: Vec::new(), code: CUT },
            verbs::Failure::Interrupted(Some(how)) => (how, CUT),
        };
        Self { lines: vec![format!("evenkeel: {line}")], code }
    }
}

/// The usual way out when an address cannot be listened on.
fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "; stop what listens there, or choose another port",
        io::ErrorKind::AddrNotAvailable => "; choose an address of this machine",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    fn text(failure: &Failure) -> String {
        let mut out = Vec::new();
        failure.report(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn one_clear_line_without_numbers() {
        let in_use = Failure::listen("127.0.0.1:80", &Errno::ADDRINUSE.into());
        assert_eq!(
            text(&in_use),
            "evenkeel: cannot listen on 127.0.0.1:80: address already in use; stop what listens there, or choose another port\n"
        );
        assert_eq!(text(&Failure::io("cannot start", &Errno::MFILE.into())), "evenkeel: cannot start: too many open files\n");
    }

    #[test]
    fn every_config_problem_has_a_line() {
        let problem = |line| Problem { file: "c.yaml".into(), line, column: 1, path: "x".into(), message: "bad".into() };
        let failure = Failure::config(&[problem(1), problem(2)]);
        assert_eq!(text(&failure).lines().count(), 2);
        assert_eq!(failure.code, INVALID);
    }
}
