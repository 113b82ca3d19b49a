//! Puts the rooms together: one command line in, one exit code out.

mod attach;
mod dashboard;
mod face;
mod failure;
mod outputs;
mod service_manager;
mod session;
mod signals;
mod takeover;

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use self::face::Face;
use self::failure::Failure;
use self::session::Plan;
use crate::cli::{Cli, Serve, Verb};
use crate::config::{self, Loaded, Problem};
use crate::control::reload::file::Source;
use crate::demo::Demo;
use crate::inherited::Inherited;
use crate::verbs;

/// Answers a shell that asks how a command line goes on; `None` when none does. Must come first of all.
pub fn complete() -> Option<ExitCode> {
    match verbs::complete::answer() {
        Ok(false) => None,
        Ok(true) => Some(ExitCode::SUCCESS),
        Err(error) => Some(Failure::new(error).report(io::stderr())),
    }
}

/// Does what the command line says.
pub fn run(cli: Cli) -> ExitCode {
    allow_many_connections();
    act(cli).unwrap_or_else(|failure| failure.report(io::stderr()))
}

fn act(Cli { options, verb }: Cli) -> Result<ExitCode, Failure> {
    let load = || {
        let source = Source::new(options.config_file().to_owned());
        let loaded = source.load().map_err(|problems| Failure::config(&problems))?;
        Ok::<_, Failure>((source, loaded))
    };
    match verb.unwrap_or(Verb::Run) {
        Verb::Run => session::run(Plan::new(load()?, Face::for_this_terminal()), &options),
        Verb::Serve(Serve { takeover }) => {
            let inherited = Inherited::from_env();
            let inherited = inherited.map_err(|error| Failure::io("cannot use the sockets of the service manager", &error))?;
            session::run(Plan::serve(load()?, inherited, takeover), &options)
        }
        Verb::Check if options.json => check_json(options.config_file()),
        Verb::Check => check(options.config_file(), &load()?.1),
        Verb::Demo(wishes) => {
            let demo = Demo::start(wishes, random()).map_err(|error| Failure::io("cannot start the demo's backends", &error))?;
            session::run(Plan::demo(demo, Face::for_this_terminal()), &options)
        }
        Verb::Attach(attach) => attach::run(&attach, &options),
        Verb::Live(verb) => Ok(verbs::run(verb, &options).map(|()| ExitCode::SUCCESS)?),
        Verb::Completions { shell } => print(|out| verbs::complete::write_script(shell, out)),
        Verb::Man => print(|out| clap_mangen::Man::new(Cli::command()).render(out)),
        Verb::Schema => print(|out| out.write_all(config::SCHEMA.as_bytes())),
    }
}

fn check(file: &Path, Loaded { config, warnings }: &Loaded) -> Result<ExitCode, Failure> {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let pools = count(config.pools.len(), "pool");
    let backends = count(config.pools.iter().map(|pool| pool.balance.backends.len()).sum(), "backend");
    print(|out| {
        writeln!(out, "{}: ok, {pools}, {backends}", file.display())?;
        warnings.iter().try_for_each(|warning| writeln!(out, "warning: {warning}"))
    })
}

/// As [`check`], for programs: what is wrong is the answer, too.
fn check_json(file: &Path) -> Result<ExitCode, Failure> {
    let checked = config::load(file);
    let describe = |Problem { line, column, path, message, .. }: &Problem| json!({ "line": line, "column": column, "path": path, "message": message });
    let list = |problems: &[Problem]| problems.iter().map(describe).collect::<Value>();
    let (problems, warnings) = match &checked {
        Ok(loaded) => (list(&[]), list(&loaded.warnings)),
        Err(problems) => (list(problems), list(&[])),
    };
    let ok = checked.is_ok();
    print(|out| writeln!(out, "{}", json!({ "ok": ok, "problems": problems, "warnings": warnings })))?;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(failure::INVALID) })
}

/// Writes to stdout. Whoever has closed it has read enough.
fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<ExitCode, Failure> {
    let mut out = io::stdout();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::io("cannot write to stdout", &error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Takes all the file descriptors that the system allows; the usual limit is a courtesy to programs that use `select`.
fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    // A system that refuses leaves the limit as it was, and the config's defaults go by that.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// 64 bits that differ from process to process.
fn random() -> u64 {
    RandomState::new().hash_one(())
}
