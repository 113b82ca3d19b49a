//! What operators have set in place of what the config says, and how to drop it.

use super::act::meant;
use super::ask::ask;
use super::state::{Filter, Overlay, State};
use super::update::{Effect, select_visible};
use crate::balance::backend::{BackendId, Mode};
use crate::balance::snapshot::{BackendView, Override, PoolView, Snapshot};
use crate::command::Command;
use crate::event::Severity;

/// One value that is not that of the config.
#[derive(Clone, Debug, PartialEq)]
pub struct Overridden<'a> {
    /// The command that goes back to the config.
    pub drop: Command,
    /// Whose: `web/api-1`, `web`.
    pub subject: String,
    /// What it is now, and what the config says: `weight 5, not 1`.
    pub what: String,
    /// Who, when, why, until when; `None` where the instance does not tell.
    pub terms: Option<&'a Override>,
}

/// All of them, in the order of the config.
pub fn list(snapshot: &Snapshot) -> Vec<Overridden<'_>> {
    let pools = snapshot.pools.iter();
    pools.flat_map(|pool| strategy(pool).into_iter().chain(pool.backends.iter().flat_map(of_backend))).collect()
}

fn strategy(pool: &PoolView) -> Option<Overridden<'_>> {
    let PoolView { name, strategy, configured_strategy, strategy_override, .. } = pool;
    (strategy != configured_strategy || strategy_override.is_some()).then(|| Overridden {
        drop: Command::SetStrategy { pool: name.clone(), strategy: None },
        subject: name.to_string(),
        what: format!("strategy {strategy}, not {configured_strategy}"),
        terms: strategy_override.as_ref(),
    })
}

/// Those of one backend.
pub fn of_backend(backend: &BackendView) -> Vec<Overridden<'_>> {
    let BackendView { id, mode, mode_override, weight, configured_weight, weight_override, .. } = backend;
    let mut found = Vec::new();
    if *mode != Mode::Up || mode_override.is_some() {
        found.push(Overridden {
            drop: Command::SetMode { backend: id.clone(), mode: Mode::Up, cut: false, then_down: None },
            subject: id.to_string(),
            what: format!("mode {mode}"),
            terms: mode_override.as_ref(),
        });
    }
    if weight != configured_weight || weight_override.is_some() {
        found.push(Overridden {
            drop: Command::SetWeight { backend: id.clone(), weight: None },
            subject: id.to_string(),
            what: format!("weight {weight}, not {configured_weight}"),
            terms: weight_override.as_ref(),
        });
    }
    found
}

/// Asks to drop the override under the cursor of the list, or those of the backends that keys mean.
pub(super) fn drop_them(state: &mut State) -> Vec<Effect> {
    let commands: Vec<Command> = match state.overlay {
        Overlay::Overrides { at } => list(&state.live).into_iter().nth(at).map(|found| found.drop).into_iter().collect(),
        _ => commands(state),
    };
    if commands.is_empty() {
        state.say(Severity::Info, "nothing is overridden here");
        return Vec::new();
    }
    ask(state, commands)
}

fn commands(state: &State) -> Vec<Command> {
    let worlds = state.expected();
    let of = |id: &BackendId| -> Vec<Command> {
        let views = worlds.iter().filter_map(|(_, world)| world.backend(id));
        let mut commands = Vec::new();
        for found in views.flat_map(of_backend) {
            if !commands.contains(&found.drop) {
                commands.push(found.drop);
            }
        }
        commands
    };
    meant(state).iter().flat_map(of).collect()
}

/// Selects the backend of the line under the cursor, or shows its pool.
pub(super) fn go_to(state: &mut State, at: usize) {
    let Some(drop) = list(&state.live).into_iter().nth(at).map(|found| found.drop) else { return };
    state.filter = Filter::default();
    let (pool, selected) = match drop {
        Command::SetMode { backend, .. } | Command::SetWeight { backend, .. } => (backend.pool.clone(), Some(backend)),
        Command::SetStrategy { pool, .. } => (pool, None),
        Command::Undo | Command::Redo | Command::Reload => return,
    };
    if state.pool().is_some_and(|shown| shown.name != pool) {
        state.marked.clear();
    }
    state.pool = Some(pool);
    state.selected = selected;
    select_visible(state);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture::{self, change, press};

    fn overridden() -> State {
        let mut state = fixture::state(3);
        change(&mut state, |live| {
            let pool = &mut live.pools[0];
            pool.strategy = crate::balance::strategy::StrategyKind::Random;
            fixture::set_mode(&mut pool.backends[1], Mode::Drain);
            pool.backends[1].mode_override = Some(fixture::set_by("cli:alice", Some("deploy")));
            pool.backends[2].weight = 5;
            live.pools.push(fixture::pool("static", 1));
        });
        state
    }

    fn sent(effects: &[Effect]) -> Vec<String> {
        effects
            .iter()
            .filter_map(|e| if let Effect::Send { command, .. } = e { Some(command.to_string()) } else { None })
            .collect()
    }

    #[test]
    fn they_are_listed_in_the_order_of_the_config() {
        let state = overridden();
        let told: Vec<_> = list(&state.live).into_iter().map(|o| format!("{} {}", o.subject, o.what)).collect();
        let want = ["web strategy random, not least_connections", "web/api-2 mode drain", "web/api-3 weight 5, not 1"];
        assert_eq!(told, want);
    }

    #[test]
    fn each_is_dropped_by_its_line_or_with_its_backend() {
        for (keys, want) in [
            ("O C", "strategy web configured"),
            ("O j C", "up web/api-2"),
            ("O G C", "weight web/api-3 configured"),
            ("j C", "up web/api-2"),
            ("O j Enter C", "up web/api-2"),
        ] {
            assert_eq!(sent(&press(&mut overridden(), keys)), [want], "{keys}");
        }
        let mut state = overridden();
        assert_eq!(press(&mut state, "C"), []);
        assert_eq!(state.toast.unwrap().text, "nothing is overridden here");
    }
}
