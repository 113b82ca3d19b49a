//! The short report that stays on the screen when the dashboard is gone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::fleet::Fleet;
use super::safe::{display_safe, fit};
use super::state::State;
use crate::balance::snapshot::{BackendView, PoolView, Snapshot};
use crate::event::Severity;

/// Backends told per pool.
const BACKENDS: usize = 8;

/// Operator's actions told, the last ones.
const ACTIONS: usize = 5;

/// What was done for how long, by whom, and what the operator did. Lines end with a newline.
pub(super) fn report(state: &State) -> String {
    let mut text = String::new();
    let live = &*state.live;
    if state.fleet.is_attached() {
        let names: Vec<_> = state.fleet.members.iter().map(|member| &*member.name).collect();
        line(&mut text, &format!("left {}; what runs there goes on", names.join(", ")));
        if live.pools.is_empty() {
            return text;
        }
    }
    let requests: u64 = live.pools.iter().map(requests).sum();
    let own: u64 = live.pools.iter().flat_map(|pool| &pool.own_answers).chain(&live.own_answers).map(|(_, n)| n).sum();
    line(&mut text, &format!("evenkeel {}, up {}: {requests} requests, {own} answered by itself", live.version, duration(live)));
    for pool in &live.pools {
        tell_pool(&mut text, pool, state);
    }
    let actions: Vec<_> = state.events.iter().filter(|event| event.event.severity() == Severity::Operator).collect();
    if actions.len() > ACTIONS {
        line(&mut text, &format!("operator, the last {ACTIONS} of {} changes:", actions.len()));
    } else if !actions.is_empty() {
        line(&mut text, "operator:");
    }
    for action in actions.iter().skip(actions.len().saturating_sub(ACTIONS)) {
        let instance = if state.is_merged() { format!(" {}", Fleet::tag(action.from)) } else { String::new() };
        line(&mut text, &format!("  {}{instance} {}", time_of_day(action.at_unix_ms, &state.zone), action.event));
    }
    if state.dropped > 0 {
        line(&mut text, &format!("{} events were lost on the way to the dashboard", state.dropped));
    }
    text
}

/// What is wanted of a backend; where the instances differ, each of it.
fn mode(backend: &BackendView, state: &State) -> String {
    let modes = state.odds.modes.get(&backend.id);
    modes.map_or_else(|| backend.mode.to_string(), |modes| modes.iter().map(|mode| mode.word()).collect::<Vec<_>>().join("/"))
}

fn tell_pool(text: &mut String, pool: &PoolView, state: &State) {
    let all = requests(pool);
    line(text, &format!("pool {}, {}; latency over the last 15 minutes", pool.name, pool.strategy));
    let columns = ["MODE", "HEALTH", "REQUESTS", "SHARE%", "FAILED", "P50 ms", "P99 ms"];
    row(text, "BACKEND", &columns.map(str::to_owned));
    for backend in pool.backends.iter().take(BACKENDS) {
        let share = if all == 0 { 0.0 } else { backend.requests_total as f64 / all as f64 * 100.0 };
        let window = &backend.windows[2];
        let failed: u64 = backend.failures.iter().map(|(_, n)| n).sum();
        let cells = [
            mode(backend, state),
            backend.health.to_string(),
            backend.requests_total.to_string(),
            format!("{share:.1}"),
            failed.to_string(),
            ms(window.p50_us),
            ms(window.p99_us),
        ];
        row(text, &backend.id.backend, &cells);
    }
    if pool.backends.len() > BACKENDS {
        line(text, &format!("  and {} more", pool.backends.len() - BACKENDS));
    }
}

fn requests(pool: &PoolView) -> u64 {
    pool.backends.iter().map(|backend| backend.requests_total).sum()
}

fn row(text: &mut String, name: &str, [mode, health, requests, share, failed, p50, p99]: &[String; 7]) {
    let name = fit(name, 20, '~');
    let cells = format!("  {name} {mode:<5} {health:<9} {requests:>10} {share:>6} {failed:>7} {p50:>7} {p99:>7}");
    line(text, &cells);
}

