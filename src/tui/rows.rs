//! Which backends are listed, and in which order.

use std::cmp::{Ordering, Reverse};

use super::state::State;
use crate::balance::backend::{Eligibility, Mode, Verdict};
use crate::balance::snapshot::{BackendView, PoolView};

/// Columns that rows can be sorted by, in the order of the sort key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// The order of the config.
    #[default]
    Config,
    /// Name.
    Name,
    /// Mode: up, drain, down.
    Mode,
    /// Health: healthy, unknown, unhealthy.
    Health,
    /// Weight.
    Weight,
    /// Requests in flight.
    InFlight,
    /// Requests per second.
    Rps,
    /// Share over the window.
    Share,
    /// Median latency over the window.
    P50,
    /// 99th percentile over the window.
    P99,
    /// Error ratio over the window.
    Errors,
}

impl Column {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Config,
        Self::Name,
        Self::Mode,
        Self::Health,
        Self::Weight,
        Self::InFlight,
        Self::Rps,
        Self::Share,
        Self::P50,
        Self::P99,
        Self::Errors,
    ];

    /// Its name, for the panel's title.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "config order",
            Self::Name => "name",
            Self::Mode => "mode",
            Self::Health => "health",
            Self::Weight => "weight",
            Self::InFlight => "in flight",
            Self::Rps => "r/s",
            Self::Share => "share",
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::Errors => "err%",
        }
    }

    /// The next one, round and round.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|column| *column == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    /// Whether it holds numbers, which go from high to low.
    pub const fn is_number(self) -> bool {
        !matches!(self, Self::Config | Self::Name | Self::Mode | Self::Health)
    }

    /// Numbers go from high to low, everything else as listed.
    fn compare(self, a: &BackendView, b: &BackendView, window: usize) -> Ordering {
        match self {
            Self::Config => Ordering::Equal,
            Self::Name => a.id.backend.cmp(&b.id.backend),
            Self::Mode => (a.mode as u8).cmp(&(b.mode as u8)),
            Self::Health => health_rank(a.health).cmp(&health_rank(b.health)),
            Self::Weight => b.weight.cmp(&a.weight),
            Self::InFlight => b.in_flight.cmp(&a.in_flight),
            Self::Rps => b.rps.total_cmp(&a.rps),
            Self::Share => b.share[window].total_cmp(&a.share[window]),
            Self::P50 => Reverse(a.windows[window].p50_us).cmp(&Reverse(b.windows[window].p50_us)),
            Self::P99 => Reverse(a.windows[window].p99_us).cmp(&Reverse(b.windows[window].p99_us)),
            Self::Errors => b.windows[window].error_ratio().total_cmp(&a.windows[window].error_ratio()),
        }
    }
}

fn health_rank(health: Verdict) -> u8 {
    match health {
        Verdict::Healthy => 0,
        Verdict::Unknown => 1,
        Verdict::Unhealthy => 2,
    }
}

/// Order of the rows. Equal rows stay in the order of the config.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub column: Column,
    /// The other way round.
    pub reverse: bool,
    /// Backends in trouble first, then by `column`.
    pub problems_first: bool,
}

/// Whether a backend is in trouble that the operator has not asked for: 0 = out, 1 = failing, 2 = fine or off by intent.
fn trouble(backend: &BackendView) -> u8 {
    if backend.mode != Mode::Up {
        2
    } else if !backend.eligibility.is_eligible() {
        0
    } else if backend.checked && !backend.last_check_passed && backend.streak > 0 {
        1
    } else {
        2
    }
}

/// Whether a backend matches a filter: every word must occur in its name or address, or begin one of its state words
/// (`up`, `drain`, `healthy`, `eligible`, `ejected`, ...), whatever the case; a word after `!` must not.
pub fn matches(backend: &BackendView, filter: &str) -> bool {
    let names = [backend.id.backend.to_lowercase(), backend.url.to_lowercase()];
    let states = [backend.mode.word(), backend.health.word(), fitness(backend.eligibility)];
    let has = |word: &str| names.iter().any(|name| name.contains(word)) || states.iter().any(|state| state.starts_with(word));
    filter.to_lowercase().split_whitespace().all(|word| match word.strip_prefix('!') {
        Some("") => true,
        Some(unwanted) => !has(unwanted),
        None => has(word),
    })
}

fn fitness(eligibility: Eligibility) -> &'static str {
    match eligibility {
        Eligibility::Ejected => "ejected",
        Eligibility::OnTrial => "trial",
        Eligibility::Eligible => "eligible",
        _ => "out",
    }
}

/// The backends of a pool that match the filter, in the order asked for.
pub fn rows<'a>(pool: &'a PoolView, state: &State) -> Vec<&'a BackendView> {
    let mut rows: Vec<_> = pool.backends.iter().filter(|backend| matches(backend, &state.filter.text)).collect();
    let Sort { column, reverse, problems_first } = state.sort;
    if column == Column::Config && reverse {
        rows.reverse();
    }
    rows.sort_by(|a, b| {
        let by_column = column.compare(a, b, state.window);
        let by_column = if reverse { by_column.reverse() } else { by_column };
        if problems_first { trouble(a).cmp(&trouble(b)).then(by_column) } else { by_column }
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    #[test]
    fn filters() {
        let mut backend = fixture::backend("web", "Api-1");
        let is = |backend: &BackendView, filter: &str| matches(backend, filter);
        for filter in ["", "api", "api-1", "API INTERNAL", "up", "healthy", "elig", "!down", "!", "!unhealthy up", ":8080"] {
            assert!(is(&backend, filter), "{filter}");
        }
        for filter in ["api-2", "api down", "!api", "!eligible", "unhealthy", "web"] {
            assert!(!is(&backend, filter), "{filter}");
        }
        backend.health = Verdict::Unhealthy;
        backend.eligibility = Eligibility::Unhealthy;
        assert!(is(&backend, "unhealthy") && !is(&backend, "healthy"), "a state word matches from its beginning");
    }

    #[test]
    fn orders() {
        let mut state = fixture::state(0);
        let mut pool = fixture::pool("web", 4);
        for (backend, (rps, p99)) in pool.backends.iter_mut().zip([(5.0, Some(9)), (7.0, None), (5.0, Some(30)), (1.0, Some(1))])
        {
            backend.rps = rps;
            backend.windows[0].p99_us = p99;
        }
        pool.backends[3].eligibility = Eligibility::Ejected;
        pool.backends[2].last_check_passed = false;
        fixture::set_mode(&mut pool.backends[0], Mode::Down);
        let mut order = |column, reverse, problems_first| {
            state.sort = Sort { column, reverse, problems_first };
            rows(&pool, &state).iter().map(|b| b.id.backend[4..].to_owned()).collect::<String>()
        };
        assert_eq!(order(Column::Config, false, false), "1234");
        assert_eq!(order(Column::Config, true, false), "4321");
        assert_eq!(order(Column::Rps, false, false), "2134", "equal ones as in the config");
        assert_eq!(order(Column::Rps, true, false), "4132");
        assert_eq!(order(Column::P99, false, false), "3142", "unknown comes last");
        assert_eq!(order(Column::Mode, false, false), "2341");
        assert_eq!(order(Column::Config, false, true), "4312", "out first, then failing, then by column");
        assert_eq!(order(Column::Config, true, true), "4321");
    }

    #[test]
    fn the_sort_key_visits_every_column() {
        let mut column = Column::Config;
        for expected in Column::ALL {
            assert_eq!(column, expected);
            column = column.next();
        }
        assert_eq!(column, Column::Config);
    }
}
