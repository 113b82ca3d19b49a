//! What the user typed: no I/O and nothing derived.

mod live;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub use self::live::{Down, Drain, Events, Explain, Forced, Live, Name, Status, Strategy, Terms, Then, Up, Wanted, Weight};
use crate::client::Address;
use crate::tui::theme::{Depth, Look};

/// The command line.
#[derive(Clone, Debug, Parser)]
#[command(name = "evenkeel", version, about, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    /// What holds for every verb.
    #[command(flatten, next_help_heading = "Options of every command")]
    pub options: Options,
    /// What to do; `run` when absent.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

const AFTER_HELP: &str = "\
Without a command, `run` is meant. To look around without a config: evenkeel demo

Signals: SIGINT and SIGTERM finish what is in flight and exit; a second one cuts it. SIGHUP reads the config again.
Exit codes: 0 done, 1 failed at run time, refused or out of time, 2 wrong usage or invalid config, 130 cut by a second \
signal or, for a verb on a running instance, interrupted.";

/// What holds for every verb.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The config file [default: config.yaml]
    #[arg(short, long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Where the running instance answers: host:port or unix:PATH [default: as the config says]
    #[arg(long, value_name = "ADDR", global = true)]
    pub admin: Option<Address>,
    /// The file with the running instance's token [default: as the config says]
    #[arg(long, value_name = "FILE", global = true, env = "EVENKEEL_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Print what the running instance answers, as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Look, but change nothing: keys and verbs that would are refused
    #[arg(long, global = true)]
    pub read_only: bool,
    /// How many colours the dashboard uses
    #[arg(long, value_name = "DEPTH", global = true, default_value = "auto")]
    pub color: Depth,
    /// Draw with ASCII characters only
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Colours for which background
    #[arg(long, value_name = "THEME", global = true, default_value = "auto")]
    pub theme: Look,
    /// Append event lines to this file as well; SIGUSR1 opens it anew
    #[arg(long, value_name = "FILE", global = true)]
    pub log_file: Option<PathBuf>,
}

impl Options {
    /// The config file, named or not.
    pub fn config_file(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new("config.yaml"))
    }
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Proxy and dashboard in this terminal; event lines where there is none
    Run,
    /// Proxy without a dashboard: event lines on stderr
    Serve(Serve),
    /// Validate the config file and print every problem
    Check,
    /// The same over built-in backends and built-in traffic: no config, no network
    Demo(Demo),
    /// The dashboard over running instances, which go on when it is left
    Attach(Attach),
    /// Something on a running instance.
    #[command(flatten)]
    Live(Live),
    /// Print a completion script; it asks the running instance for the names of pools and backends
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
    /// Print the JSON Schema of the config file, for editors
    Schema,
}

/// Options of `attach`.
#[derive(Args, Clone, Debug)]
pub struct Attach {
    /// Where they answer: host:port or unix:PATH; several are shown as one [default: as the config says]
    #[arg(value_name = "ADDR")]
    pub addresses: Vec<Address>,
}

/// Options of `serve`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Serve {
    /// Take over from the process that serves the same address: it hands on its sockets, and drains once this one serves
    #[arg(long)]
    pub takeover: bool,
}

/// Options of `demo`.
#[derive(Args, Clone, Debug)]
pub struct Demo {
    /// Start no traffic: bring your own
    #[arg(long)]
    pub no_traffic: bool,
    /// Requests per second on average; the rate swings around it
    #[arg(long, value_name = "N", default_value_t = 360, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub rate: u32,
    /// Number of backends
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    pub backends: u8,
    /// Where the proxy listens; port 0 leaves the choice to the system
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_holds() {
        Cli::command().debug_assert();
    }

    #[test]
    fn nothing_means_run_with_config_yaml() {
        let cli = parse("evenkeel").unwrap();
        assert!(cli.verb.is_none());
        assert_eq!(cli.options.config_file(), Path::new("config.yaml"));
        assert_eq!((cli.options.color, cli.options.theme), (Depth::Auto, Look::Auto));
    }

    #[test]
    fn global_options_stand_before_or_after_the_verb() {
        for line in ["evenkeel -c a.yaml --color 256 serve", "evenkeel serve --color 256 --config a.yaml"] {
            let cli = parse(line).unwrap();
            assert!(matches!(cli.verb, Some(Verb::Serve(Serve { takeover: false }))));
            assert_eq!((cli.options.config_file(), cli.options.color), (Path::new("a.yaml"), Depth::Indexed));
        }
    }

    #[test]
    fn demo_knows_its_bounds() {
        let Some(Verb::Demo(demo)) = parse("evenkeel demo").unwrap().verb else { panic!("demo") };
        assert_eq!((demo.no_traffic, demo.rate, demo.backends, demo.listen.port()), (false, 360, 5, 0));
        for line in ["evenkeel demo --backends 0", "evenkeel demo --backends 51", "evenkeel demo --rate 0"] {
            assert_eq!(parse(line).unwrap_err().kind(), ErrorKind::ValueValidation, "{line}");
        }
    }

    #[test]
    fn wrong_usage_is_code_2_and_help_is_code_0() {
        for (line, code) in [("evenkeel frobnicate", 2), ("evenkeel --color pink", 2), ("evenkeel --help", 0)] {
            assert_eq!(parse(line).unwrap_err().exit_code(), code, "{line}");
        }
    }
}
