//! Life under a service manager.

mod told;
