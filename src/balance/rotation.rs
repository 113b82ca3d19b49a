//! The immutable value that workers pick from: the members that may take requests, and what the strategy has prepared for
//! them. Rebuilt by [`super::pool::Pool::refresh`] when eligibility, a weight or the strategy changes; so a pick only judges
//! what changes with every request: who is full, and who has been tried.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::Millis;
use super::backend::{Backend, Eligibility, Live, Mode};
use super::lease::{Lease, Seat};
use super::pool::{AllDown, NoPick, PickInput, PoolLive, Settings};
use super::slow_start;
use super::strategy::{Chooser, StrategyKind};

/// How often the strategy is asked before the first member with room is taken.
const TRIES: u64 = 4;

/// See the module.
#[derive(Debug, Default)]
pub struct Rotation {
    members: Box<[Member]>,
    /// All backends of the pool, which the members' indices refer to.
    backends: Arc<[Arc<Backend>]>,
    /// `None` without members.
    chooser: Option<Chooser>,
    awaiting_first_check: bool,
    failing_open: bool,
}

/// A backend in a rotation.
#[derive(Debug)]
pub struct Member {
    /// The backend.
    pub backend: Arc<Backend>,
    /// Its index in [`super::pool::Pool::backends`].
    pub index: usize,
    /// Its weight, 1..=256.
    pub weight: u32,
    /// How much of its weight counts while it starts slowly, 10..=100.
    pub ramp_percent: u32,
    live: Arc<Live>,
    max_in_flight: Option<u32>,
    on_trial: bool,
}

impl Member {
    /// The backend's state. (At hand: a pick would otherwise have to fetch the backend first.)
    pub(super) fn live(&self) -> &Live {
        &self.live
    }

    /// The weight that counts now, in hundredths.
    pub fn effective_weight(&self) -> u32 {
        self.weight * self.ramp_percent
    }
}

impl Rotation {
    /// The rotation of backends with these eligibilities.
    pub(super) fn new(
        backends: &Arc<[Arc<Backend>]>,
        eligibilities: &[Eligibility],
        settings: &Settings,
        strategy: StrategyKind,
        now: Millis,
    ) -> Self {
        let awaits = eligibilities.contains(&Eligibility::AwaitingFirstCheck);
        let mut chosen = first_tier(backends, eligibilities);
        let failing_open = chosen.is_empty() && !awaits && settings.all_down == AllDown::Open && {
            let wanted = |i: &usize| backends[*i].live.mode() == Mode::Up && backends[*i].live.weight() > 0;
            chosen = (0..backends.len()).filter(wanted).collect();
            !chosen.is_empty()
        };
        let mut members: Box<[_]> = chosen
            .into_iter()
            .map(|index| {
                let backend = backends[index].clone();
                let weight = backend.live.weight().max(1);
                let ramp_percent = slow_start::percent(backend.live.returned_at(), settings.slow_start, now);
                let on_trial = eligibilities[index] == Eligibility::OnTrial;
                let (live, max_in_flight) = (Arc::clone(&backend.live), backend.spec.max_in_flight);
                Member { backend, index, weight, ramp_percent, live, max_in_flight, on_trial }
            })
            .collect();
        if members.iter().all(|m| m.ramp_percent < 100) {
            members.iter_mut().for_each(|m| m.ramp_percent = 100);
        }
        let total_weight = backends.iter().map(|b| u64::from(b.live.weight())).sum();
        let chooser = (!members.is_empty()).then(|| Chooser::new(strategy, &members, total_weight));
        let backends = Arc::clone(backends);
        Self { awaiting_first_check: members.is_empty() && awaits, members, backends, chooser, failing_open }
    }

    /// The members, in the order of the config.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// All backends of the pool, in the order of the config.
    pub(super) fn backends(&self) -> &Arc<[Arc<Backend>]> {
        &self.backends
    }

    /// Whether nobody is eligible and all are tried ([`AllDown::Open`]).
    pub fn failing_open(&self) -> bool {
        self.failing_open
    }

    /// Percent of its weight that counts now for the backend at this index of [`super::pool::Pool::backends`]; 100 when it
    /// is no member.
    pub fn ramp_percent(&self, index: usize) -> u32 {
        self.members.binary_search_by_key(&index, |m| m.index).map_or(100, |i| self.members[i].ramp_percent)
    }

    /// Picks a member and takes the lease on its seat. The seats go by the backends' indices.
    pub(super) fn pick(&self, live: &PoolLive, seats: &mut [Rc<Seat>], input: &PickInput<'_>) -> Result<Lease, NoPick> {
        let Some(chooser) = &self.chooser else {
            return Err(self.why_nobody());
        };
        let view = View { members: &self.members, live, input };
        let choice = chooser.choose(&view, input.entropy);
        match choice.and_then(|position| view.take(seats, position)) {
            Some(lease) => Ok(lease),
            None => view.pick_any(seats, chooser, if choice.is_some() { TRIES } else { 1 }),
        }
    }

