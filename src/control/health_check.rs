//! Health checks.
mod probe;
