//! The request vectors of AWS's HTTP Desync Guardian, from files that are not part of this repository.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;

use super::arena::Attempt;
use super::bodies;

/// One request, and what is thought of it.
#[derive(Debug, Deserialize)]
pub struct Vector {
    pub name: String,
    uri: String,
    method: String,
    version: String,
    headers: Option<Vec<Field>>,
    pub expected: Expected,
}

#[derive(Debug, Deserialize)]
struct Field {
    name: String,
    value: serde_yaml::Value,
}

/// What is thought of a request.
#[derive(Debug, Deserialize)]
pub struct Expected {
    pub tier: Tier,
    pub reason: String,
}

/// How bad a request is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum Tier {
    Compliant,
    Acceptable,
    Ambiguous,
    /// Must be refused.
    Severe,
}

impl Vector {
    /// The vector as bytes, with each body in which a second request could hide.
    pub fn attempts(&self) -> Vec<Attempt> {
        let end = if self.version.is_empty() { String::new() } else { format!(" {}", self.version) };
        let start = format!("{} {}{end}\r\n", self.method, self.uri).into_bytes();
        let mut fields = Vec::new();
        for Field { name, value } in self.headers.iter().flatten() {
            let value = match value {
                serde_yaml::Value::String(text) => text.clone(),
                serde_yaml::Value::Number(number) => number.to_string(),
                _ => String::new(),
            };
            fields.extend(format!("{name}: {value}\r\n").bytes());
        }
        bodies::hiding_a_request(&fields)
            .into_iter()
            .map(|body| Attempt { start: start.clone(), fields: fields.clone(), body })
            .collect()
    }
}

/// Every vector; `None` where the files are not at hand.
pub fn load() -> Option<Vec<Vector>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let dir = env::var_os("EVENKEEL_VECTORS").map_or_else(beside, PathBuf::from).join("http-desync");
    let mut files: Vec<_> = fs::read_dir(dir).ok()?.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    Some(files.iter().flat_map(|path| read(path)).collect())
}

fn read(path: &Path) -> Vec<Vector> {
    let text = fs::read_to_string(path).unwrap();
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
