//! Values that are one of a few words, as the document describes them.

use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::balance::backend::Mode;
use crate::balance::strategy::StrategyKind;

/// What an operator wants of a backend.
pub(in crate::control::admin) struct ModeWord;

impl PartialSchema for ModeWord {
    fn schema() -> RefOr<Schema> {
        one_of([Mode::Up, Mode::Drain, Mode::Down].map(Mode::word))
    }
}

impl ToSchema for ModeWord {}

/// The name of a strategy.
pub(in crate::control::admin) struct StrategyWord;

impl PartialSchema for StrategyWord {
    fn schema() -> RefOr<Schema> {
        one_of(StrategyKind::ALL.map(StrategyKind::name))
    }
}

impl ToSchema for StrategyWord {}

fn one_of<const N: usize>(words: [&str; N]) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
}
