//! The tree that YAML makes.
//!
//! Unlike `serde_yaml::Value` it keeps what has to be complained about (keys written twice, tags) and is bounded, also when
//! aliases multiply it. Where its values stand in the text is known to [`super::place`].

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor};

/// What a tree may cost: [`NODE`] for each value, and the bytes of its text.
pub(super) const BUDGET: usize = 16 << 20;
const NODE: usize = 64;

/// A value as written.
#[derive(Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Whole(i128),
    Real(f64),
    Text(String),
    List(Vec<Self>),
    /// In the order of the file; a key may occur more than once.
    Map(Vec<(String, Self)>),
    /// `!tag` and something.
    Tagged(String),
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("an empty value"),
            Self::Bool(value) => value.fmt(f),
            Self::Whole(number) => number.fmt(f),
            Self::Real(number) => number.fmt(f),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::List(items) if items.is_empty() => f.write_str("an empty list"),
            Self::List(_) => f.write_str("a list"),
            Self::Map(_) => f.write_str("a group of keys"),
            Self::Tagged(tag) => write!(f, "a value with the tag {}", quoted(&format!("!{tag}"))),
        }
    }
}

/// Text of the file as messages show it: in quotes, escaped, and not too much of it.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 48;
    let shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("\"{shown}{more}\"")
}

/// Builds a [`Node`] out of whatever comes, within the budget.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth<'b> {
    /// What is left of [`BUDGET`].
    pub left: &'b Cell<usize>,
}

impl Growth<'_> {
    fn pay<E: Error>(self, text: usize) -> Result<(), E> {
        let left = self.left.get().checked_sub(NODE + text).ok_or_else(|| E::custom("too many values"))?;
        self.left.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Growth<'_> {
    type Value = Node;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        self.pay(0)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Growth<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Whole(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Whole(number.into()))
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Node, E> {
        Ok(Node::Whole(number))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Node, E> {
        Ok(Node::Whole(i128::try_from(number).unwrap_or(i128::MAX)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Real(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        self.pay(text.len())?;
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry_seed(self, self)? {
            let key = if let Node::Text(text) = key { text } else { key.to_string() };
            map.push((key, value));
        }
        Ok(Node::Map(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Node, A::Error> {
        let (tag, content) = tagged.variant::<String>()?;
        content.newtype_variant::<IgnoredAny>()?;
        Ok(Node::Tagged(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_harmless() {
        assert_eq!(quoted("a\x1b[2J\u{202e}\"b"), r#""a\u{1b}[2J\u{202e}\"b""#);
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), 51);
    }
}
