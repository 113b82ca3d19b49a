//! How a pool chooses: the closed set of strategies and their names. Each strategy is a file below.
//!
//! A strategy only *proposes*; the [rotation](super::rotation) takes the lease, and asks again when that fails.

pub mod consistent_hash;
mod least_connections;
pub mod peak_ewma;
mod power_of_two;
mod random;
mod round_robin;

use std::fmt;

use serde::{Deserialize, Serialize};

use self::consistent_hash::Ring;
use self::least_connections::LeastConnections;
use self::peak_ewma::PeakEwma;
use self::power_of_two::PowerOfTwo;
use self::random::Weighted;
pub(super) use self::random::mix;
use self::round_robin::Turns;
use super::rotation::{Member, View};

/// The strategies, by the names used in YAML, CLI, API and dashboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum StrategyKind {
    /// Equal turns.
    RoundRobin,
    /// Smooth turns by weight.
    WeightedRoundRobin,
    /// Fewest in flight per weight.
    #[default]
    LeastConnections,
    /// The less loaded of two random picks.
    PowerOfTwo,
    /// Lowest decaying latency times load.
    PeakEwma,
    /// Random by weight.
    Random,
    /// By hash of the client's address.
    IpHash,
    /// By hash of a key of the request.
    ConsistentHash,
}

impl StrategyKind {
    /// Every strategy, in the order they are listed.
    pub const ALL: [Self; 8] = [
        Self::RoundRobin,
        Self::WeightedRoundRobin,
        Self::LeastConnections,
        Self::PowerOfTwo,
        Self::PeakEwma,
        Self::Random,
        Self::IpHash,
        Self::ConsistentHash,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round_robin",
            Self::WeightedRoundRobin => "weighted_round_robin",
            Self::LeastConnections => "least_connections",
            Self::PowerOfTwo => "power_of_two",
            Self::PeakEwma => "peak_ewma",
            Self::Random => "random",
            Self::IpHash => "ip_hash",
            Self::ConsistentHash => "consistent_hash",
        }
    }

    /// What it does, in one line, for the picker.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::RoundRobin => "equal turns, whatever the weights",
            Self::WeightedRoundRobin => "turns by weight, evenly interleaved",
            Self::LeastConnections => "fewest requests in flight per weight; turns when idle",
            Self::PowerOfTwo => "two random picks, the less loaded one gets it",
            Self::PeakEwma => "lowest recent latency times load; failures count as slow",
            Self::Random => "random by weight",
            Self::IpHash => "one client address stays with one backend",
            Self::ConsistentHash => "one key (pool's hash_key) stays with one backend",
        }
    }

    /// Whether a share by weight is what the strategy aims at (rather than a yardstick).
    pub const fn aims_at_weights(self) -> bool {
        matches!(self, Self::RoundRobin | Self::WeightedRoundRobin | Self::Random)
    }
}

impl fmt::Display for StrategyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a strategy has prepared for the members of a rotation.
#[derive(Debug)]
pub(super) enum Chooser {
    /// `round_robin` and `weighted_round_robin`, which differ in the weights.
    Turns(Turns),
    /// `least_connections`.
    LeastConnections(LeastConnections),
    /// `power_of_two`.
    PowerOfTwo(PowerOfTwo),
    /// `peak_ewma`.
    PeakEwma(PeakEwma),
    /// `random`.
    Random(Weighted),
    /// `ip_hash` and `consistent_hash`, which differ in the key.
    Ring(Ring),
}

impl Chooser {
    /// Prepares a strategy for members in this order. `total_weight` is that of the whole pool, eligible or not.
    pub(super) fn new(kind: StrategyKind, members: &[Member], total_weight: u64) -> Self {
        let weights = || members.iter().map(Member::effective_weight);
        match kind {
            StrategyKind::RoundRobin => Self::Turns(Turns::new(members.iter().map(|m| m.ramp_percent))),
            StrategyKind::WeightedRoundRobin => Self::Turns(Turns::new(weights())),
            StrategyKind::LeastConnections => Self::LeastConnections(LeastConnections::new(weights())),
            StrategyKind::PowerOfTwo => Self::PowerOfTwo(PowerOfTwo::new(weights())),
            StrategyKind::PeakEwma => Self::PeakEwma(PeakEwma::new(weights())),
            StrategyKind::Random => Self::Random(Weighted::new(weights())),
            StrategyKind::IpHash | StrategyKind::ConsistentHash => Self::Ring(Ring::new(members, total_weight)),
        }
    }

    /// Proposes a member by its position, or nobody when it has seen for itself that there is no use in asking again. There
    /// is at least one member; `entropy` differs at each try.
    pub(super) fn choose(&self, view: &View<'_>, entropy: u64) -> Option<usize> {
        match self {
            Self::Turns(turns) => Some(turns.at(view.turn())),
            Self::LeastConnections(least) => least.choose(view),
            Self::PowerOfTwo(two) => Some(two.choose(view, mix(entropy))),
            Self::PeakEwma(ewma) => ewma.choose(view, mix(entropy)),
            Self::Random(weighted) => Some(weighted.draw(mix(entropy))),
            Self::Ring(ring) => ring.choose(view),
        }
    }
}

#[cfg(test)]
mod tests;
