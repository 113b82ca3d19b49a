//! The dashboard: a pure core (`state`, `keymap`, `guard`, `update`, `view`) inside two threads that talk to the terminal.
//!
//! Keys, snapshots and events become messages; [`update`] turns a message into new state and effects; `view` draws the
//! state. Nothing here changes the world: whatever the operator wants goes to the desk as a command.

mod act;
mod ask;
mod bridge;
pub mod dialog;
pub mod events;
#[cfg(test)]
pub(crate) mod fixture;
pub mod guard;
mod input;
pub mod keymap;
pub mod layout;
mod pace;
mod report;
pub mod rows;
mod safe;
pub mod state;
mod terminal;
pub mod theme;
pub mod update;
pub mod view;

pub use self::terminal::install_panic_hook;
