//! From a file, or a text, to a checked config.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::reader::Value;
use super::report::Report;
use super::yaml::{self, Fault};
use super::{Loaded, Problem, file};

const LARGEST_FILE: u64 = 4 << 20;

/// Reads and checks a file. Never panics, whatever the file holds.
///
/// # Errors
/// Every problem found, in the order of the file. A file that cannot be read, or is not YAML, is one problem.
pub fn load(path: &Path) -> Result<Loaded, Vec<Problem>> {
    parse(path, &read(path)?)
}

/// Reads a file without looking into it.
///
/// # Errors
/// It cannot be read, or holds no text: one problem.
pub fn read(path: &Path) -> Result<String, Vec<Problem>> {
    text(path).map_err(|fault| vec![in_file(path, fault)])
}

/// Checks a text as [`load`] does; `file` is what problems call it.
pub fn parse(file: &Path, text: &str) -> Result<Loaded, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree = yaml::parse(text).map_err(|fault| vec![in_file(file, fault)])?;
    let report = Report::default();
    let config = file::config(&Value::root(&tree, &report));
    report.settle(config, file, text)
}

/// Checks a text that is no file, such as a built-in one, as [`load`] does.
pub fn parse_str(text: &str) -> Result<Loaded, Vec<Problem>> {
    parse(Path::new("config"), text)
}

fn text(path: &Path) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    let outcome = File::open(path).and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes));
    outcome.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Fault::of_all("no such file; name one with --config FILE, or try `evenkeel demo`"),
        io::ErrorKind::IsADirectory => Fault::of_all("a directory; name a file with --config FILE"),
        _ => Fault::of_all(format!("cannot be read: {error}")),
    })?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(Fault::of_all("larger than 4 MiB; is this a config?"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        Fault::after(&valid, "not UTF-8 text; save the file as UTF-8")
    })
}

fn in_file(file: &Path, Fault { line, column, message }: Fault) -> Problem {
    Problem { file: file.to_owned(), line, column, path: String::new(), message }
}
