//! See the library.

use std::process::ExitCode;

use clap::Parser;
use evenkeel::cli::Cli;
use evenkeel::{app, clock};

fn main() -> ExitCode {
    clock::now();
    app::run(Cli::parse())
}
