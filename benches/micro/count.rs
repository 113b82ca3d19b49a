//! Instructions per call, counted by callgrind: the same on a busy machine and on an idle one.
//!
//! Each case is a process of its own under valgrind, which counts only while [`counted`] runs.

use std::io;
use std::process::{Command, ExitCode, Output};

use crate::{Case, Run};

/// Asks for one case, by its name; what the process under valgrind is called with.
pub(crate) const ONE: &str = "--counted";

const CALLS: u64 = 1_000;

/// Counts every case that has a limit, and says whether all of them keep to it.
pub(crate) fn check(cases: impl Iterator<Item = Case>) -> ExitCode {
    let mut exceeded = false;
    for (name, limit) in cases.filter_map(|case| Some((case.name, case.limit?))) {
        match instructions(&name) {
            Ok(count) => {
                exceeded |= count > limit;
                println!("{name:<48} {count:>7} of {limit:>7} instructions{}", if count > limit { "   TOO MANY" } else { "" });
            }
            Err(error) => {
                println!("{name}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    if exceeded { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Runs one case, for valgrind to watch.
pub(crate) fn one(cases: impl Iterator<Item = Case>, name: &str) -> ExitCode {
    for case in cases.filter(|case| case.name == name) {
        let mut run = (case.prepare)();
        run(CALLS);
        counted(&mut run);
    }
    ExitCode::SUCCESS
}

/// Known to valgrind by its name.
#[inline(never)]
fn counted(run: &mut Run) {
    run(CALLS);
}

fn instructions(name: &str) -> io::Result<u64> {
    let toggle = format!("--toggle-collect={}::counted*", module_path!());
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", &toggle]).arg(std::env::current_exe()?);
    let Output { status, stderr, .. } = valgrind.args([ONE, name]).output()?;
    let said = String::from_utf8_lossy(&stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse::<u64>().ok());
    match collected {
        Some(count @ 1..) if status.success() => Ok(count / CALLS),
        _ => Err(io::Error::other(format!("valgrind counted nothing:\n{said}"))),
    }
}
