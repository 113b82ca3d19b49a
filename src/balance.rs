//! The pure core: who may take a request, who takes it, and what became of it.
//!
//! No I/O, no clock, no randomness: time comes in as [`Millis`], entropy as an argument. Start reading at [`pool`].

mod ages;
pub mod backend;
pub mod ejection;
#[cfg(test)]
mod fixture;
pub mod health;
pub mod histogram;
pub mod keel;
pub mod lease;
pub mod meter;
pub mod overrides;
pub mod picker;
pub mod pool;
pub mod retry_budget;
pub mod rotation;
pub mod slow_start;
pub mod snapshot;
pub mod strain;
pub mod strategy;
pub mod totals;
pub mod waiters;

/// Milliseconds since the process started. Passed in by the caller; see [`crate::clock::now`].
pub type Millis = u64;
