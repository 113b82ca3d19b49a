//! Reloading with a look first: what the config file would change, instance by instance, before anything does.

use crossterm::event::{KeyCode, KeyEvent};

use super::ask::send;
use super::state::{Overlay, State};
use super::update::Effect;
use crate::command::Command;
use crate::event::Severity;
use crate::plan::Plan;

/// What is known of what a reload would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Of each instance: its plan, or why there is none; nothing while it is still at it.
    pub plans: Vec<(usize, Option<Result<Plan, String>>)>,
    /// Lines scrolled past.
    pub scroll: usize,
}

impl Preview {
    /// Why it may not be done without force; empty = nothing speaks against it.
    pub fn needs_force(&self) -> impl Iterator<Item = &str> {
        self.known().flat_map(|plan| &plan.needs_force).map(String::as_str)
    }

    fn known(&self) -> impl Iterator<Item = &Plan> {
        self.plans.iter().filter_map(|(_, plan)| plan.as_ref()?.as_ref().ok())
    }

    fn is_complete(&self) -> bool {
        self.plans.iter().all(|(_, plan)| plan.is_some())
    }
}

/// Asks every instance that keys reach what it would do.
pub(super) fn look(state: &mut State) -> Vec<Effect> {
    let instances: Vec<usize> = state.worlds().into_iter().map(|(at, _)| at).collect();
    let plans = instances.iter().map(|at| (*at, None)).collect();
    state.overlay = Overlay::Reload(Preview { plans, scroll: 0 });
    instances.into_iter().map(|to| Effect::Plan { to }).collect()
}

/// An instance has answered.
pub(super) fn planned(state: &mut State, from: usize, result: Result<Plan, String>) {
    let Overlay::Reload(Preview { plans, .. }) = &mut state.overlay else { return };
    if let Some((_, plan)) = plans.iter_mut().find(|(at, plan)| *at == from && plan.is_none()) {
        *plan = Some(result);
    }
}

/// Enter: does it, if nothing speaks against it.
pub(super) fn apply(state: &mut State) -> Vec<Effect> {
    let Overlay::Reload(preview) = &state.overlay else { return Vec::new() };
    let refusal = if !preview.is_complete() {
        Some("not everybody has answered yet")
    } else if preview.known().next().is_none() {
        Some("there is nothing that could be reloaded")
    } else if preview.needs_force().next().is_some() {
        Some("this needs force: ! does it all the same")
    } else {
        None
    };
    if let Some(refusal) = refusal {
        state.say(Severity::Warning, refusal);
        return Vec::new();
    }
    state.overlay = Overlay::None;
    send(state, Command::Reload.into(), false)
}

/// A key that is not in the table: `!` does it with force, once it is known what that means.
pub(super) fn press(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    let Overlay::Reload(preview) = &state.overlay else { return Vec::new() };
    let forced = key.code == KeyCode::Char('!') && preview.is_complete() && preview.needs_force().next().is_some();
    if !forced {
        return Vec::new();
    }
    state.overlay = Overlay::None;
    send(state, Command::Reload.into(), true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture::{self, press};
    use crate::tui::update::{Msg, update};

    fn answer(state: &mut State, from: usize, result: Result<Plan, String>) {
        let now = state.now;
        assert_eq!(update(state, Msg::Planned { from, result }, now), []);
    }

    fn plan(needs_force: &[&str]) -> Plan {
        Plan { needs_force: needs_force.iter().map(|why| (*why).to_owned()).collect(), ..Plan::default() }
    }

    fn forced(effects: &[Effect]) -> Vec<(usize, bool)> {
        let told = |effect: &Effect| match effect {
            Effect::Send { to, command: Command::Reload, force, .. } => Some((*to, *force)),
            _ => None,
        };
        effects.iter().filter_map(told).collect()
    }

    #[test]
    fn nothing_is_reloaded_before_it_is_known_what_that_means() {
        let mut state = fixture::attached(2, 3);
        assert_eq!(press(&mut state, "R"), [Effect::Plan { to: 0 }, Effect::Plan { to: 1 }]);
        assert_eq!(press(&mut state, "Enter"), []);
        answer(&mut state, 0, Ok(plan(&[])));
        assert_eq!(press(&mut state, "Enter"), []);
        assert_eq!(state.toast.as_ref().unwrap().text, "not everybody has answered yet");
        answer(&mut state, 1, Ok(plan(&[])));
        assert_eq!(press(&mut state, "!"), [], "nothing to force");
        assert_eq!(forced(&press(&mut state, "Enter")), [(0, false), (1, false)]);
        assert_eq!(state.overlay, Overlay::None);
    }

    #[test]
    fn what_needs_force_gets_it_only_by_its_own_key() {
        let mut state = fixture::state(3);
        press(&mut state, "R");
        answer(&mut state, 0, Ok(plan(&["nobody would be eligible in web"])));
        assert_eq!(press(&mut state, "Enter"), []);
        assert!(state.toast.as_ref().unwrap().text.contains("needs force"));
        assert_eq!(forced(&press(&mut state, "!")), [(0, true)]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_reloaded() {
        let mut state = fixture::state(3);
        press(&mut state, "R");
        answer(&mut state, 0, Err("config.yaml:3:1  pools: missing".to_owned()));
        assert_eq!(press(&mut state, "Enter"), []);
        assert_eq!(state.toast.as_ref().unwrap().text, "there is nothing that could be reloaded");
        press(&mut state, "Esc");
        answer(&mut state, 0, Ok(plan(&[])));
        assert_eq!(state.overlay, Overlay::None, "an answer that nobody waits for");
        state.read_only = true;
        assert_eq!(press(&mut state, "R"), []);
    }
}
