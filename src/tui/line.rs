//! What a typed line means: the verbs of the command line, about the pool on the screen where none is named.

use std::sync::Arc;

use super::act::meant;
use super::keymap::Action;
use super::state::{State, Wish};
use crate::balance::backend::{BackendId, Mode};
use crate::balance::strategy::StrategyKind;
use crate::command::{Command, MAX_WEIGHT, Terms, ThenDown};
use crate::config;

/// A verb.
#[derive(Debug)]
pub(super) struct Verb {
    /// Itself.
    pub(super) word: &'static str,
    /// What goes with it.
    pub(super) usage: &'static str,
}

/// All that can be typed.
pub(super) const VERBS: &[Verb] = &[
    Verb { word: "up", usage: "[POOL/BACKEND] [for 10m] [because WHY]" },
    Verb { word: "drain", usage: "[POOL/BACKEND] [then down] [for 10m] [because WHY]" },
    Verb { word: "down", usage: "[POOL/BACKEND] [--cut] [for 10m] [because WHY]" },
    Verb { word: "weight", usage: "[POOL/BACKEND] N|configured [for 10m] [because WHY]" },
    Verb { word: "strategy", usage: "[POOL] NAME|configured [for 10m] [because WHY]" },
    Verb { word: "undo", usage: "take the last change back" },
    Verb { word: "redo", usage: "do it again" },
    Verb { word: "reload", usage: "the config file, after a look at what it would change" },
    Verb { word: "plan", usage: "what a reload would change" },
    Verb { word: "why", usage: "[POOL/BACKEND]" },
    Verb { word: "overrides", usage: "whatever differs from the config" },
    Verb { word: "log", usage: "the events on the whole screen" },
    Verb { word: "help", usage: "keys and glossary" },
    Verb { word: "quit", usage: "leave" },
];

/// How alike names must be for one to be meant by the other.
const ALIKE: f64 = 0.75;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Typed {
    /// To change something.
    Wish(Wish),
    /// What a key does, too.
    Action(Action),
    /// Why a backend takes requests, or why not.
    Why(BackendId),
}

/// Understands a line, or says what is wrong with it.
pub(super) fn parse(line: &str, state: &State) -> Result<Typed, String> {
    let (words, terms) = split(line)?;
    let (verb, words) = words.split_first().ok_or("nothing was typed")?;
    let commands = match *verb {
        "up" => modes(Mode::Up, words, state)?,
        "drain" => modes(Mode::Drain, words, state)?,
        "down" => modes(Mode::Down, words, state)?,
        "weight" => weights(words, state)?,
        "strategy" => vec![strategy(words, state)?],
        "why" => return why(words, state),
        word => return action(word, words).map(Typed::Action),
    };
    Ok(Typed::Wish(Wish { commands, terms }))
}

fn action(word: &str, words: &[&str]) -> Result<Action, String> {
    let action = match word {
        "undo" => Action::Undo,
        "redo" => Action::Redo,
        "reload" | "plan" => Action::Reload,
        "overrides" => Action::Overrides,
        "log" => Action::Log,
        "help" => Action::Help,
        "quit" | "exit" => Action::Quit,
        _ => return Err(format!("there is no command {word}; {}", near(word, VERBS.iter().map(|verb| verb.word)))),
    };
    words.first().map_or(Ok(action), |extra| Err(format!("{word} takes nothing more: {extra}")))
}

/// The words, and the terms that end them: `for 10m`, then `because` and all that follows.
fn split(line: &str) -> Result<(Vec<&str>, Terms), String> {
    let mut terms = Terms::default();
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        rest = after.trim_start();
        match word {
            "because" | "--reason" if !words.is_empty() => {
                if rest.is_empty() {
                    return Err("because of what?".to_owned());
                }
                terms.reason = Some(rest.into());
                rest = "";
            }
            "for" | "--for" if !words.is_empty() => {
                let (span, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                terms.for_ms = Some(config::span(span)?.as_millis() as u64);
                rest = after.trim_start();
            }
            word => words.push(word),
        }
    }
    Ok((words, terms))
}

