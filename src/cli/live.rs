//! The verbs on a running instance.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use http::{HeaderName, Method, Uri};

use crate::balance::strategy::StrategyKind;
use crate::command::{self, MAX_WEIGHT};
use crate::config;

/// A verb on a running instance.
#[derive(Clone, Debug, Subcommand)]
pub enum Live {
    /// Show how the running instance is doing
    Status(Status),
    /// Let a backend take requests
    Up(Up),
    /// Give a backend no new requests; running ones finish
    Drain(Drain),
    /// Switch a backend off; running requests finish unless they are cut
    Down(Down),
    /// Set a backend's weight
    Weight(Weight),
    /// Switch a pool's strategy
    Strategy(Strategy),
    /// Take your last change back
    Undo(Forced),
    /// Do your last undone change again
    Redo(Forced),
    /// Read the config file again and apply what has changed
    Reload(Forced),
    /// Show what a reload would change; of the file that --config names, or of the instance's own
    Plan,
    /// Show which backend a request would go to, and why
    Explain(Explain),
    /// Show what has happened
    Events(Events),
}

/// Options of `status`.
#[derive(Args, Clone, Debug)]
pub struct Status {
    /// Only this pool or backend
    #[arg(value_name = "POOL[/BACKEND]")]
    pub of: Option<String>,
    /// One line per backend for scripts, with tabs between: POOL/BACKEND, mode, health, in flight, address
    #[arg(long, conflicts_with = "json")]
    pub plain: bool,
    /// What the config would have to say for the weights and strategies that are set by hand to last
    #[arg(long, conflicts_with_all = ["json", "plain"])]
    pub yaml: bool,
}

/// Options of `up`.
#[derive(Args, Clone, Debug)]
pub struct Up {
    /// Which backend; the pool may be left out where there is only one of that name
    #[arg(value_name = "POOL/BACKEND")]
    pub backend: Name,
    /// Wait until a new check has passed, and only then let it take requests; after this time leave it as it is and fail
    #[arg(long, value_name = "TIME", value_parser = config::span)]
    pub wait_healthy: Option<Duration>,
    /// On what terms.
    #[command(flatten)]
    pub terms: Terms,
}

/// Options of `drain`.
#[derive(Args, Clone, Debug)]
pub struct Drain {
    /// Which backend; the pool may be left out where there is only one of that name
    #[arg(value_name = "POOL/BACKEND")]
    pub backend: Name,
    /// Wait until nothing is in flight; when this time is over, fail and leave it draining
    #[arg(long, value_name = "TIME", value_parser = config::span)]
    pub wait: Option<Duration>,
    /// What it shall be once it is empty; `down` also when the time is over
    #[arg(long, value_name = "STATE", requires = "wait")]
    pub then: Option<Then>,
    /// With --then down: break the requests that still run when the time is over
    #[arg(long, requires = "then")]
    pub cut: bool,
    /// On what terms.
    #[command(flatten)]
    pub terms: Terms,
}

/// Options of `down`.
#[derive(Args, Clone, Debug)]
pub struct Down {
    /// Which backend; the pool may be left out where there is only one of that name
    #[arg(value_name = "POOL/BACKEND")]
    pub backend: Name,
    /// Break the running requests
    #[arg(long)]
    pub cut: bool,
    /// Wait until nothing is in flight; after this time fail and leave it down
    #[arg(long, value_name = "TIME", value_parser = config::span)]
    pub wait: Option<Duration>,
    /// On what terms.
    #[command(flatten)]
    pub terms: Terms,
}

/// Options of `weight`.
#[derive(Args, Clone, Debug)]
pub struct Weight {
    /// Which backend; the pool may be left out where there is only one of that name
    #[arg(value_name = "POOL/BACKEND")]
    pub backend: Name,
    /// From 0 to 256, or `configured`
    #[arg(value_name = "WEIGHT")]
    pub weight: Wanted<u32>,
    /// On what terms.
    #[command(flatten)]
    pub terms: Terms,
}

