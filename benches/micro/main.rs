//! Microbenchmarks of what every request costs (picking a backend, routing, rewriting heads, a line in the log) and of what every change of
//! health costs (building a rotation).
//!
//! `cargo bench --features internals --bench micro` prints nanoseconds; with `-- WORD...` of those cases only whose names hold
//! every WORD. With `-- --count` it counts instructions under valgrind instead, which another load on the machine does not
//! change, and fails where a case takes more than it may.

#![allow(clippy::print_stdout, reason = "that is what it is for")]

mod count;
mod heads;
mod lines;
mod pools;
mod routes;
mod stopwatch;

use std::process::ExitCode;
use std::time::Duration;

/// Something to measure.
struct Case {
    name: String,
    /// Most instructions that one call may take, where they are counted.
    limit: Option<u64>,
    prepare: Box<dyn Fn() -> Run>,
}

/// Makes so many calls, and says how long they took.
type Run = Box<dyn FnMut(u64) -> Duration>;

fn main() -> ExitCode {
    // Given by cargo.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let cases = || [pools::cases(), routes::cases(), heads::cases(), lines::cases()].into_iter().flatten();
    match words.split_first() {
        Some((flag, [])) if flag == "--count" => count::check(cases()),
        Some((flag, [name])) if flag == count::ONE => count::one(cases(), name),
        _ => {
            let named = |case: &Case| words.iter().all(|word| case.name.contains(word.as_str()));
            cases().filter(named).for_each(|case| stopwatch::print(&case));
            ExitCode::SUCCESS
        }
    }
}
