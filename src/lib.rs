//! evenkeel: an HTTP load balancer that is driven from the terminal.
//!
//! Three ideas carry the house.
//!
//! 1. **Command in, Event out, Snapshot to look at.** Whoever wants something (a key, a signal, an API call) sends one
//!    [`command::Command`] to the control desk. What happened leaves as one [`event::Event`] on a broadcast channel.
//!    How things are now is a [`balance::snapshot::Snapshot`]: plain data that every surface reads.
//! 2. **The core is pure.** [`balance`] has no I/O, no clock and no randomness of its own; time and entropy are arguments.
//! 3. **The request path shares nothing it need not share.** Each worker thread has its own runtime, its own upstream
//!    connections and its own counters; what changes rarely is one immutable [`balance::rotation::Rotation`] behind an
//!    `ArcSwap`. A slow terminal or a lagging subscriber never delays a request.
//!
//! Layers: a file may `use` only lower layers and its own room (`tests/it/layers.rs` holds us to it).
//!
//! | layer | rooms | must not know |
//! |---|---|---|
//! | 0 | [`balance`] | tokio, hyper, ratatui, any clock |
//! | 1 | [`config`], [`event`], [`command`], [`shutdown`], [`clock`], [`inherited`], [`secret`], [`system_error`], [`tally`], [`listener`], [`running`], [`plan`], [`route`], [`explain`] | hyper, ratatui |
//! | 2 | [`telemetry`], [`client`] | ratatui |
//! | 3 | [`proxy`] and [`control`], strangers to each other | tui |
//! | 4 | [`tui`] | hyper, proxy, control |
//! | 5 | [`demo`], [`cli`], [`verbs`], [`app`] | |

pub mod balance;

pub mod clock;
pub mod command;
pub mod config;
pub mod event;
pub mod explain;
pub mod inherited;
pub mod listener;
pub mod plan;
pub mod route;
pub mod running;
pub mod secret;
pub mod shutdown;
pub mod system_error;
pub mod tally;

pub mod client;
pub mod telemetry;

pub mod control;
pub mod proxy;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub use proxy::internals;

pub mod tui;

pub mod app;
pub mod cli;
pub mod demo;
pub mod verbs;