/// Options of `strategy`.
#[derive(Args, Clone, Debug)]
pub struct Strategy {
    /// Which pool
    pub pool: String,
    /// The strategy's name, or `configured`
    #[arg(value_name = "STRATEGY")]
    pub strategy: Wanted<StrategyKind>,
    /// On what terms.
    #[command(flatten)]
    pub terms: Terms,
}

/// Options of `undo`, `redo` and `reload`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Forced {
    /// Do it even if nobody is left to serve
    #[arg(long)]
    pub force: bool,
}

/// Options of `explain`.
#[derive(Args, Clone, Debug)]
pub struct Explain {
    /// The request's method
    #[arg(value_parser = method)]
    pub method: String,
    /// Its address, such as `http://example.com/path`
    #[arg(value_parser = url)]
    pub url: String,
    /// A header field of it; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = field)]
    pub headers: Vec<String>,
    /// Its client's address
    #[arg(long, value_name = "IP")]
    pub client: Option<IpAddr>,
}

fn method(text: &str) -> Result<String, &'static str> {
    text.parse::<Method>().map(|_| text.to_owned()).map_err(|_| "write a method such as GET")
}

fn url(text: &str) -> Result<String, &'static str> {
    let uri = text.parse::<Uri>().ok().filter(|uri| uri.scheme().is_some() && uri.host().is_some());
    uri.map(|_| text.to_owned()).ok_or("write an address such as http://example.com/path")
}

fn field(text: &str) -> Result<String, &'static str> {
    let named = text.split_once(':').is_some_and(|(name, _)| name.parse::<HeaderName>().is_ok());
    if named { Ok(text.to_owned()) } else { Err("write NAME: VALUE") }
}

/// Options of `events`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Events {
    /// Go on with what happens from now on
    #[arg(short, long)]
    pub follow: bool,
    /// Begin after the event of this number [default: all that is remembered; with --follow: none of it]
    #[arg(long, value_name = "N")]
    pub since: Option<u64>,
}

/// On what terms something is changed.
#[derive(Args, Clone, Debug)]
pub struct Terms {
    /// Go back by itself to what the config says after this time, such as 10m
    #[arg(long = "for", value_name = "TIME", value_parser = config::span)]
    pub lasting: Option<Duration>,
    /// Why; told wherever the change shows
    #[arg(long, value_name = "TEXT", value_parser = command::reason)]
    pub reason: Option<Arc<str>>,
    /// Do it even if nobody is left to serve
    #[arg(long)]
    pub force: bool,
}

impl Terms {
    /// As a command has them.
    pub fn for_command(&self) -> command::Terms {
        command::Terms { for_ms: self.lasting.map(|time| time.as_millis() as u64), reason: self.reason.clone() }
    }
}

/// What a drained backend shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Then {
    /// Off
    Down,
    /// Back in use
    Up,
}

/// A backend as somebody names it: `POOL/BACKEND`, or only `BACKEND`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The pool, where it is named.
    pub pool: Option<String>,
    /// The backend.
    pub backend: String,
}

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (pool, backend) = text.split_once('/').map_or((None, text), |(pool, backend)| (Some(pool), backend));
        if backend.is_empty() || backend.contains('/') || pool.is_some_and(str::is_empty) {
            return Err("write POOL/BACKEND");
        }
        Ok(Self { pool: pool.map(Into::into), backend: backend.into() })
    }
}

/// A value, or the word `configured`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<T>(pub Option<T>);

const CONFIGURED: &str = "configured";

impl FromStr for Wanted<u32> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == CONFIGURED => Ok(Self(None)),
            Ok(weight) if weight <= MAX_WEIGHT => Ok(Self(Some(weight))),
            _ => Err(format!("write a whole number from 0 to {MAX_WEIGHT}, or {CONFIGURED}")),
        }
    }
}

