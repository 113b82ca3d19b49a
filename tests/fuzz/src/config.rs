//! Config text: whatever it is, it is a config or has problems, each with its place in the text.

use evenkeel::config;

/// See the module.
pub fn check(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match config::parse_str(text) {
        Ok(loaded) => {
            assert!(loaded.config.workers > 0 && !loaded.config.listen.is_empty(), "{:?}", loaded.config);
            assert!(!loaded.config.pools.is_empty(), "no pool");
            assert!(loaded.config.pools.iter().all(|pool| !pool.balance.backends.is_empty()), "a pool without backends");
            check_places(&loaded.warnings, text);
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason");
            check_places(&problems, text);
        }
    }
}

/// Each has a place in the text or right after its last line. Only what is wrong with the file as a whole has none, and what
/// the parser that knows places cannot read, though the one that knows values can.
fn check_places(problems: &[config::Problem], text: &str) {
    // The line breaks of YAML 1.1.
    let lines = text.replace("\r\n", "\n").split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
    for problem in problems {
        let place = (problem.line, problem.column);
        let placed = (1..=lines).contains(&place.0) && place.1 > 0 || place == (lines + 1, 1);
        let placeless = place == (0, 0) && (problem.path.is_empty() || !has_places(text));
        assert!(placed || placeless, "{problem} in {lines} lines");
    }
}

fn has_places(text: &str) -> bool {
    saphyr_parser::Parser::new_from_str(text).all(|event| event.is_ok())
}