fn line(text: &mut String, line: &str) {
    text.push_str(&display_safe(line));
    text.push('\n');
}

fn ms(us: Option<u64>) -> String {
    us.map_or_else(|| "-".to_owned(), |us| format!("{:.1}", us as f64 / 1000.0))
}

fn duration(live: &Snapshot) -> String {
    let seconds = live.uptime_ms / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

fn time_of_day(at_unix_ms: u64, zone: &TimeZone) -> String {
    Timestamp::from_millisecond(at_unix_ms.cast_signed())
        .map_or_else(|_| String::new(), |at| at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::{BackendId, Mode};
    use crate::balance::strategy::StrategyKind;
    use crate::command::Origin;
    use crate::event::{Event, Stamped};
    use crate::tui::fixture;

    #[test]
    fn tells_what_was_done() {
        let mut state = fixture::state(0);
        let mut live = fixture::snapshot(vec![fixture::pool("web", 10)]);
        live.uptime_ms = 11_647_000;
        live.own_answers = vec![("malformed request".to_owned(), 4)];
        let pool = &mut live.pools[0];
        pool.own_answers = vec![("no backend is eligible".to_owned(), 3)];
        pool.backends[0].requests_total = 300;
        pool.backends[0].failures = vec![("refused".to_owned(), 2), ("no answer in time".to_owned(), 5)];
        pool.backends[0].windows[2].p99_us = Some(41_250);
        pool.backends[1].requests_total = 100;
        pool.backends[1].id = BackendId::new("web", "esc\u{1b}[2Jape");
        state.live = live.into();
        state.dropped = 4;
        for seq in 1..=7 {
            let backend = BackendId::new("web", "api-1");
            let (from, to) = if seq % 2 == 1 { (Mode::Up, Mode::Drain) } else { (Mode::Drain, Mode::Up) };
            let event = Event::ModeChanged {
                backend,
                from,
                to,
                by: Origin::Dashboard,
                reason: None,
                for_ms: None,
                in_flight: seq as u32,
                cut: false,
            };
            state.events.push(0, &Stamped { seq, at_unix_ms: seq * 1000, event });
        }
        let want = "\
evenkeel 0.1.0, up 3 h 14 min: 400 requests, 7 answered by itself
pool web, least_connections; latency over the last 15 minutes
  BACKEND              MODE  HEALTH      REQUESTS SHARE%  FAILED  P50 ms  P99 ms
  api-1                up    healthy          300   75.0       7       -    41.2
  esc\\u{1b}[2Jape      up    healthy          100   25.0       0       -       -
";
        let report = report(&state);
        assert!(report.starts_with(want), "{report}");
        assert!(
            report.contains("  and 2 more\noperator, the last 5 of 7 changes:\n  00:00:03 web/api-1 up -> drain"),
            "{report}"
        );
        assert!(report.ends_with("7 in flight\n4 events were lost on the way to the dashboard\n"), "{report}");
    }

    #[test]
    fn several_instances_are_told_apart() {
        let mut state = fixture::attached(2, 2);
        fixture::change_at(&mut state, 1, |live| fixture::set_mode(&mut live.pools[0].backends[0], Mode::Drain));
        let by = Origin::Dashboard;
        let event = Event::StrategyChanged {
            pool: "web".into(),
            from: StrategyKind::Random,
            to: StrategyKind::IpHash,
            by,
            reason: None,
            for_ms: None,
        };
        state.events.push(1, &Stamped { seq: 1, at_unix_ms: 1000, event });
        let report = report(&state);
        assert!(report.contains("  api-1                up/drain healthy "), "{report}");
        assert!(report.contains("\n  00:00:01 #2 web strategy random -> ip_hash"), "{report}");
    }

    #[test]
    fn durations() {
        for (ms, want) in
            [(999, "0 s"), (59_000, "59 s"), (61_000, "1 min 1 s"), (3_600_000, "1 h 0 min"), (90_061_000, "25 h 1 min")]
        {
            let live = Snapshot { uptime_ms: ms, ..Snapshot::default() };
            assert_eq!(duration(&live), want);
        }
    }
}
