//! YAML text to a tree of [`Node`]s, by `serde_yaml`; or what keeps it from being one.

use std::cell::Cell;

use serde::de::{Deserialize, DeserializeSeed, IgnoredAny};

use super::node::{BUDGET, Growth, Node};
use super::place::second_document;

/// Most brackets that may be open at once.
const BRACKETS: usize = 500;

/// Why a text is no tree.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// From 1; 0 = unknown.
    pub line: usize,
    /// From 1; 0 = unknown.
    pub column: usize,
    pub message: String,
}

impl Fault {
    /// The text as a whole is wrong.
    pub(super) fn of_all(message: impl Into<String>) -> Self {
        Self { line: 0, column: 0, message: message.into() }
    }

    /// What follows this text is wrong.
    pub(super) fn after(text: &str, message: impl Into<String>) -> Self {
        let line_start = text.rfind('\n').map_or(0, |newline| newline + 1);
        let (line, column) = (text.matches('\n').count() + 1, text[line_start..].chars().count() + 1);
        Self { line, column, message: message.into() }
    }
}

/// Reads a text.
pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    if let Some((offset, c)) = text.char_indices().find(|(_, c)| !is_allowed(*c)) {
        return Err(Fault::after(&text[..offset], format!("the character {c:?} is not allowed in YAML")));
    }
    if let Some(offset) = too_many_brackets(text) {
        return Err(Fault::after(&text[..offset], "too many nested brackets"));
    }
    let fault = |error: serde_yaml::Error| {
        let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
        let message = error.to_string().replace(&format!(" at line {line} column {column}"), "");
        let message = message.replace("did not find expected <document start>", "the line does not belong to what is above it");
        Fault { line, column, message: format!("cannot be read as YAML: {message}{}", hint(text, line, column)) }
    };
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let left = Cell::new(BUDGET);
    let tree = documents.next().map_or(Ok(Node::Null), |first| Growth { left: &left }.deserialize(first)).map_err(fault)?;
    if let Some(second) = documents.next() {
        // Junk after a document looks like another document; then this says what is wrong with it.
        IgnoredAny::deserialize(second).map_err(fault)?;
        let (line, column) = second_document(text).unwrap_or_default();
        return Err(Fault { line, column, message: "a second YAML document; keep one".to_owned() });
    }
    Ok(tree)
}

/// The characters of YAML 1.1, without the byte order mark.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{85}') || !(c.is_control() || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}'))
}

/// Where more brackets are open than any config needs. The parser behind `serde_yaml` takes quadratic time for them.
fn too_many_brackets(text: &str) -> Option<usize> {
    let mut open: usize = 0;
    text.bytes().position(|byte| {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open > BRACKETS
    })
}

/// What is probably behind a syntax error.
fn hint(text: &str, line: usize, column: usize) -> &'static str {
    let written = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let indent = written.len() - written.trim_start().len();
    let near = || written.chars().skip(column.saturating_sub(2)).take(2);
    if written[..indent].contains('\t') {
        "; indent with spaces, YAML allows no tabs there"
    } else if near().any(|c| c == '*') {
        "; put a value that starts with * in quotes"
    } else if near().any(|c| matches!(c, '@' | '`' | '%')) {
        "; put the value in quotes"
    } else if written.contains("[::") {
        "; put an IPv6 address in quotes"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Node {
        Node::Text(text.to_owned())
    }

    #[test]
    fn keeps_order_duplicates_and_tags() {
        let tree = parse("a: [1, 2.5, yes, null]\nb: !env X\na: true\n7: ~").expect("YAML");
        let expected = [
            ("a", Node::List(vec![Node::Whole(1), Node::Real(2.5), text("yes"), Node::Null])),
            ("b", Node::Tagged("env".to_owned())),
            ("a", Node::Bool(true)),
            ("7", Node::Null),
        ];
        assert_eq!(tree, Node::Map(expected.map(|(key, node)| (key.to_owned(), node)).into()));
    }

    #[test]
    fn aliases_repeat_what_they_name() {
        assert_eq!(parse("[&a {k: v}, *a]").expect("YAML"), parse("[{k: v}, {k: v}]").expect("YAML"));
    }

    #[test]
    fn bombs_are_refused() {
        let laughs = (0..9).fold("a: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
            format!("{text}b{n}: &a{next} [{aliases}]\n", next = n + 1, aliases = vec![format!("*a{n}"); 10].join(", "))
        });
        assert!(parse(&laughs).expect_err("no YAML").message.contains("repetition limit"));
        let long = format!("- &a {}\n{}", "x".repeat(1 << 20), "- *a\n".repeat(1000));
        assert!(parse(&long).expect_err("no YAML").message.contains("too many values"));
        assert!(parse(&"[".repeat(1 << 20)).expect_err("no YAML").message.contains("too many nested brackets"));
        assert!(parse("a: &a [*a]").expect_err("no YAML").message.contains("recursion limit"));
    }

    #[test]
    fn faults_have_a_place_and_often_a_hint() {
        for (text, line, column, expected) in [
            ("a: 1\nb: \0", 2, 4, "the character '\\0' is not allowed in YAML"),
            ("a:\n\tb: 1", 2, 1, "; indent with spaces"),
            ("hosts: *.example.org", 1, 9, "put a value that starts with * in quotes"),
            ("listen: [::1]:8080", 1, 10, "put an IPv6 address in quotes"),
            ("a: [1, 2", 2, 1, "did not find expected ',' or ']'"),
            ("a: *b", 1, 4, "unknown anchor"),
            ("a: 1\n---\nb: 2", 2, 1, "a second YAML document"),
            ("  a: 1\nb: 2", 2, 1, "the line does not belong"),
        ] {
            let fault = parse(text).expect_err("no YAML");
            assert!(fault.message.contains(expected), "{text:?}: {fault:?}");
            assert_eq!((fault.line, fault.column), (line, column), "{text:?}: {fault:?}");
        }
    }
}
