//! When to draw: keys at once, figures a few times a second, and nothing but the clock while nothing changes.

use super::state::State;
use super::update::Msg;
use crate::balance::Millis;
use crate::balance::snapshot::Snapshot;

/// The least time between two frames.
const GAP: Millis = 16;

/// The most time between two frames: the clock ticks.
const CLOCK: Millis = 1_000;

/// A terminal that takes longer than that for a frame is slow.
const SLOW: Millis = 200;

/// How soon a message wants to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// At once: the operator waits for it.
    Now,
    /// With the next figures.
    Soon,
    /// With the next tick of the clock.
    Whenever,
}

/// How soon a message wants to be seen, judged before it is taken in.
pub(super) fn urgency(state: &State, msg: &Msg) -> Urgency {
    match msg {
        Msg::Key(_)
        | Msg::Paste(_)
        | Msg::Resize(..)
        | Msg::Link { .. }
        | Msg::Answered { .. }
        | Msg::Planned { .. }
        | Msg::Resumed
        | Msg::Hangup
        | Msg::Finished => Urgency::Now,
        Msg::Draining(_) if state.drain_until.is_none() => Urgency::Now,
        Msg::Snapshot { from, snapshot } if same_figures(known(state, *from), snapshot) => Urgency::Whenever,
        Msg::Snapshot { .. } | Msg::Event { .. } if state.frozen.is_some() || state.unfocused => Urgency::Whenever,
        Msg::Snapshot { .. } | Msg::Event { .. } | Msg::Dropped(_) | Msg::Slow(_) | Msg::Focus(_) => Urgency::Soon,
        Msg::Draining(_) | Msg::Tick => Urgency::Whenever,
    }
}

/// The figures of an instance that are known already.
fn known(state: &State, from: usize) -> &Snapshot {
    state.fleet.members.get(from).and_then(|member| member.snapshot.as_deref()).unwrap_or(&state.live)
}

/// Whether nothing has happened between two snapshots but time.
fn same_figures(a: &Snapshot, b: &Snapshot) -> bool {
    let pools = |a: &Snapshot, b: &Snapshot| {
        a.pools.iter().zip(&b.pools).all(|(a, b)| {
            (&a.name, a.strategy, a.in_flight, a.queued, a.rps) == (&b.name, b.strategy, b.in_flight, b.queued, b.rps)
                && a.failing_open == b.failing_open
                && a.own_answers == b.own_answers
                && a.backends.len() == b.backends.len()
                && a.backends.iter().zip(&b.backends).all(|(a, b)| {
                    (&a.id, a.mode, a.health, a.eligibility, a.streak) == (&b.id, b.mode, b.health, b.eligibility, b.streak)
                        && (a.weight, a.in_flight, a.requests_total) == (b.weight, b.in_flight, b.requests_total)
                        && a.failures == b.failures
                })
        })
    };
    a.phase == b.phase && a.connections == b.connections && a.pools.len() == b.pools.len() && pools(a, b)
}

/// The times of frames.
#[derive(Debug)]
pub(super) struct Pace {
    refresh: Millis,
    drawn_at: Millis,
    due: Millis,
    slow: bool,
}

impl Pace {
    /// Figures are drawn every `refresh` milliseconds, the first frame at once.
    pub(super) fn new(refresh: Millis) -> Self {
        Self { refresh, drawn_at: 0, due: 0, slow: false }
    }

    /// Something wants to be seen.
    pub(super) fn want(&mut self, urgency: Urgency, now: Millis) {
        let gap = match urgency {
            Urgency::Now => GAP,
            Urgency::Soon if self.slow => 2 * self.refresh,
            Urgency::Soon => self.refresh,
            Urgency::Whenever => return,
        };
        self.due = self.due.min(now.max(self.drawn_at + gap));
    }

    /// The screen changes by itself then.
    pub(super) fn want_at(&mut self, at: Millis) {
        self.due = self.due.min(at.max(self.drawn_at + GAP));
    }

    /// When the next frame is due.
    pub(super) fn due(&self) -> Millis {
        self.due
    }

    /// A frame was begun at `from` and has been written at `until`. Says so if that has made the terminal slow or not slow.
    pub(super) fn drawn(&mut self, from: Millis, until: Millis) -> Option<bool> {
        self.drawn_at = until;
        self.due = until + CLOCK;
        let slow = until.saturating_sub(from) > SLOW;
        let turned = slow != self.slow;
        self.slow = slow;
        turned.then_some(slow)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::tui::fixture::{self, key};

    #[test]
    fn frames_come_when_they_are_wanted() {
        let mut pace = Pace::new(250);
        assert_eq!(pace.due(), 0, "the first frame at once");
        assert_eq!(pace.drawn(0, 5), None);
        assert_eq!(pace.due(), 1_005, "nothing but the clock");
        pace.want(Urgency::Whenever, 100);
        assert_eq!(pace.due(), 1_005);
        pace.want(Urgency::Soon, 100);
        assert_eq!(pace.due(), 255);
        pace.want(Urgency::Now, 101);
        assert_eq!(pace.due(), 101);
        pace.want(Urgency::Soon, 102);
        assert_eq!(pace.due(), 101, "what is due stays due");
        pace.drawn(101, 103);
        pace.want(Urgency::Now, 104);
        assert_eq!(pace.due(), 119, "frames keep their distance");
        pace.want_at(110);
        assert_eq!(pace.due(), 119);
    }

    #[test]
    fn a_slow_terminal_gets_half_as_many() {
        let mut pace = Pace::new(250);
        assert_eq!(pace.drawn(0, 900), Some(true));
        pace.want(Urgency::Soon, 900);
        assert_eq!(pace.due(), 1_400);
        assert_eq!(pace.drawn(1_400, 1_900), None);
        assert_eq!(pace.drawn(1_900, 1_910), Some(false));
    }

    #[test]
    fn only_what_changes_the_screen_is_worth_a_frame() {
        let mut state = fixture::state(3);
        let later = |change: fn(&mut Snapshot)| {
            let mut live = (*fixture::state(3).live).clone();
            live.uptime_ms += 250;
            live.at_unix_ms += 250;
            change(&mut live);
            Msg::Snapshot { from: 0, snapshot: Arc::new(live) }
        };
        assert_eq!(urgency(&state, &later(|_| {})), Urgency::Whenever);
        let busy = || later(|live| live.pools[0].backends[2].in_flight = 1);
        assert_eq!(urgency(&state, &busy()), Urgency::Soon);
        assert_eq!(urgency(&state, &later(|live| live.pools[0].backends[0].streak += 1)), Urgency::Soon);
        assert_eq!(urgency(&state, &later(|live| drop(live.pools.pop()))), Urgency::Soon);
        assert_eq!(urgency(&state, &Msg::Key(key("j"))), Urgency::Now);
        state.unfocused = true;
        assert_eq!(urgency(&state, &busy()), Urgency::Whenever);
        assert_eq!(urgency(&state, &Msg::Key(key("j"))), Urgency::Now);
    }
}
