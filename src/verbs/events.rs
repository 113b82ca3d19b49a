//! `events`: what has happened, and what happens.

use std::io::ErrorKind;

use serde_json::json;

use super::{Desk, Failure, try_to_say};
use crate::cli::Events;
use crate::client::Heard;
use crate::telemetry::line;

/// Prints one line for each event, until evenkeel ends the stream or nobody reads any more.
pub(super) async fn run(desk: &Desk, Events { follow, since }: Events) -> Result<(), Failure> {
    let Desk { client, .. } = desk;
    let mut events = if follow { client.events(since).await? } else { client.past_events(since.unwrap_or(0)).await? };
    while let Some(heard) = events.next().await {
        match try_to_say(line(desk, heard?)) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => written.map_err(|error| Failure::Failed(format!("cannot write to stdout: {error}")))?,
        }
    }
    if follow { Err(Failure::Failed(format!("{} has ended the stream", client.address()))) } else { Ok(()) }
}

fn line(desk: &Desk, heard: Heard) -> String {
    match heard {
        Heard::Lost(lost) if desk.json => json!({ "kind": "lost", "lost": lost }).to_string(),
        Heard::Lost(lost) => format!("{lost} events are missing here"),
        Heard::Event(told) if desk.json => told.json,
        Heard::Event(told) => line::format_text(told.at_unix_ms, &desk.zone, told.severity, &told.text).trim_end().to_owned(),
    }
}
