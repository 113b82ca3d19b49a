//! Fairness as it goes along: who would have been given how much of a tick's requests. Added up over a window this stays
//! right when backends come, go or change their weight within it.

use crate::balance::rotation::{Member, Rotation};
use crate::balance::strategy::StrategyKind;

/// Each backend's fair share, 0..=1, by its index in the pool; 0 for whoever takes no requests. All 0 if nobody does.
pub(super) fn shares(rotation: &Rotation, strategy: StrategyKind, backends: usize) -> Vec<f64> {
    let mut shares = vec![0.0; backends];
    let total: f64 = rotation.members().iter().map(|member| claim(member, strategy)).sum();
    if total > 0.0 {
        rotation.members().iter().for_each(|member| shares[member.index] = claim(member, strategy) / total);
    }
    shares
}

/// What a member may claim next to the others. One request on trial is no claim.
fn claim(member: &Member, strategy: StrategyKind) -> f64 {
    if member.backend.live.on_trial() {
        return 0.0;
    }
    f64::from(match strategy {
        StrategyKind::RoundRobin => member.ramp_percent,
        _ => member.effective_weight(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::Mode;
    use crate::clock;
    use crate::control::fixture;

    #[test]
    fn weights_are_what_is_fair_but_for_round_robin() {
        let pool = fixture::pool("web", &["a", "b", "c", "d"]);
        let [a, b, c, _] = [0, 1, 2, 3].map(|index| &pool.backends()[index].live);
        a.set_weight(6);
        b.set_weight(2);
        c.set_mode(Mode::Drain);
        pool.refresh(clock::now());
        let rotation = pool.rotation();
        let third = 1.0 / 3.0;
        assert_eq!(shares(&rotation, StrategyKind::RoundRobin, 4), [third, third, 0.0, third]);
        assert_eq!(shares(&rotation, StrategyKind::LeastConnections, 4), [6.0 / 9.0, 2.0 / 9.0, 0.0, 1.0 / 9.0]);
    }

    #[test]
    fn a_trial_is_no_claim() {
        let pool = fixture::pool("web", &["a", "b"]);
        pool.backends()[0].live.set_on_trial(true);
        pool.refresh(clock::now());
        assert_eq!(shares(&pool.rotation(), StrategyKind::LeastConnections, 2), [0.0, 1.0]);
    }

    #[test]
    fn nobody_is_owed_anything_when_nobody_serves() {
        let pool = fixture::pool("web", &["a"]);
        pool.backends()[0].live.set_mode(Mode::Down);
        pool.refresh(clock::now());
        assert_eq!(shares(&pool.rotation(), StrategyKind::RoundRobin, 1), [0.0]);
    }
}
