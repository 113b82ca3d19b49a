//! `plan`: what a reload would change.

use std::path::Path;

use serde::Deserialize;

use super::{Desk, Failure, say, say_lines, target};
use crate::client::{Call, Error};
use crate::plan::Plan;
use crate::telemetry::line::Escaped;

/// Shows what this file would change, or else the instance's own as it is now.
pub(super) async fn run(desk: &Desk, file: Option<&Path>) -> Result<(), Failure> {
    let text = file.map(target::read).transpose().map_err(Failure::Usage)?;
    if let (Some(file), Some("")) = (file, text.as_deref().map(str::trim)) {
        // Sent, it would stand for the instance's own.
        return Err(Failure::Invalid(vec![format!(
            "{}  the file is empty; write at least pools:",
            Escaped(&file.to_string_lossy())
        )]));
    }
    let json = match desk.call(&Call::plan(text)).await {
        Err(error) => return Err(problems(&error, file).map_or_else(|| error.into(), Failure::Invalid)),
        Ok(json) => json,
    };
    if desk.json {
        say(json);
    } else {
        say_lines(&desk.client.read::<Plan>(&json)?.to_string());
    }
    Ok(())
}

/// What the instance calls a config that it was sent.
const SENT: &str = "config";

/// What is wrong with a config, line by line, where that is why there is no plan. A file that was sent gets its name back.
fn problems(error: &Error, file: Option<&Path>) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Answer {
        error: Reason,
    }
    #[derive(Deserialize)]
    struct Reason {
        problems: Vec<String>,
    }
    let Error::Refused { json, .. } = error else { return None };
    let Answer { error } = serde_json::from_str(json).ok()?;
    let named = |line: &String| {
        let place = file.and_then(|file| Some(format!("{}{}", file.display(), line.strip_prefix(SENT)?)));
        Escaped(place.as_ref().unwrap_or(line)).to_string()
    };
    Some(error.problems.iter().map(named).collect())
}
