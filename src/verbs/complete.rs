//! Shell completion: the shell asks evenkeel, and evenkeel asks the running instance for the names of its pools and backends.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::time::Duration;
use std::{env, iter};

use clap::{Arg, CommandFactory, FromArgMatches};
use clap_complete::env::{EnvCompleter, Shells};
use clap_complete::{ArgValueCandidates, CompleteEnv, CompletionCandidate, Shell};
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::target;
use crate::balance::snapshot::Snapshot;
use crate::balance::strategy::StrategyKind;
use crate::cli::{Cli, Options};

/// What tells evenkeel that a shell asks, and which.
const VARIABLE: &str = "COMPLETE";

/// How long a shell is kept waiting for names.
const PATIENCE: Duration = Duration::from_millis(500);

/// Answers the shell if it is one that asks; `true` when it was. Comes before anything else in the life of the process.
pub fn answer() -> Result<bool, clap::Error> {
    CompleteEnv::with_factory(command).var(VARIABLE).try_complete(env::args_os(), env::current_dir().ok().as_deref())
}

/// Writes the script that makes a shell ask.
pub fn write_script(shell: Shell, out: &mut dyn io::Write) -> io::Result<()> {
    if shell == Shell::Bash {
        out.write_all(include_bytes!("complete/evenkeel.bash"))?;
    } else {
        let shells = Shells::builtins();
        let shell = shells.completer(&shell.to_string());
        let known = |shell: &dyn EnvCompleter| shell.write_registration(VARIABLE, "evenkeel", "evenkeel", "evenkeel", out);
        shell.map_or_else(|| Err(io::ErrorKind::Unsupported.into()), known)?;
    }
    let verbs: Vec<_> = Cli::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    writeln!(out, "# evenkeel itself knows what completes: {}.", verbs.join(", "))
}

/// The command line, with names where names belong.
fn command() -> clap::Command {
    let named =
        |candidates: fn(&Snapshot) -> Vec<String>| move |arg: Arg| arg.add(ArgValueCandidates::new(move || names(candidates)));
    let words = |words: fn() -> Vec<&'static str>| {
        move |arg: Arg| {
            arg.add(ArgValueCandidates::new(move || words().into_iter().map(CompletionCandidate::new).collect::<Vec<_>>()))
        }
    };
    let strategies = || StrategyKind::ALL.map(StrategyKind::name).into_iter().chain(iter::once("configured")).collect();
    let mut command = Cli::command();
    for verb in ["up", "drain", "down", "weight"] {
        command = command.mut_subcommand(verb, |verb| verb.mut_arg("backend", named(backends)));
    }
    command
        .mut_subcommand("weight", |verb| verb.mut_arg("weight", words(|| vec!["configured"])))
        .mut_subcommand("strategy", |verb| verb.mut_arg("pool", named(pools)).mut_arg("strategy", words(strategies)))
        .mut_subcommand("status", |verb| verb.mut_arg("of", named(|snapshot| [pools(snapshot), backends(snapshot)].concat())))
}

fn pools(snapshot: &Snapshot) -> Vec<String> {
    snapshot.pools.iter().map(|pool| pool.name.to_string()).collect()
}

fn backends(snapshot: &Snapshot) -> Vec<String> {
    snapshot.pools.iter().flat_map(|pool| &pool.backends).map(|backend| backend.id.to_string()).collect()
}

/// Names from the instance that the words so far mean; none if it does not answer at once.
fn names(of: fn(&Snapshot) -> Vec<String>) -> Vec<CompletionCandidate> {
    let names = snapshot().map(|snapshot| of(&snapshot)).unwrap_or_default();
    // Nothing but a name may reach a shell.
    let plain = |name: &String| name.chars().all(|c| c.is_ascii_graphic());
    names.into_iter().filter(plain).collect::<BTreeSet<_>>().into_iter().map(CompletionCandidate::new).collect()
}

fn snapshot() -> Option<Snapshot> {
    let words: Vec<OsString> = env::args_os().skip_while(|word| word != "--").skip(1).collect();
    let matches = Cli::command().ignore_errors(true).try_get_matches_from(words).ok()?;
    let client = target::client(&Options::from_arg_matches(&matches).ok()?).ok()?;
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async { timeout(PATIENCE, client.snapshot()).await.ok()?.ok() })
}
