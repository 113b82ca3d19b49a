//! May a failed attempt be made again, and after which pause?

use std::time::Duration;

use crate::config::Retry;

/// How far an attempt had come when it failed. Told where the failure is born.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// Not a byte of the request has left: the backend cannot have acted on it.
    NotSent,
    /// Sent at least in part, and nothing of an answer came.
    Unanswered,
}

/// Whether the rules of HTTP allow another attempt (RFC 9110 section 9.2.2): a request that was not sent may always be tried
/// elsewhere, one that was sent only if its method is idempotent; both only while its whole body can be sent again.
pub(super) fn is_safe(reached: Reached, idempotent: bool, body_replayable: bool) -> bool {
    body_replayable && (reached == Reached::NotSent || idempotent)
}

/// The pause before try number `attempt` (the first retry is 1): exponential from `backoff_min`, capped by `backoff_max`,
/// with full jitter.
pub(super) fn backoff(retry: &Retry, attempt: u32, entropy: u64) -> Duration {
    let ceiling = retry.backoff_min.saturating_mul(1 << (attempt - 1).min(16)).min(retry.backoff_max);
    ceiling.mul_f64((entropy >> 11) as f64 / (1u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_sent_at_most_once() {
        for (reached, idempotent, replayable, safe) in [
            (Reached::NotSent, false, true, true),
            (Reached::NotSent, true, true, true),
            (Reached::Unanswered, true, true, true),
            (Reached::Unanswered, false, true, false),
            (Reached::NotSent, true, false, false),
            (Reached::Unanswered, true, false, false),
        ] {
            assert_eq!(is_safe(reached, idempotent, replayable), safe, "{reached:?} {idempotent} {replayable}");
        }
    }

    #[test]
    fn pauses_grow_to_their_ceiling() {
        let ms = Duration::from_millis;
        let retry = Retry { attempts: 9, budget_percent: 20, backoff_min: ms(25), backoff_max: ms(250), replay_body: 0 };
        let longest: Vec<u128> = (1..=6).map(|n| backoff(&retry, n, u64::MAX).as_millis()).collect();
        assert_eq!(longest, [25, 50, 100, 200, 250, 250]);
        assert_eq!(backoff(&retry, 3, 0), Duration::ZERO);
        assert!(backoff(&retry, u32::MAX, u64::MAX) <= ms(250));
    }
}
