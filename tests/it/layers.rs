//! The layers of the house hold: every `use crate::` points downwards, and what a room must not know it does not name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms by layer, the lowest first. A room may use lower layers, and neighbours that do not use it in turn.
const LAYERS: [&[&str]; 6] = [
    &["balance"],
    &[
        "clock",
        "command",
        "config",
        "event",
        "explain",
        "inherited",
        "listener",
        "plan",
        "route",
        "running",
        "secret",
        "system_error",
        "shutdown",
        "tally",
    ],
    &["client", "telemetry"],
    &["control", "proxy"],
    &["tui"],
    &["app", "cli", "demo", "verbs"],
];

/// Rooms that must not know each other although their layers would allow it.
const STRANGERS: [(&str, &str); 4] = [("control", "proxy"), ("proxy", "control"), ("tui", "control"), ("tui", "proxy")];

/// Names that must not occur in the code of these layers.
const FOREIGN: [(&str, &[usize]); 7] = [
    ("tokio", &[0]),
    ("Instant", &[0]),
    ("SystemTime", &[0]),
    ("hyper", &[0, 1, 4]),
    ("axum", &[0, 1, 4]),
    ("ratatui", &[0, 1, 2, 3]),
    ("crossterm", &[0, 1, 2, 3]),
];

fn layer(room: &str) -> usize {
    LAYERS.iter().position(|rooms| rooms.contains(&room)).unwrap_or_else(|| panic!("{room} has no layer"))
}

/// Every source file with the room it belongs to; `lib.rs` and `main.rs` stand above all rooms.
fn sources() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let first = path.strip_prefix(&root).unwrap().iter().next().unwrap().to_str().unwrap();
                found.push((first.trim_end_matches(".rs").to_owned(), path));
            }
        }
    }
    found.retain(|(room, _)| room != "lib" && room != "main");
    assert!(found.len() > 20, "the sources have not been found");
    found
}

/// A file without its comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code)).collect::<Vec<_>>().join("\n")
}

/// The rooms that a piece of code names by `crate::room` or `crate::{room, room}`.
fn rooms_named(code: &str) -> BTreeSet<String> {
    let name = |text: &str| text.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned();
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => rooms.extend(top_level_items(list).iter().map(|item| name(item))),
            None => drop(rooms.insert(name(rest))),
        }
    }
    rooms
}

/// The items of `a, b::{c, d}, e}` that are not within inner braces.
fn top_level_items(list: &str) -> Vec<String> {
    let (mut depth, mut items) = (0, vec![String::new()]);
    for c in list.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => items.push(String::new()),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                items.last_mut().expect("there is always an item").push(c);
            }
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

#[test]
fn every_use_points_downwards() {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (room, path) in sources() {
        for other in rooms_named(&code(&path)) {
            if other == room {
                continue;
            }
            if layer(&other) > layer(&room) || STRANGERS.contains(&(&room, &other)) {
                wrong.push(format!("{} uses {other}", path.display()));
            }
            used.entry(room.clone()).or_default().insert(other);
        }
    }
    for (room, others) in &used {
        let mutual = others.iter().filter(|other| used.get(*other).is_some_and(|theirs| theirs.contains(room)));
        wrong.extend(mutual.map(|other| format!("{room} and {other} use each other")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_room_names_what_it_must_not_know() {
    let mut wrong = Vec::new();
    for (room, path) in sources() {
        let code = code(&path);
        let words: BTreeSet<_> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let named = FOREIGN.iter().filter(|(name, layers)| layers.contains(&layer(&room)) && words.contains(name));
        wrong.extend(named.map(|(name, _)| format!("{} names {name}", path.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn modules_have_names() {
    let nameless: Vec<_> = sources().into_iter().filter(|(_, path)| path.ends_with("mod.rs")).collect();
    assert!(nameless.is_empty(), "{nameless:?}");
}

#[test]
fn the_reader_of_use_lines_reads_them_all() {
    let code = "use crate::{config, balance::{pool::Pool, lease}, event::Event};\nlet now = crate::clock::now();\n\
                pub(crate) use crate::tally::{Cause, Tally};";
    let rooms: Vec<_> = rooms_named(code).into_iter().collect();
    assert_eq!(rooms, ["balance", "clock", "config", "event", "tally"]);
}
