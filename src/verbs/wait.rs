//! What can be waited for: that a backend is empty, that it is fit to serve, that it takes requests.

use std::time::Duration;

use super::watch::{Look, Watch};
use super::{Desk, Failure};
use crate::balance::backend::{BackendId, Mode, Verdict};
use crate::balance::snapshot::BackendView;
use crate::clock::for_humans;
use crate::tui::view::condition;

/// How a backend takes nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Emptying {
    /// It drains.
    Draining,
    /// It drains, and goes down by itself when it is empty or the time is over.
    GoingDown {
        /// Whether what still runs then is cut.
        cut: bool,
    },
    /// It is down.
    Down,
}

/// What the instance is granted for doing by itself what is due.
const GRANTED: Duration = Duration::from_secs(2);

/// Waits until a backend that takes nothing new has nothing left.
pub(super) async fn until_empty(desk: &Desk, id: &BackendId, how: Emptying, patience: Duration) -> Result<u64, Failure> {
    let goes_on = match how {
        Emptying::Draining => format!("it goes on draining until `evenkeel up {id}`"),
        Emptying::GoingDown { .. } => "it goes down by itself".to_owned(),
        Emptying::Down => format!("it stays down until `evenkeel up {id}`"),
    };
    let patience = if how == (Emptying::GoingDown { cut: true }) { patience + GRANTED } else { patience };
    Watch::new(desk, id, patience).until(&goes_on, |backend, _| empty(backend, how)).await
}

fn empty(backend: &BackendView, how: Emptying) -> Look {
    let goes_down = matches!(how, Emptying::GoingDown { .. });
    match (backend.mode, backend.in_flight) {
        (Mode::Up, _) => Look::Never("has been taken back meanwhile: it takes requests".to_owned()),
        (Mode::Drain, 0) if goes_down => Look::NotYet("is empty, but not down".to_owned()),
        (_, 0) => Look::There,
        (_, left) => {
            let oldest = backend.oldest_ms.map(|ms| format!(", the oldest for {}", for_humans(ms))).unwrap_or_default();
            Look::NotYet(format!("has {left} in flight{oldest}"))
        }
    }
}

/// Waits until a check that began after this call has passed and the verdict is good. Without checks that is at once.
pub(super) async fn until_fit(watch: &Watch<'_>) -> Result<u64, Failure> {
    let mut since = None;
    watch
        .until("it stays as it was", |backend, now| {
            let since = *since.get_or_insert(now);
            fit(backend, since)
        })
        .await
}

fn fit(backend: &BackendView, since_unix_ms: u64) -> Look {
    // The verdict may be from before a restart that was quicker than the checks.
    let fresh = backend.checks.first().filter(|check| check.at_unix_ms.saturating_sub(check.took_us / 1000) >= since_unix_ms);
    match fresh {
        _ if !backend.checked => Look::There,
        Some(check) if check.passed && backend.health == Verdict::Healthy => Look::There,
        Some(check) => Look::NotYet(format!("is {} ({})", condition::health(backend), check.detail)),
        None => Look::NotYet("has not been checked since".to_owned()),
    }
}

/// Waits until a backend takes requests.
pub(super) async fn until_eligible(watch: &Watch<'_>) -> Result<u64, Failure> {
    watch.until("it is up all the same", |backend, _| eligible(backend)).await
}

fn eligible(backend: &BackendView) -> Look {
    match backend.mode {
        Mode::Up if backend.eligibility.is_eligible() => Look::There,
        Mode::Up => Look::NotYet(format!("takes no requests yet: {}", condition::sentence(backend))),
        mode => Look::Never(format!("has been set to {mode} meanwhile")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::Eligibility;
    use crate::tui::fixture;

    fn not_yet(words: &str) -> Look {
        Look::NotYet(words.to_owned())
    }

    #[test]
    fn empty_is_when_nothing_is_in_flight_any_more() {
        let mut backend = fixture::backend("web", "a");
        fixture::set_mode(&mut backend, Mode::Drain);
        let goes_down = Emptying::GoingDown { cut: false };
        backend.in_flight = 3;
        assert_eq!(empty(&backend, Emptying::Draining), not_yet("has 3 in flight"));
        backend.oldest_ms = Some(71_000);
        assert_eq!(empty(&backend, goes_down), not_yet("has 3 in flight, the oldest for 1m11s"));
        backend.in_flight = 0;
        assert_eq!(empty(&backend, Emptying::Draining), Look::There);
        assert_eq!(empty(&backend, goes_down), not_yet("is empty, but not down"));
        fixture::set_mode(&mut backend, Mode::Down);
        assert_eq!((empty(&backend, goes_down), empty(&backend, Emptying::Down)), (Look::There, Look::There));
        fixture::set_mode(&mut backend, Mode::Up);
        assert!(matches!(empty(&backend, Emptying::Draining), Look::Never(_)));
    }

    #[test]
    fn fit_is_what_a_new_check_has_found_fit() {
        let mut backend = fixture::backend("web", "a");
        assert_eq!(fit(&backend, 100), not_yet("has not been checked since"));
        backend.checks = vec![fixture::check(104, true, "200 in 5 ms")];
        assert_eq!(fit(&backend, 100), not_yet("has not been checked since"), "the check began before");
        backend.checks = vec![fixture::check(105, true, "200 in 5 ms")];
        assert_eq!(fit(&backend, 100), Look::There);
        (backend.health, backend.streak) = (Verdict::Unhealthy, 1);
        assert_eq!(fit(&backend, 100), not_yet("is unhealthy, but 1 of 2 checks passed (200 in 5 ms)"));
        backend.checks = vec![fixture::check(110, false, "refused")];
        (backend.last_check_passed, backend.streak) = (false, 7);
        assert_eq!(fit(&backend, 100), not_yet("is unhealthy, 7 checks failed in a row (refused)"));
        backend.checked = false;
        assert_eq!(fit(&backend, 100), Look::There);
    }

    #[test]
    fn eligible_is_what_takes_requests() {
        let mut backend = fixture::backend("web", "a");
        assert_eq!(eligible(&backend), Look::There);
        (backend.eligibility, backend.ejected_for_ms) = (Eligibility::Ejected, Some(12_000));
        let why = "takes no requests yet: ejected after failed requests, tried again in 0:12";
        assert_eq!(eligible(&backend), not_yet(why));
        fixture::set_mode(&mut backend, Mode::Down);
        assert_eq!(eligible(&backend), Look::Never("has been set to down meanwhile".to_owned()));
    }
}