impl FromStr for Wanted<StrategyKind> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == CONFIGURED {
            return Ok(Self(None));
        }
        let names = || StrategyKind::ALL.map(StrategyKind::name);
        let known = StrategyKind::ALL.into_iter().find(|kind| kind.name() == text);
        known.map(|kind| Self(Some(kind))).ok_or_else(|| format!("allowed: {}, {CONFIGURED}", names().join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use clap::error::ErrorKind;

    use super::*;
    use crate::cli::{Cli, Verb};

    fn parse(line: &str) -> Result<Live, clap::Error> {
        let cli = Cli::try_parse_from(line.split_whitespace())?;
        let Some(Verb::Live(verb)) = cli.verb else { panic!("{line} is no verb on a running instance") };
        Ok(verb)
    }

    #[test]
    fn a_drain_with_everything() {
        let line = "evenkeel drain web/127.0.0.1:9001 --wait 1m30s --then down --cut --for 10m --reason deploy --force";
        let Live::Drain(drain) = parse(line).unwrap() else { panic!("drain") };
        assert_eq!(drain.backend, Name { pool: Some("web".into()), backend: "127.0.0.1:9001".into() });
        assert_eq!((drain.wait, drain.then, drain.cut), (Some(Duration::from_secs(90)), Some(Then::Down), true));
        let terms = command::Terms { for_ms: Some(600_000), reason: Some("deploy".into()) };
        assert_eq!((drain.terms.for_command(), drain.terms.force), (terms, true));
    }

    #[test]
    fn weights_and_strategies_may_be_the_configured_ones() {
        let weight = |text: &str| text.parse::<Wanted<u32>>();
        assert_eq!([weight("0"), weight("256"), weight("configured")], [0, 256, 999].map(|n| Ok(Wanted((n < 999).then_some(n)))));
        assert!(["-1", "257", "1.5", "", "Configured"].iter().all(|text| weight(text).is_err()));
        let strategy = |text: &str| text.parse::<Wanted<StrategyKind>>();
        assert_eq!(strategy("peak_ewma"), Ok(Wanted(Some(StrategyKind::PeakEwma))));
        assert_eq!(strategy("configured"), Ok(Wanted(None)));
        assert!(strategy("roundrobin").unwrap_err().contains("round_robin, "));
    }

    #[test]
    fn wrong_usage_is_told() {
        for (line, kind) in [
            ("evenkeel drain", ErrorKind::MissingRequiredArgument),
            ("evenkeel drain web/", ErrorKind::ValueValidation),
            ("evenkeel drain /a", ErrorKind::ValueValidation),
            ("evenkeel drain a/b/c", ErrorKind::ValueValidation),
            ("evenkeel drain web/a --wait 60", ErrorKind::ValueValidation),
            ("evenkeel drain web/a --for soon", ErrorKind::ValueValidation),
            ("evenkeel drain web/a --then down", ErrorKind::MissingRequiredArgument),
            ("evenkeel drain web/a --wait 1s --cut", ErrorKind::MissingRequiredArgument),
            ("evenkeel drain web/a --wait 1s --then off", ErrorKind::InvalidValue),
            ("evenkeel weight web/a heavy", ErrorKind::ValueValidation),
            ("evenkeel strategy web fair", ErrorKind::ValueValidation),
            ("evenkeel explain GET http://h/ --client me", ErrorKind::ValueValidation),
            ("evenkeel explain GE(T http://h/", ErrorKind::ValueValidation),
            ("evenkeel explain GET h/path", ErrorKind::ValueValidation),
            ("evenkeel explain GET http://h/ -H foo", ErrorKind::ValueValidation),
            ("evenkeel status --plain --json", ErrorKind::ArgumentConflict),
            ("evenkeel status --admin nowhere", ErrorKind::ValueValidation),
        ] {
            let error = parse(line).map(|verb| format!("{verb:?}")).expect_err(line);
            assert_eq!((error.kind(), error.exit_code()), (kind, 2), "{line}");
        }
        for reason in ["two\nlines".to_owned(), "x".repeat(command::LONGEST_REASON + 1)] {
            let error = Cli::try_parse_from(["evenkeel", "drain", "web/a", "--reason", &reason]).unwrap_err();
            assert!(error.to_string().contains("a reason is one line of at most 200 characters"), "{error}");
        }
    }
}
