//! The README keeps its promises: keys, commands and config examples are those of the program.

use std::fs;

use evenkeel::tally::Cause;
use evenkeel::telemetry::access_log::Reason;
use evenkeel::tui::keymap;

use crate::support::keel::run;

fn readme() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let readme = readme();
    let fence = format!("```{language}\n");
    let after = readme.split(&fence).skip(1);
    after.map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_key_table_is_the_keymap() {
    let readme = readme();
    let (_, table) = readme.split_once("| Key |").expect("a key table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| {
        let mut cells = row.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', ""));
        (cells.next().unwrap(), cells.next().unwrap())
    });
    let told: Vec<_> = cells.collect();
    let real: Vec<_> = keymap::help().map(|(keys, help)| (keys, help.to_owned())).collect();
    assert_eq!(told, real);
}

#[test]
fn every_command_exists() {
    let mut commands = 0;
    for line in blocks("sh").iter().flat_map(|block| block.lines()) {
        let Some((_, arguments)) = line.split_once("evenkeel ").or_else(|| line.split_once("cargo run --release -- ")) else {
            continue;
        };
        let command = arguments.split_whitespace().next().unwrap();
        if command.starts_with(['-', '#']) {
            continue;
        }
        commands += 1;
        assert_eq!(run(&[command, "--help"]).code, Some(0), "{line}");
    }
    assert!(commands >= 2, "the README shows no commands");
}

#[test]
fn every_reason_of_the_access_log_is_explained() {
    let readme = readme();
    let reasons = Cause::ALL.map(Reason::Own).into_iter().chain(Reason::OTHERS);
    let missing: Vec<_> = reasons.map(Reason::word).filter(|word| !readme.contains(&format!("`{word}`"))).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn every_config_example_is_valid() {
    let examples = blocks("yaml");
    assert!(!examples.is_empty(), "the README shows no config");
    let dir = tempfile::tempdir().unwrap();
    for (n, example) in examples.iter().enumerate() {
        let path = dir.path().join(format!("example-{n}.yaml"));
        fs::write(&path, example).unwrap();
        let loaded = evenkeel::config::load(&path).map_err(|problems| format!("{problems:#?}"));
        loaded.unwrap_or_else(|problems| panic!("{example}\n{problems}"));
    }
}
