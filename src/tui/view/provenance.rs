//! Whose doing it is that something differs from the config.

use jiff::Timestamp;

use super::events::time_of_day;
use crate::balance::snapshot::{BackendView, Override};
use crate::tui::fleet::Fleet;
use crate::tui::state::State;

/// Milliseconds after which a time of day alone could mean another day.
const DAY: u64 = 20 * 3_600_000;

/// Who, since when, until when and why: `by cli:alice since 14:02:11 until 14:12:11: deploy`. Not escaped.
pub(super) fn told(terms: &Override, state: &State) -> String {
    let until = terms.until_unix_ms.map(|at| format!(" until {}", moment(at, state))).unwrap_or_default();
    let reason = terms.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("by {} since {}{until}{reason}", terms.by, moment(terms.at_unix_ms, state))
}

/// A time of day, with its date if it is not of these hours.
fn moment(at: u64, state: &State) -> String {
    let time = time_of_day(at, &state.zone);
    let timestamp = Timestamp::from_millisecond(at.cast_signed()).ok();
    match timestamp.filter(|_| at.abs_diff(state.shown().at_unix_ms) > DAY) {
        Some(timestamp) => timestamp.to_zoned(state.zone.clone()).strftime("%-d %b %H:%M").to_string(),
        None => time,
    }
}

/// How a backend is at each instance, where there are several: (`#1 10.0.0.1:9900`, its state). Not escaped.
pub(super) fn by_instance<'a>(state: &'a State, backend: &BackendView) -> Vec<(String, Option<&'a BackendView>)> {
    if !state.fleet.is_plural() {
        return Vec::new();
    }
    let of = |member: &'a crate::tui::fleet::Member| member.fresh()?.backend(&backend.id);
    let members = state.fleet.members.iter().enumerate();
    members.map(|(at, member)| (format!("{} {}", Fleet::tag(at), member.name), of(member))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    #[test]
    fn who_when_until_when_and_why() {
        let now = 1_761_920_551_000;
        let mut state = fixture::state(1);
        std::sync::Arc::make_mut(&mut state.live).at_unix_ms = now;
        let mut terms = Override { at_unix_ms: now - 60_000, ..fixture::set_by("cli:alice", None) };
        assert_eq!(told(&terms, &state), "by cli:alice since 14:21:31");
        terms.until_unix_ms = Some(now + 600_000);
        terms.reason = Some("deploy".into());
        assert_eq!(told(&terms, &state), "by cli:alice since 14:21:31 until 14:32:31: deploy");
        terms.at_unix_ms = now - 3 * 86_400_000;
        assert_eq!(told(&terms, &state), "by cli:alice since 28 Oct 14:22 until 14:32:31: deploy");
    }
}