    /// The index of the backend that [`Self::pick`] would take, had it the same entropy, without taking a lease or a turn.
    pub(super) fn preview(&self, live: &PoolLive, input: &PickInput<'_>) -> Result<usize, NoPick> {
        let chooser = self.chooser.as_ref().ok_or_else(|| self.why_nobody())?;
        let aside = live.aside();
        let view = View { members: &self.members, live: &aside, input };
        let ask = |attempt| chooser.choose(&view, input.entropy.wrapping_add(attempt)).filter(|p| view.is_open(*p));
        let choice = (0..TRIES).find_map(ask).or_else(|| view.in_turn().find(|position| view.is_open(*position)));
        choice.map(|position| self.members[position].index).ok_or_else(|| view.why_not())
    }

    fn why_nobody(&self) -> NoPick {
        if self.awaiting_first_check { NoPick::AwaitingFirstCheck } else { NoPick::NoneEligible }
    }
}

/// The eligible backends; backup ones only while no other can take all there is.
fn first_tier(backends: &[Arc<Backend>], eligibilities: &[Eligibility]) -> Vec<usize> {
    let carries = |i: &usize| !backends[*i].spec.backup && eligibilities[*i] == Eligibility::Eligible;
    let with_backups = !(0..backends.len()).any(|i| carries(&i));
    (0..backends.len()).filter(|i| eligibilities[*i].is_eligible() && (with_backups || !backends[*i].spec.backup)).collect()
}

/// What a strategy sees when it chooses. Members go by their position.
pub(super) struct View<'a> {
    pub(super) members: &'a [Member],
    pub(super) live: &'a PoolLive,
    pub(super) input: &'a PickInput<'a>,
}

impl View<'_> {
    /// The next turn, which nobody else gets.
    pub(super) fn turn(&self) -> u64 {
        self.live.take_turns(1)
    }

    /// Every position once, from this one on.
    pub(super) fn ring(&self, start: usize) -> impl Iterator<Item = usize> + use<> {
        (start..self.members.len()).chain(0..start)
    }

    /// Whether the member could take the request just now.
    pub(super) fn is_open(&self, position: usize) -> bool {
        let member = &self.members[position];
        let live = &member.live;
        let full = member.max_in_flight.is_some_and(|max| live.in_flight() >= max);
        let trial_taken = member.on_trial && live.trial_taken.load(Relaxed);
        !full && !trial_taken && !self.is_tried(position)
    }

    /// Requests in flight and recent failures, per weight. Exact enough to be compared: equal ratios give equal numbers.
    pub(super) fn load(&self, position: usize) -> f64 {
        let member = &self.members[position];
        let live = &member.live;
        let amount = u64::from(live.in_flight()) + live.strain.get(self.input.now);
        amount as f64 / f64::from(member.effective_weight())
    }

    fn is_tried(&self, position: usize) -> bool {
        let live = &self.members[position].live;
        self.input.tried.iter().any(|tried| Arc::ptr_eq(&tried.live, live))
    }

    fn take(&self, seats: &mut [Rc<Seat>], position: usize) -> Option<Lease> {
        let member = &self.members[position];
        if self.is_tried(position) { None } else { Lease::take(&mut seats[member.index], member.max_in_flight, member.on_trial) }
    }

    /// The pick when the strategy's first choice has come to nothing: asks until it has been asked so many times, and then
    /// takes the first member with room.
    #[cold]
    fn pick_any(&self, seats: &mut [Rc<Seat>], chooser: &Chooser, tries: u64) -> Result<Lease, NoPick> {
        for attempt in 1..tries {
            let Some(position) = chooser.choose(self, self.input.entropy.wrapping_add(attempt)) else { break };
            if let Some(lease) = self.take(seats, position) {
                return Ok(lease);
            }
        }
        self.in_turn().find_map(|position| self.take(seats, position)).ok_or_else(|| self.why_not())
    }

    /// Every position once, from one by chance on.
    fn in_turn(&self) -> impl Iterator<Item = usize> + use<> {
        self.ring((self.input.entropy % self.members.len() as u64) as usize)
    }

    /// Why none of the members can take the request.
    fn why_not(&self) -> NoPick {
        let all_tried = (0..self.members.len()).all(|position| self.is_tried(position));
        if all_tried { NoPick::AllTried } else { NoPick::AllFull }
    }
}
