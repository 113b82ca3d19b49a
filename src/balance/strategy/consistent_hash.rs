//! One key stays with one backend: a hash ring with bounded load, for `ip_hash` and `consistent_hash` alike (they differ in
//! what the caller hashes).
//!
//! A backend's points follow from its name and weight alone, so that a change moves only the keys of the backend that
//! changed, and a restart, another order or another process moves none. A backend that has more than its part of the requests
//! in flight is passed over (Mirrokni, Thorup, Zadimoghaddam 2016: consistent hashing with bounded loads).

use xxhash_rust::xxh3::xxh3_64;

use super::mix;
use crate::balance::rotation::{Member, View};

/// Points per unit of weight while the pool is of common size.
const POINTS: u64 = 128;
/// Above this many points in a pool, everybody has half as many, and half again; at least one per unit of weight.
const MAX_POINTS: u64 = 1 << 18;
/// The circle has at most so many parts, as a power of two; they take up to 2 MiB.
const MAX_PARTS_LOG: u32 = 18;
/// A backend may have this much of its fair part of the requests in flight, in percent.
const BOUND_PERCENT: u64 = 125;
/// Nobody is passed over for fewer requests in flight than this.
const BOUND_FLOOR: u64 = 8;
/// How many points a key walks on at most.
const WALK: usize = 1024;

/// The hash of a key, stable for ever.
pub fn hash_key(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// See the module.
#[derive(Debug)]
pub(in crate::balance) struct Ring {
    /// Sorted by place.
    points: Box<[Point]>,
    /// The circle in equal parts, up to 4 per point: most keys are found without a look at the points.
    parts: Box<[Part]>,
    /// How far a place is shifted to give its part.
    shift: u32,
    weight: u64,
}

/// What lies in a part of the circle.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// No point; all of it belongs to this member.
    Of(u32),
    /// Points, of which this is the first.
    From(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    place: u32,
    member: u32,
}

impl Ring {
    /// `total_weight` is that of the whole pool, so that eligibility does not change the number of points per weight.
    pub(super) fn new(members: &[Member], total_weight: u64) -> Self {
        let mut per_weight = POINTS;
        while per_weight > 1 && per_weight * total_weight > MAX_POINTS {
            per_weight /= 2;
        }
        let name = |member: u32| &members[member as usize].backend.spec.id.backend;
        let mut points: Vec<_> = (0..)
            .zip(members)
            .flat_map(|(member, m)| {
                let count = (u64::from(m.effective_weight()) * per_weight).div_ceil(100);
                (0..count).map(move |n| Point { place: place(&m.backend.spec.id.backend, n), member })
            })
            .collect();
        points.sort_unstable_by(|a, b| a.place.cmp(&b.place).then_with(|| name(a.member).cmp(name(b.member))));
        let parts_log = (points.len().ilog2() + 2).min(MAX_PARTS_LOG);
        let shift = 32 - parts_log;
        let mut next = 0;
        let part = |part: u32| {
            let first = next;
            next += points[first..].iter().take_while(|p| p.place >> shift == part).count();
            if next > first { Part::From(first as u32) } else { Part::Of(points[first % points.len()].member) }
        };
        let parts = (0..1 << parts_log).map(part).collect();
        let weight = members.iter().map(|m| u64::from(m.effective_weight())).sum();
        Self { points: points.into(), parts, shift, weight }
    }

    pub(super) fn choose(&self, view: &View<'_>) -> Option<usize> {
        let place = (view.input.key >> 32) as u32;
        let owner = match self.parts[(place >> self.shift) as usize] {
            Part::Of(member) => member,
            Part::From(first) => {
                let ahead = self.points[first as usize..].iter().find(|point| point.place >= place);
                ahead.unwrap_or(&self.points[0]).member
            }
        } as usize;
        if self.has_room(view, owner) { Some(owner) } else { self.walk(view, place) }
    }

    /// The first member with room from this place on.
    #[cold]
    fn walk(&self, view: &View<'_>, place: u32) -> Option<usize> {
        let (before, after) = self.points.split_at(self.points.partition_point(|point| point.place < place));
        let mut walk = after.iter().chain(before).take(WALK).map(|p| p.member as usize);
        walk.find(|position| self.has_room(view, *position))
    }

    fn has_room(&self, view: &View<'_>, position: usize) -> bool {
        view.is_open(position) && !self.is_over_bound(view, position)
    }

    fn is_over_bound(&self, view: &View<'_>, position: usize) -> bool {
        let member = &view.members[position];
        let in_flight = u64::from(member.live().in_flight());
        if in_flight < BOUND_FLOOR {
            return false;
        }
        let in_pool = u64::from(view.live.in_flight());
        let fair = (in_pool + 1) * u64::from(member.effective_weight()) * BOUND_PERCENT;
        in_flight * self.weight * 100 >= fair
    }
}

/// Where the `n`-th point of a backend lies. (Not the hash of the name with seed `n`: under neighbouring seeds, xxh3 gives names
/// that differ in their last byte the same points.)
fn place(name: &str, n: u64) -> u32 {
    (mix(xxh3_64(name.as_bytes()) ^ n) >> 32) as u32
}

#[cfg(test)]
mod tests;
