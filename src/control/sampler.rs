//! Sampler.
mod counts;
mod series;
mod window;
