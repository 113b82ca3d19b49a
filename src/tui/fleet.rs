//! The instances of evenkeel that a dashboard looks at: the one that it lives in, or others over the network.

use std::sync::Arc;

use super::merge::{Odds, merge};
use super::state::State;
use crate::balance::Millis;
use crate::balance::snapshot::Snapshot;

/// Whether an instance answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// It has not answered yet.
    #[default]
    Opening,
    /// It answers.
    Open,
    /// It did, or does not: why.
    Lost(Arc<str>),
}

/// One of several instances, or one that this process is not.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its address.
    pub name: Arc<str>,
    /// Its newest figures.
    pub snapshot: Option<Arc<Snapshot>>,
    /// When they came; before there are any, when the dashboard began to ask.
    pub seen_at: Millis,
    /// Whether it answers.
    pub link: Link,
}

impl Member {
    /// One that has not answered yet.
    pub fn new(name: Arc<str>, now: Millis) -> Self {
        Self { name, snapshot: None, seen_at: now, link: Link::Opening }
    }

    /// Its figures, if they are those of now.
    pub fn fresh(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref().filter(|_| self.link == Link::Open)
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// The instances that the dashboard is attached to; empty when it shows its own process.
    pub members: Vec<Member>,
    /// The only one that is shown and that keys reach, if not all.
    pub alone: Option<usize>,
}

impl Fleet {
    /// A dashboard over instances of these names.
    pub fn attached(names: impl IntoIterator<Item = Arc<str>>, now: Millis) -> Self {
        Self { members: names.into_iter().map(|name| Member::new(name, now)).collect(), alone: None }
    }

    /// Whether the instances are other processes, which go on without this dashboard.
    pub fn is_attached(&self) -> bool {
        !self.members.is_empty()
    }

    /// Whether there are several.
    pub fn is_plural(&self) -> bool {
        self.members.len() > 1
    }

    /// The instances that are shown, with their places.
    pub fn shown(&self) -> impl Iterator<Item = (usize, &Member)> {
        self.members.iter().enumerate().filter(|(at, _)| self.alone.is_none_or(|alone| alone == *at))
    }

    /// When figures came last, if no instance that is shown has those of now.
    pub fn stale_since(&self) -> Option<Millis> {
        let stale = self.is_attached() && self.shown().all(|(_, member)| member.fresh().is_none());
        stale.then(|| self.shown().map(|(_, member)| member.seen_at).max()).flatten()
    }

    /// What an instance is called where there are several: `#2`.
    pub fn tag(at: usize) -> String {
        format!("#{}", at + 1)
    }

    /// An instance with its address: `#2 127.0.0.1:9901`.
    pub fn label(&self, at: usize) -> String {
        self.members.get(at).map_or_else(|| Self::tag(at), |member| format!("{} {}", Self::tag(at), member.name))
    }

    /// Shows the next instance alone; after the last one, all.
    pub fn turn(&mut self) {
        let next = self.alone.map_or(0, |at| at + 1);
        self.alone = (next < self.members.len()).then_some(next);
    }
}

impl State {
    /// The newest figures of every instance that keys reach.
    pub fn worlds(&self) -> Vec<(usize, Arc<Snapshot>)> {
        if !self.fleet.is_attached() {
            return vec![(0, Arc::clone(&self.live))];
        }
        self.fleet.shown().filter_map(|(at, member)| Some((at, Arc::clone(member.fresh()?)))).collect()
    }

    /// Whether what is shown is put together of several instances.
    pub fn is_merged(&self) -> bool {
        self.fleet.is_plural() && self.fleet.alone.is_none()
    }

    /// Puts together anew what is shown of several instances. One that does not answer is left out; if none does, what was
    /// known last is all there is.
    pub(super) fn gather(&mut self) {
        let mut parts = self.worlds();
        if parts.is_empty() {
            parts = self.fleet.shown().filter_map(|(at, member)| Some((at, Arc::clone(member.snapshot.as_ref()?)))).collect();
        }
        (self.live, self.odds) = match &parts[..] {
            [] => Default::default(),
            [(_, only)] => (Arc::clone(only), Odds::default()),
            several => {
                let merged = merge(&several.iter().map(|(_, snapshot)| &**snapshot).collect::<Vec<_>>());
                (Arc::new(merged.snapshot), merged.odds)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    fn fleet(state: &mut State, links: &[Link]) {
        state.fleet = Fleet::attached(["a", "b", "c"].map(Arc::from), 0);
        for (member, link) in state.fleet.members.iter_mut().zip(links) {
            member.snapshot = Some(Arc::new(fixture::snapshot(vec![fixture::pool("web", 2)])));
            member.link = link.clone();
        }
        state.fleet.members.truncate(links.len());
        state.gather();
    }

    #[test]
    fn who_does_not_answer_is_left_out_and_keys_do_not_reach_it() {
        let mut state = fixture::state(0);
        fleet(&mut state, &[Link::Open, Link::Lost("refused".into()), Link::Open]);
        assert_eq!(state.worlds().iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 2]);
        assert_eq!((state.live.workers, state.fleet.stale_since()), (4, None), "two of two workers each");
        fleet(&mut state, &[Link::Lost("refused".into())]);
        assert!(state.worlds().is_empty());
        assert_eq!((state.live.pools.len(), state.fleet.stale_since()), (1, Some(0)), "the last figures, and stale");
    }

    #[test]
    fn instances_are_shown_in_turn() {
        let mut state = fixture::state(0);
        fleet(&mut state, &[Link::Open, Link::Open]);
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(state.fleet.alone);
            state.fleet.turn();
        }
        assert_eq!(seen, [None, Some(0), Some(1), None]);
        state.fleet.alone = Some(1);
        state.gather();
        assert_eq!((state.live.workers, state.fleet.label(1).as_str()), (2, "#2 b"));
    }
}
