//! See the library.

use std::process::ExitCode;

use clap::Parser;
use evenkeel::cli::Cli;
use evenkeel::{app, clock};

fn main() -> ExitCode {
    if let Some(code) = app::complete() {
        return code;
    }
    clock::now();
    app::run(Cli::parse())
}
