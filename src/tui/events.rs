//! The last events, repeated ones folded, and what of them is marked on the time axis.

use std::collections::VecDeque;

use crate::balance::backend::{BackendId, Mode, Verdict};
use crate::event::{Event, Severity, Stamped};

/// Lines kept.
const CAPACITY: usize = 5_000;

/// One line of the events panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Number of the first event in it.
    pub seq: u64,
    /// When the newest event in it happened, milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// What happened; its `Display` is the text (to be escaped by whoever draws it).
    pub event: Event,
    /// How many equal events are folded into it.
    pub times: u32,
    /// At which instance it happened.
    pub from: usize,
}

impl Line {
    /// Whether it matches a filter in lower case: every word must occur in its text, a word after `!` must not.
    pub fn matches(&self, filter: &str) -> bool {
        if filter.is_empty() {
            return true;
        }
        let text = self.event.to_string().to_lowercase();
        filter.split_whitespace().all(|word| match word.strip_prefix('!') {
            Some("") => true,
            Some(unwanted) => !text.contains(unwanted),
            None => text.contains(word),
        })
    }
}

/// A tick on the time axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// When, milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// A few words: `drain api-5`, `api-6 unhealthy`. Not escaped.
    pub label: String,
    /// How grave.
    pub severity: Severity,
}

/// The last 5,000 lines, oldest first.
#[derive(Debug, Default)]
pub struct EventRing {
    lines: VecDeque<Line>,
}

impl EventRing {
    /// Adds an event of an instance, or folds it into the newest line if that says the same.
    pub fn push(&mut self, from: usize, stamped: &Stamped) {
        let Stamped { seq, at_unix_ms, event } = stamped;
        if let Some(last) = self.lines.back_mut()
            && last.from == from
            && fold(last, event)
        {
            last.at_unix_ms = *at_unix_ms;
            return;
        }
        if self.lines.len() == CAPACITY {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { seq: *seq, at_unix_ms: *at_unix_ms, event: event.clone(), times: 1, from });
    }

    /// The lines, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Line> + ExactSizeIterator {
        self.lines.iter()
    }

    /// The lines up to this number, oldest first.
    pub fn up_to(&self, seq: u64) -> impl DoubleEndedIterator<Item = &Line> + ExactSizeIterator {
        let end = self.lines.partition_point(|line| line.seq <= seq);
        self.lines.range(..end)
    }

    /// Number of the newest line, 0 without any.
    pub fn newest(&self) -> u64 {
        self.lines.back().map_or(0, |line| line.seq)
    }

    /// What happened to a pool after `from` and up to `until` (milliseconds since the Unix epoch), oldest first.
    pub fn markers(&self, pool: &str, from: u64, until: u64) -> Vec<Marker> {
        let recent = self.lines.iter().rev().take_while(|line| line.at_unix_ms > from).filter(|line| line.at_unix_ms <= until);
        let mut markers: Vec<_> = recent.filter_map(|line| marker(line, pool)).collect();
        markers.reverse();
        markers
    }
}

/// Counts `event` in `line` if both say the same.
fn fold(line: &mut Line, event: &Event) -> bool {
    match (&mut line.event, event) {
        (
            Event::AttemptsFailed { backend, failure, times },
            Event::AttemptsFailed { backend: other, failure: other_failure, times: more },
        ) if backend == other && failure == other_failure => *times += more,
        (
            Event::AnsweredItself { pool, status, cause, times },
            Event::AnsweredItself { pool: other, status: other_status, cause: other_cause, times: more },
        ) if pool == other && status == other_status && cause == other_cause => *times += more,
        (same, event) if same == event => line.times += 1,
        _ => return false,
    }
    true
}

fn marker(line: &Line, pool: &str) -> Option<Marker> {
    let name = |backend: &BackendId| (*backend.pool == *pool).then(|| backend.backend.clone());
    let label = match &line.event {
        Event::ModeChanged { backend, to, cut, .. } => {
            let word = if *cut && *to == Mode::Down { "cut" } else { to.word() };
            format!("{word} {}", name(backend)?)
        }
        Event::WeightChanged { backend, to, .. } => format!("weight {} {to}", name(backend)?),
        Event::StrategyChanged { pool: of, to, .. } if **of == *pool => to.to_string(),
        Event::HealthChanged { backend, to: to @ (Verdict::Healthy | Verdict::Unhealthy), .. } => {
            format!("{} {to}", name(backend)?)
        }
        Event::Ejected { backend, .. } => format!("{} ejected", name(backend)?),
        Event::Readmitted { backend } => format!("{} readmitted", name(backend)?),
        _ => return None,
    };
    Some(Marker { at_unix_ms: line.at_unix_ms, label, severity: line.event.severity() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::meter::Failure;
    use crate::command::Origin;

    fn ring(events: Vec<Event>) -> EventRing {
        let mut ring = EventRing::default();
        for (seq, event) in (1..).zip(events) {
            ring.push(0, &Stamped { seq, at_unix_ms: seq * 1000, event });
        }
        ring
    }

    fn refused(backend: &str, times: u64) -> Event {
        Event::AttemptsFailed { backend: BackendId::new("web", backend), failure: Failure::Refused, times }
    }

    fn mode(pool: &str, to: Mode, cut: bool) -> Event {
        let backend = BackendId::new(pool, "api-1");
        Event::ModeChanged { backend, from: Mode::Up, to, by: Origin::Dashboard, reason: None, for_ms: None, in_flight: 3, cut }
    }

    #[test]
    fn repeated_events_fold() {
        let drained = || Event::Drained { backend: BackendId::new("web", "a") };
        let ring = ring(vec![refused("a", 17), refused("a", 5), refused("b", 1), drained(), drained(), drained()]);
        let lines: Vec<_> = ring.iter().map(|l| (l.seq, l.at_unix_ms, l.times, l.event.clone())).collect();
        assert_eq!(lines, [(1, 2_000, 1, refused("a", 22)), (3, 3_000, 1, refused("b", 1)), (4, 6_000, 3, drained())]);
        assert_eq!((ring.newest(), ring.up_to(3).len()), (4, 2));
    }

    #[test]
    fn the_oldest_lines_go_first() {
        let ring = ring((0..CAPACITY + 10).map(|n| refused(&n.to_string(), 1)).collect());
        assert_eq!(ring.iter().len(), CAPACITY);
        assert_eq!(ring.iter().next().map(|line| line.seq), Some(11));
    }

    #[test]
    fn what_steers_traffic_is_marked_on_the_time_axis_of_its_pool() {
        let ring = ring(vec![
            mode("web", Mode::Down, false),
            mode("web", Mode::Drain, false),
            mode("static", Mode::Drain, false),
            refused("a", 1),
            mode("web", Mode::Down, true),
        ]);
        let labels =
            |from, until| ring.markers("web", from, until).into_iter().map(|m| (m.at_unix_ms, m.label)).collect::<Vec<_>>();
        assert_eq!(labels(1_000, 5_000), [(2_000, "drain api-1".to_owned()), (5_000, "cut api-1".to_owned())]);
        assert_eq!(labels(0, 1_000), [(1_000, "down api-1".to_owned())]);
    }
}
