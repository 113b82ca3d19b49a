//! The real binary over real sockets: one module per promise, scripted upstreams on one side, raw clients on the other.
//!
//! Tests run in parallel, each with a process of its own on ports of the system's choice. Nothing here asserts how long
//! something takes; deadlines only end a test that would hang.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test may panic, and nobody depends on it")]

mod access_log;
mod admin;
mod advisories;
mod attach;
mod balancing;
mod bodies;
mod cli;
mod conformance;
mod corpus;
mod dashboard;
mod desync;
mod failures;
mod faults;
#[path = "../fuzz/src/lib.rs"]
mod fuzz_targets;
mod health;
mod layers;
mod limits;
mod metrics;
mod overrides;
mod readme;
mod reload;
mod request_ids;
mod restart;
mod rfc6455;
mod rfc7239;
mod rfc9110;
mod rfc9112;
mod shutdown;
mod slow_clients;
mod soak;
mod sticky;
mod support;
mod upgrade;
mod verbs;
mod vices;
