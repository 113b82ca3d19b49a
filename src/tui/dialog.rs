//! What dialogs say, in words: one place for the wording of questions about live traffic.

use super::state::State;

/// A dialog as text. Names in it are not escaped yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// The question.
    pub title: String,
    /// What will happen, with live numbers.
    pub facts: Vec<String>,
    /// Typed so far, when the answer is typed.
    pub typed: Option<String>,
    /// The answers.
    pub buttons: Vec<Button>,
    /// Whether keys count yet.
    pub armed: bool,
}

/// An answer on offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// Its key: `y`, `Esc`.
    pub key: &'static str,
    /// What it does.
    pub label: String,
    /// Whether Enter gives it.
    pub focused: bool,
}

/// The dialog that is open ([`super::state::Overlay::Confirm`], `TypeName` or `Quit`), if one is.
pub fn describe(state: &State) -> Option<Dialog> {
    let _ = state;
    None
}
