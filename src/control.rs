//! The control plane.

pub mod admin;
pub mod announce;
pub mod desk;
pub mod drain;
#[cfg(test)]
mod fixture;
pub mod health_check;
pub mod phase;
pub mod sampler;
