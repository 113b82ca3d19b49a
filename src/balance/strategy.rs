//! How a pool chooses: the closed set of strategies and their names.

use std::fmt;

use serde::{Deserialize, Serialize};

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
