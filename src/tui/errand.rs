//! An errand: one wish of the operator, sent as one command or many, and what became of each. Told once all have answered.

use super::fleet::Fleet;
use crate::command::{Applied, Command};
use crate::event::Severity;

/// Longest list of what was done; the rest is counted.
const TOLD: usize = 3;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// What is still to be answered: tokens.
    pub open: Vec<u64>,
    /// What to say if it was one command and it is done; `None` says the desk's own words.
    pub done: Option<String>,
    /// Instances that it should have reached, but could not.
    missed: Vec<usize>,
    /// The answers so far.
    answers: Vec<Answer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    from: usize,
    command: Command,
    result: Result<Applied, String>,
}

impl Errand {
    /// One that these commands were sent for, to all but the missed instances.
    pub fn new(open: Vec<u64>, done: Option<String>, missed: Vec<usize>) -> Self {
        Self { open, done, missed, answers: Vec::new() }
    }

    /// Takes in an answer; says so if it was the last one.
    pub fn answer(&mut self, token: u64, from: usize, command: Command, result: Result<Applied, String>) -> bool {
        self.open.retain(|open| *open != token);
        self.answers.push(Answer { from, command, result });
        self.open.is_empty()
    }

    /// How it ended: `2 of 2: web/a up -> drain`, and who refused what.
    pub fn outcome(self, fleet: &Fleet) -> (Severity, String) {
        let of = self.answers.len() + self.missed.len();
        if let ([Answer { command, result, .. }], []) = (&self.answers[..], &self.missed[..]) {
            return match result {
                Ok(applied) => (Severity::Operator, self.done.unwrap_or_else(|| words(command, applied))),
                Err(refusal) => (Severity::Error, refusal.clone()),
            };
        }
        let mut done: Vec<String> = Vec::new();
        let mut refused: Vec<_> = self.missed.iter().map(|at| format!("{} is out of reach", fleet.label(*at))).collect();
        for Answer { from, command, result } in &self.answers {
            match result {
                Ok(applied) if done.contains(&words(command, applied)) => {}
                Ok(applied) => done.push(words(command, applied)),
                Err(refusal) if fleet.is_plural() => refused.push(format!("{} refused: {refusal}", fleet.label(*from))),
                Err(refusal) => refused.push(format!("refused: {refusal}")),
            }
        }
        let more = done.len().saturating_sub(TOLD);
        done.truncate(TOLD);
        if more > 0 {
            done.push(format!("and {more} more"));
        }
        let succeeded = of - refused.len();
        let told: Vec<_> = refused.iter().chain(&done).map(String::as_str).collect();
        let severity = if refused.is_empty() { Severity::Operator } else { Severity::Error };
        (severity, format!("{succeeded} of {of}: {}", told.join("; ")))
    }
}

fn words(command: &Command, applied: &str) -> String {
    match command {
        Command::Undo => format!("undone: {applied}"),
        Command::Redo => format!("redone: {applied}"),
        _ => applied.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(answers: &[(usize, Result<&str, &str>)]) -> (Severity, String) {
        let fleet = Fleet::attached(["10.0.0.1:9900".into(), "10.0.0.2:9900".into()], 0);
        let mut errand = Errand::new((0..answers.len() as u64).collect(), None, Vec::new());
        for (token, (from, result)) in (0..).zip(answers) {
            let last = errand.answer(token, *from, Command::Undo, result.map(str::to_owned).map_err(str::to_owned));
            assert_eq!(last, token + 1 == answers.len() as u64);
        }
        errand.outcome(&fleet)
    }

    #[test]
    fn each_result_is_told_and_who_refused() {
        let said = |answers: &[_]| outcome(answers).1;
        assert_eq!(said(&[(0, Ok("web/a drain -> up"))]), "undone: web/a drain -> up");
        assert_eq!(said(&[(0, Err("nothing to undo"))]), "nothing to undo");
        assert_eq!(said(&[(0, Ok("a")), (1, Ok("a"))]), "2 of 2: undone: a");
        assert_eq!(said(&[(0, Ok("a")), (0, Ok("b"))]), "2 of 2: undone: a; undone: b");
        assert_eq!(said(&["a", "b", "c", "d", "e"].map(|a| (0, Ok(a)))), "5 of 5: undone: a; undone: b; undone: c; and 2 more");
        let (severity, text) = outcome(&[(0, Ok("a")), (1, Err("nothing to undo"))]);
        assert_eq!(severity, Severity::Error);
        assert_eq!(text, "1 of 2: #2 10.0.0.2:9900 refused: nothing to undo; undone: a");
        let fleet = Fleet::attached(["10.0.0.1:9900".into(), "10.0.0.2:9900".into()], 0);
        let mut errand = Errand::new(vec![1], None, vec![0]);
        errand.answer(1, 1, Command::Reload, Ok("a".to_owned()));
        assert_eq!(errand.outcome(&fleet).1, "1 of 2: #1 10.0.0.1:9900 is out of reach; a");
    }
}
