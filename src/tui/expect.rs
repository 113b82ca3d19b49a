//! What the snapshots will show once the commands on their way have arrived: a quick hand must not outrun the guard.

use std::sync::Arc;

use super::guard::could_serve;
use super::state::State;
use crate::balance::backend::{Eligibility, Mode};
use crate::balance::snapshot::{BackendView, PoolView, Snapshot};
use crate::command::Command;

impl State {
    /// The newest figures of every instance that keys reach, with the operator's own commands done that they may not show
    /// yet.
    pub(super) fn expected(&self) -> Vec<(usize, Arc<Snapshot>)> {
        let mut worlds = self.worlds();
        for pending in &self.pending {
            let at_home = worlds.iter_mut().filter(|(at, _)| *at == pending.to);
            for (_, world) in at_home.filter(|(_, world)| !is_shown(world, &pending.command)) {
                apply(&mut Arc::make_mut(world).pools, &pending.command);
            }
        }
        worlds
    }
}

/// Whether a snapshot shows what a command does. Undo and redo are what the desk makes of them.
pub(super) fn is_shown(snapshot: &Snapshot, command: &Command) -> bool {
    match command {
        Command::SetMode { backend, mode, then_down, .. } => {
            snapshot.backend(backend).is_none_or(|b| b.mode == *mode || then_down.is_some() && b.mode == Mode::Down)
        }
        Command::SetWeight { backend, weight } => {
            snapshot.backend(backend).is_none_or(|b| b.weight == weight.unwrap_or(b.configured_weight))
        }
        Command::SetStrategy { pool: name, strategy } => {
            pool(snapshot, name).is_none_or(|pool| pool.strategy == strategy.unwrap_or(pool.configured_strategy))
        }
        Command::Undo | Command::Redo | Command::Reload => true,
    }
}

fn pool<'a>(snapshot: &'a Snapshot, name: &str) -> Option<&'a PoolView> {
    snapshot.pools.iter().find(|pool| *pool.name == *name)
}

/// Makes pools look as they will once the command is done.
pub(super) fn apply(pools: &mut [PoolView], command: &Command) {
    let mut pools = pools.iter_mut();
    match command {
        Command::SetStrategy { pool: name, strategy } => {
            if let Some(pool) = pools.find(|pool| pool.name == *name) {
                pool.strategy = strategy.unwrap_or(pool.configured_strategy);
            }
        }
        Command::SetMode { backend: id, .. } | Command::SetWeight { backend: id, .. } => {
            if let Some(backend) = pools.flat_map(|pool| &mut pool.backends).find(|backend| backend.id == *id) {
                change(backend, command);
            }
        }
        Command::Undo | Command::Redo | Command::Reload => {}
    }
}

/// Sets mode or weight, and of the eligibility what follows from them.
fn change(backend: &mut BackendView, command: &Command) {
    match command {
        Command::SetMode { mode, .. } => backend.mode = *mode,
        Command::SetWeight { weight, .. } => backend.weight = weight.unwrap_or(backend.configured_weight),
        Command::SetStrategy { .. } | Command::Undo | Command::Redo | Command::Reload => {}
    }
    backend.eligibility = match (backend.mode, backend.weight) {
        (Mode::Down, _) => Eligibility::Down,
        (Mode::Drain, _) => Eligibility::Draining,
        (Mode::Up, 0) => Eligibility::NoWeight,
        (Mode::Up, _) if is_withheld(backend.eligibility) && could_serve(backend) => Eligibility::Eligible,
        (Mode::Up, _) => backend.eligibility,
    };
}

/// Whether the operator keeps requests away, rather than checks or failures.
fn is_withheld(eligibility: Eligibility) -> bool {
    matches!(eligibility, Eligibility::Draining | Eligibility::Down | Eligibility::NoWeight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::BackendId;
    use crate::tui::fixture::{self, press};

    #[test]
    fn commands_count_before_they_are_seen() {
        let mut state = fixture::state(6);
        let eligible = |state: &State| state.expected()[0].1.pools[0].eligible();
        press(&mut state, "d");
        assert_eq!((eligible(&state), state.live.pools[0].eligible()), (5, 6));
        press(&mut state, "j -");
        assert_eq!(eligible(&state), 4);
        press(&mut state, "+ k u");
        assert_eq!(eligible(&state), 6);
        press(&mut state, "b j Enter");
        assert_eq!(state.expected()[0].1.pools[0].strategy.name(), "power_of_two");
    }

    #[test]
    fn what_is_sick_stays_sick_when_it_is_up() {
        let mut backend = fixture::backend("web", "api-1");
        backend.health = crate::balance::backend::Verdict::Unhealthy;
        backend.eligibility = Eligibility::Unhealthy;
        let id = BackendId::new("web", "api-1");
        change(&mut backend, &Command::SetWeight { backend: id, weight: Some(7) });
        assert_eq!((backend.weight, backend.eligibility), (7, Eligibility::Unhealthy));
    }
}
