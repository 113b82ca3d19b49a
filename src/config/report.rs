//! What was found while reading, and where that stands in the file.

use std::cell::RefCell;
use std::path::Path;

use super::place::Places;
use super::{Config, Loaded, Problem};

/// Everything found so far. Shared by all who read, hence the cells.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: RefCell<Vec<Finding>>,
    warnings: RefCell<Vec<Finding>>,
}

#[derive(Debug)]
struct Finding {
    path: String,
    about_key: bool,
    message: String,
}

impl Report {
    /// The value at this path is wrong.
    pub(super) fn problem(&self, path: &str, message: String) {
        self.problems.borrow_mut().push(Finding { path: path.to_owned(), about_key: false, message });
    }

    /// The key at this path is wrong.
    pub(super) fn key_problem(&self, path: &str, message: String) {
        self.problems.borrow_mut().push(Finding { path: path.to_owned(), about_key: true, message });
    }

    /// The value at this path is probably not meant.
    pub(super) fn warning(&self, path: &str, message: String) {
        self.warnings.borrow_mut().push(Finding { path: path.to_owned(), about_key: false, message });
    }

    /// How many problems there are.
    pub(super) fn problems(&self) -> usize {
        self.problems.borrow().len()
    }

    /// The config, unless there are problems. `text` is what was read: findings get their places from it.
    pub(super) fn settle(self, config: Option<Config>, file: &Path, text: &str) -> Result<Loaded, Vec<Problem>> {
        let (problems, warnings) = (self.problems.into_inner(), self.warnings.into_inner());
        match config {
            Some(config) if problems.is_empty() => Ok(Loaded { config, warnings: in_order(warnings, file, text) }),
            _ => Err(in_order(problems, file, text)),
        }
    }
}

/// The findings in the order of the file.
fn in_order(findings: Vec<Finding>, file: &Path, text: &str) -> Vec<Problem> {
    let places = if findings.is_empty() { Places::default() } else { Places::of(text) };
    let all = findings.into_iter().map(|Finding { path, about_key, message }| {
        let place = if about_key { places.key(&path) } else { places.value(&path) };
        let (line, column) = place.unwrap_or_default();
        Problem { file: file.to_owned(), line, column, path, message }
    });
    let mut problems: Vec<Problem> = all.collect();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems
}