fn modes(mode: Mode, words: &[&str], state: &State) -> Result<Vec<Command>, String> {
    let (words, then_down) = if mode == Mode::Drain { end(words)? } else { (words, None) };
    let cut = words.contains(&"--cut");
    if cut && mode != Mode::Down {
        return Err("--cut goes with down only".to_owned());
    }
    let names: Vec<_> = words.iter().filter(|word| **word != "--cut").copied().collect();
    let set = |backend| Command::SetMode { backend, mode, cut, then_down };
    Ok(backends(&names, state)?.into_iter().map(set).collect())
}

/// The end of a drain, if it has one: `then down`, `then down after 30s`, `then down after 30s --cut`.
fn end<'a>(words: &'a [&'a str]) -> Result<(&'a [&'a str], Option<ThenDown>), String> {
    let is_end = |pair: &[&str]| matches!(pair, ["then" | "--then", "down"]);
    let Some(at) = words.windows(2).position(is_end) else { return Ok((words, None)) };
    let (span, cut) = match &words[at + 2..] {
        [] => return Ok((&words[..at], Some(ThenDown::default()))),
        ["after" | "--after", span] => (span, false),
        ["after" | "--after", span, "--cut"] => (span, true),
        _ => return Err("then down may be followed by: after TIME, and --cut for what still runs then".to_owned()),
    };
    let after_ms = config::span(span)?.as_millis() as u64;
    Ok((&words[..at], Some(ThenDown { after_ms: Some(after_ms), cut })))
}

fn weights(words: &[&str], state: &State) -> Result<Vec<Command>, String> {
    let (weight, names) = words.split_last().ok_or("weight wants a number, or: configured")?;
    let weight = match *weight {
        "configured" => None,
        number => Some(number.parse().map_err(|_| format!("{number} is no weight; 0 to {MAX_WEIGHT}, or: configured"))?),
    };
    if let Some(heavy) = weight.filter(|weight| *weight > MAX_WEIGHT) {
        return Err(format!("{heavy} is too heavy; 0 to {MAX_WEIGHT} is allowed"));
    }
    Ok(backends(names, state)?.into_iter().map(|backend| Command::SetWeight { backend, weight }).collect())
}

fn strategy(words: &[&str], state: &State) -> Result<Command, String> {
    let (name, pool) = match words {
        [name] => (*name, state.pool().map(|pool| pool.name.clone()).ok_or("there is no pool yet")?),
        [pool, name] => (*name, self::pool(pool, state)?),
        _ => return Err("strategy wants a name, or: configured".to_owned()),
    };
    let names = || StrategyKind::ALL.into_iter().map(StrategyKind::name);
    let strategy = match name {
        "configured" => None,
        name => match StrategyKind::ALL.into_iter().find(|kind| kind.name() == name) {
            Some(kind) => Some(kind),
            None => return Err(format!("there is no strategy {name}; {}", near(name, names()))),
        },
    };
    Ok(Command::SetStrategy { pool, strategy })
}

fn why(words: &[&str], state: &State) -> Result<Typed, String> {
    let [backend] = &backends(words, state)?[..] else { return Err("why wants one backend".to_owned()) };
    Ok(Typed::Why(backend.clone()))
}

/// The backends of these names, all of one pool; without a name, those that keys mean.
fn backends(names: &[&str], state: &State) -> Result<Vec<BackendId>, String> {
    if names.is_empty() {
        let meant = meant(state);
        return if meant.is_empty() { Err("no backend is selected".to_owned()) } else { Ok(meant) };
    }
    let found = names.iter().map(|name| backend(name, state)).collect::<Result<Vec<_>, _>>()?;
    if found.iter().any(|id| id.pool != found[0].pool) {
        return Err("these backends are of several pools; name those of one".to_owned());
    }
    Ok(found)
}

fn backend(name: &str, state: &State) -> Result<BackendId, String> {
    let ids = || state.live.pools.iter().flat_map(|pool| &pool.backends).map(|backend| &backend.id);
    let here = state.pool().map(|pool| &pool.name);
    let found =
        ids().find(|id| id.to_string() == name).or_else(|| ids().find(|id| Some(&id.pool) == here && *id.backend == *name));
    let names: Vec<_> = ids().map(ToString::to_string).collect();
    found.cloned().ok_or_else(|| format!("there is no backend {name}; {}", near(name, names.iter().map(String::as_str))))
}

fn pool(name: &str, state: &State) -> Result<Arc<str>, String> {
    let names = || state.live.pools.iter().map(|pool| &pool.name);
    let found = names().find(|pool| ***pool == *name);
    found.cloned().ok_or_else(|| format!("there is no pool {name}; {}", near(name, names().map(|pool| &**pool))))
}

/// The name that was probably meant, or what there is.
fn near<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> String {
    let rated = names.map(|name| (strsim::jaro_winkler(word, name), name));
    match rated.reduce(|best, other| if other.0 > best.0 { other } else { best }) {
        Some((likeness, name)) if likeness >= ALIKE => format!("did you mean {name}?"),
        _ => "Tab completes names".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture::{self, change};

    fn told(line: &str) -> String {
        let mut state = fixture::state(3);
        change(&mut state, |live| live.pools.push(fixture::pool("static", 2)));
        match parse(line, &state) {
            Ok(Typed::Wish(Wish { commands, terms })) => {
                let commands: Vec<_> = commands.iter().map(ToString::to_string).collect();
                let span = terms.for_ms.map(|ms| format!(" for {ms}")).unwrap_or_default();
                let reason = terms.reason.map(|reason| format!(" because {reason}")).unwrap_or_default();
                commands.join(", ") + &span + &reason
            }
            Ok(other) => format!("{other:?}"),
            Err(problem) => problem,
        }
    }

    #[test]
    fn lines_are_understood() {
        for (line, want) in [
            ("drain", "drain web/api-1"),
            ("  drain   api-2 ", "drain web/api-2"),
            ("drain web/api-2 static/api-1", "these backends are of several pools; name those of one"),
            ("drain api-2 api-3", "drain web/api-2, drain web/api-3"),
            ("drain api-2 then down because new disk", "drain web/api-2 --then down because new disk"),
            ("drain api-2 then down --cut", "then down may be followed by: after TIME, and --cut for what still runs then"),
            ("drain api-2 then down after 30s --cut", "drain web/api-2 --wait 30s --then down --cut"),
            ("drain then down after 1m for 1h", "drain web/api-1 --wait 1m --then down for 3600000"),
            ("down static/api-2 --cut", "down static/api-2 --cut"),
            ("up api-1 --cut", "--cut goes with down only"),
            ("drain web/api-3 for 1m30s because  a deploy for 17", "drain web/api-3 for 90000 because a deploy for 17"),
            ("drain --for 5s --reason x", "drain web/api-1 for 5000 because x"),
            ("drain api-3 because", "because of what?"),
            ("weight 7", "weight web/api-1 7"),
            ("weight api-2 configured", "weight web/api-2 configured"),
            ("weight api-2 257", "257 is too heavy; 0 to 256 is allowed"),
            ("weight api-2 heavy", "heavy is no weight; 0 to 256, or: configured"),
            ("weight", "weight wants a number, or: configured"),
            ("strategy random", "strategy web random"),
            ("strategy static round_robin for 1h", "strategy static round_robin for 3600000"),
            ("strategy configured", "strategy web configured"),
            ("strategy rondom", "there is no strategy rondom; did you mean random?"),
            ("strategy statik random", "there is no pool statik; did you mean static?"),
            ("drain web/api-9", "there is no backend web/api-9; did you mean web/api-1?"),
            ("drian", "there is no command drian; did you mean drain?"),
            ("undo", "Action(Undo)"),
            ("undo twice", "undo takes nothing more: twice"),
        ] {
            assert_eq!(told(line), want, "{line}");
        }
        assert!(told("drain for ten").contains("is not a duration"), "{}", told("drain for ten"));
    }
}
