//! The characters of the demo's backends.

use std::time::Duration;

/// How a backend behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Temper {
    /// Its name.
    pub name: &'static str,
    /// Its configured weight.
    pub weight: u32,
    /// Median service time in milliseconds while it is idle.
    pub median_ms: f64,
    /// Standard deviation of the service time's logarithm.
    pub spread: f64,
    /// Requests in flight that double the service time.
    pub capacity: u32,
    /// Share of requests that are answered with 5xx.
    pub errors: f64,
    /// Share of requests whose connection is closed without an answer.
    pub breaks: f64,
    /// Whether it goes away and comes back.
    pub absence: Option<Absence>,
}

/// A backend that goes away and comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// How long it serves at a stretch.
    pub present: Duration,
    /// How long it then refuses connections.
    pub away: Duration,
}

const TEMPERS: [Temper; 5] = [
    Temper::STEADY,
    Temper { name: "heavy", weight: 2, median_ms: 14.0, spread: 0.3, capacity: 64, ..Temper::STEADY },
    Temper { name: "slow", median_ms: 75.0, spread: 0.5, ..Temper::STEADY },
    Temper { name: "flaky", spread: 0.6, errors: 0.03, breaks: 0.004, ..Temper::STEADY },
    Temper {
        name: "nomad",
        absence: Some(Absence { present: Duration::from_secs(27), away: Duration::from_secs(8) }),
        ..Temper::STEADY
    },
];

impl Temper {
    /// The one that the others deviate from.
    pub const STEADY: Self =
        Self { name: "steady", weight: 1, median_ms: 20.0, spread: 0.25, capacity: 24, errors: 0.0, breaks: 0.0, absence: None };

    /// `count` backends with names, one temper after the other: `steady`, ... `nomad`, `steady-2`, ...
    pub fn cast(count: usize) -> impl Iterator<Item = (String, &'static Self)> {
        (0..count).map(|index| {
            let temper = &TEMPERS[index % TEMPERS.len()];
            let name = match index / TEMPERS.len() {
                0 => temper.name.to_owned(),
                round => format!("{}-{}", temper.name, round + 1),
            };
            (name, temper)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_tempers_take_turns() {
        let cast: Vec<_> = Temper::cast(50).collect();
        let names: std::collections::HashSet<_> = cast.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), 50);
        assert_eq!(cast[49].0, "nomad-10");
        assert_eq!(cast[49].1, cast[4].1);
    }
}
