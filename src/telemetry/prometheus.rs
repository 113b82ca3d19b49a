//! Metrics in the text format of Prometheus, made of a snapshot. Labels are names of the config and words of the program:
//! nothing that a request brings becomes one.

mod backends;
mod page;
mod pools;
#[cfg(test)]
mod tests;

use self::page::Page;
use super::access_log::LOSSES;
use crate::balance::snapshot::{Phase, Snapshot};
use crate::balance::totals::VERBS;

/// What the text is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every metric.
pub fn text(snapshot: &Snapshot) -> String {
    let mut page = Page::default();
    process(&mut page, snapshot);
    pools::write(&mut page, snapshot);
    backends::write(&mut page, snapshot);
    page.into_text()
}

fn process(page: &mut Page, snapshot: &Snapshot) {
    let deeds = &snapshot.deeds;
    page.gauge("evenkeel_build_info", "1, with the version.").sample(&[("version", &snapshot.version)], 1);
    let started = snapshot.started_unix_ms as f64 / 1000.0;
    page.gauge("process_start_time_seconds", "When the process started, in seconds since the Unix epoch.").sample(&[], started);
    let mut phase = page.gauge("evenkeel_phase", "1 for what the process is doing, 0 for what it is not.");
    for (each, word) in [(Phase::Starting, "starting"), (Phase::Serving, "serving"), (Phase::Draining, "draining")] {
        phase.sample(&[("phase", word)], u8::from(snapshot.phase == each));
    }
    page.gauge("evenkeel_workers", "Threads that serve traffic.").sample(&[], snapshot.workers);
    page.gauge("evenkeel_connections", "Open client connections.").sample(&[], snapshot.connections);
    page.counter("evenkeel_connections_accepted_total", "Client connections accepted.").sample(&[], snapshot.connections_total);
    let mut actions = page.counter("evenkeel_operator_actions_total", "Changes made by operators, by what they changed.");
    for (verb, count) in VERBS.iter().zip(deeds.actions) {
        actions.sample(&[("verb", verb)], count);
    }
    let mut reloads = page.counter("evenkeel_config_reloads_total", "Reloads of the config, by what became of them.");
    for (result, count) in ["applied", "refused"].iter().zip(deeds.reloads) {
        reloads.sample(&[("result", result)], count);
    }
    let loaded = deeds.loaded_unix_ms as f64 / 1000.0;
    let help = "When the config in force was read last, in seconds since the Unix epoch.";
    page.gauge("evenkeel_config_reload_success_timestamp_seconds", help).sample(&[], loaded);
    page.counter("evenkeel_events_dropped_total", "Events that slow subscribers have lost.").sample(&[], snapshot.events_dropped);
    let mut lost = page.counter("evenkeel_access_log_lines_lost_total", "Lines that the access log has lost.");
    for (reason, count) in LOSSES.iter().zip(deeds.log_lines_lost) {
        lost.sample(&[("reason", reason)], count);
    }
}
