//! The immutable value that workers pick from.

/// See the module.
#[derive(Debug)]
pub struct Rotation {}
