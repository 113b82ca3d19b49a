//! What must hold of any input, one module per fuzz target; each has one function, `check`, that panics if it does not.
//!
//! The fuzz targets call these with what libFuzzer thinks up (`.ci/fuzz SECONDS`), the integration tests with the inputs kept
//! in `corpus/`. What a target finds goes there too, once it is mended.

pub mod answer;
pub mod chunks;
pub mod config;
pub mod forwarded;
pub mod oracle;
pub mod request_head;
