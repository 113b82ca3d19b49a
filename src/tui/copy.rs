//! Copying to the clipboard of the terminal, wherever that is: an escape sequence asks for it (OSC 52). A terminal that does
//! not know it, or does not allow it, does nothing.

use super::safe::display_safe;
use super::state::{Overlay, Panel, State};
use super::update::Effect;
use super::view;
use crate::event::Severity;

/// Copies what is selected: a backend's name and address, the text of what lies on top, or the lowest event on the screen.
pub(super) fn copy(state: &mut State) -> Vec<Effect> {
    let (what, text) = match &state.overlay {
        Overlay::None if state.panel == Panel::Events => {
            ("the event", state.lines().next_back().map(|line| line.event.to_string()))
        }
        Overlay::Log { .. } => ("the event", lowest_in_log(state)),
        Overlay::Details { .. } | Overlay::Why { .. } | Overlay::Overrides { .. } => ("the text", view::plain(state)),
        _ => ("the backend", state.target().map(|backend| format!("{} {}", backend.id, backend.url))),
    };
    let Some(text) = text else { return Vec::new() };
    let text: Vec<_> = text.lines().map(display_safe).collect();
    state.say(Severity::Info, format!("{what} goes to the terminal's clipboard, where it allows that"));
    vec![Effect::Copy(text.join("\n"))]
}

fn lowest_in_log(state: &State) -> Option<String> {
    let Overlay::Log { at, .. } = state.overlay else { return None };
    let line = state.log().rfind(|line| at.is_none_or(|at| line.seq <= at))?;
    Some(line.event.to_string())
}

/// The sequence that asks a terminal to copy a text.
pub(super) fn sequence(text: &str) -> String {
    format!("\x1b]52;c;{}\x07", base64(text.as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().enumerate().fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        let digits = (0..4).map(|at| char::from(DIGITS[(bits >> (18 - 6 * at)) as usize & 63]));
        text.extend(digits.take(chunk.len() + 1));
        text.extend(std::iter::repeat_n('=', 3 - chunk.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture::{self, change, press};

    #[test]
    fn the_sequence_holds_nothing_but_base64() {
        for (text, want) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy"), ("ü\x1b", "w7wb")]
        {
            assert_eq!(sequence(text), format!("\x1b]52;c;{want}\x07"));
        }
    }

    #[test]
    fn what_is_selected_is_copied_and_escaped() {
        let mut state = fixture::state(2);
        assert_eq!(press(&mut state, "j y"), [Effect::Copy("web/api-2 http://api-2.internal:8080".to_owned())]);
        change(&mut state, |live| live.pools[0].backends[1].url = "http://\x1b]52;c;b3du\x07".to_owned());
        assert_eq!(press(&mut state, "y"), [Effect::Copy("web/api-2 http://\\u{1b}]52;c;b3du\\u{7}".to_owned())]);
        let effects = press(&mut state, "Enter y");
        let [Effect::Copy(text)] = &effects[..] else { panic!("{effects:?}") };
        assert!(text.contains("address") && !text.contains('\x1b'), "{text}");
    }
}
