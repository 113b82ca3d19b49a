//! Where the keys and values of a YAML text stand, by path. Built only when there is something to say about a file.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser};

use super::node::quoted;

/// Line and column, from 1.
pub(super) type Place = (usize, usize);

/// Paths grow no longer than this; what lies deeper stands where its ancestor stands. Keeps hostile files cheap.
const LONGEST_PATH: usize = 200;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Places {
    keys: HashMap<String, Place>,
    values: HashMap<String, Place>,
}

/// `parent.key`; unusual keys in quotes.
pub(super) fn key_path(parent: &str, key: &str) -> String {
    let plain = key.len() <= 40 && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let key = if plain && !key.is_empty() { key.to_owned() } else { quoted(key) };
    if parent.is_empty() { key } else { format!("{parent}.{key}") }
}

/// `parent[index]`.
pub(super) fn item_path(parent: &str, index: usize) -> String {
    format!("{parent}[{index}]")
}

/// Where the second document of a text begins.
pub(super) fn second_document(text: &str) -> Option<Place> {
    events(text).filter(|(event, _)| matches!(event, Event::DocumentStart(_))).nth(1).map(|(_, place)| place)
}

/// As much of a text as can be read.
fn events(text: &str) -> impl Iterator<Item = (Event<'_>, Place)> {
    let events = Parser::new_from_str(text).map_while(Result::ok);
    events.map(|(event, span)| (event, (span.start.line(), span.start.col() + 1)))
}

/// A list or map whose end has not been seen yet.
enum Open {
    List {
        path: String,
        next: usize,
    },
    /// `value` is the path of the value that belongs to the last key; `None` when a key comes next.
    Map {
        path: String,
        value: Option<String>,
    },
}

impl Places {
    /// The places of a text.
    pub(super) fn of(text: &str) -> Self {
        let mut places = Self::default();
        let mut open: Vec<Open> = Vec::new();
        for (event, place) in events(text) {
            match event {
                Event::Scalar(text, ..) => {
                    places.note(&mut open, &text, place);
                }
                Event::Alias(_) => {
                    places.note(&mut open, "*", place);
                }
                Event::SequenceStart(..) => {
                    let path = places.note(&mut open, "a list", place);
                    open.push(Open::List { path, next: 0 });
                }
                Event::MappingStart(..) => {
                    let path = places.note(&mut open, "a group of keys", place);
                    open.push(Open::Map { path, value: None });
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    open.pop();
                }
                _ => {}
            }
        }
        places
    }

    /// Notes the place of the next key or value, whichever it is, and returns its path. Of a key that is written twice
    /// the last one stays. `text` matters for keys only.
    fn note(&mut self, open: &mut [Open], text: &str, place: Place) -> String {
        let bounded = |path: &str, longer: String| if longer.len() > LONGEST_PATH { path.to_owned() } else { longer };
        match open.last_mut() {
            None => {
                self.values.entry(String::new()).or_insert(place);
                String::new()
            }
            Some(Open::List { path, next }) => {
                let item = bounded(path, item_path(path, *next));
                *next += 1;
                self.values.insert(item.clone(), place);
                item
            }
            Some(Open::Map { path, value }) => match value.take() {
                None => {
                    let key = bounded(path, key_path(path, text));
                    self.keys.insert(key.clone(), place);
                    *value = Some(key.clone());
                    key
                }
                Some(key) => {
                    self.values.insert(key.clone(), place);
                    key
                }
            },
        }
    }

    /// Where a key stands.
    pub(super) fn key(&self, path: &str) -> Option<Place> {
        self.keys.get(path).copied().or_else(|| self.value(path))
    }

    /// Where a value stands; one that is not written there (missing, or behind an alias) stands where its parent stands.
    pub(super) fn value(&self, path: &str) -> Option<Place> {
        let ancestors = std::iter::successors(Some(path), |path| {
            let end = path.rfind(['.', '[']).unwrap_or(0);
            (!path.is_empty()).then(|| &path[..end])
        });
        ancestors.map(|path| self.values.get(path)).find_map(Option::<&Place>::copied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# a comment
pools:
  - name: web
    backends: [http://a:1, {url: 'x', weight: 300}]
  - name: web
    name: other
    health_check: &check
      path: /é
      interval:
  - health_check: *check
\"odd.key\": {a: [[7]]}
";

    #[test]
    fn keys_and_values_are_found_by_path() {
        let places = Places::of(TEXT);
        for (path, key, value) in [
            ("pools", (2, 1), (3, 3)),
            ("pools[0].name", (3, 5), (3, 11)),
            ("pools[0].backends[0]", (4, 16), (4, 16)),
            ("pools[0].backends[1].weight", (4, 39), (4, 47)),
            ("pools[1].name", (6, 5), (6, 11)),
            ("pools[1].health_check.path", (8, 7), (8, 13)),
            ("pools[2].health_check", (10, 5), (10, 19)),
            ("\"odd.key\".a[0][0]", (11, 18), (11, 18)),
        ] {
            assert_eq!((places.key(path), places.value(path)), (Some(key), Some(value)), "{path}");
        }
    }

    #[test]
    fn what_is_not_there_stands_where_its_parent_stands() {
        let places = Places::of(TEXT);
        assert_eq!(places.value("pools[0].backends[1].missing"), Some((4, 28)));
        assert_eq!(places.value("pools[2].health_check.path"), Some((10, 19)));
        assert_eq!(places.value("nowhere"), Some((2, 1)));
        assert_eq!(Places::of("").value("nowhere"), None);
    }
}
