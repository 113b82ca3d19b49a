//! Values that are written as words, as the document describes them: with what is accepted, no more and (but for the longest
//! durations) no less.

use utoipa::openapi::schema::{AdditionalProperties, OneOfBuilder};
use utoipa::openapi::{Object, ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::balance::strategy::StrategyKind;
use crate::command::LONGEST_REASON;
use crate::control::admin::wish::{Lasting, Reason, StateWish};

/// The name of a strategy.
pub(in crate::control::admin) struct StrategyWord;

impl PartialSchema for StrategyWord {
    fn schema() -> RefOr<Schema> {
        one_of(StrategyKind::ALL.map(StrategyKind::name)).into()
    }
}

impl ToSchema for StrategyWord {}

impl PartialSchema for Lasting {
    fn schema() -> RefOr<Schema> {
        let pattern = "^(?=.*[1-9])(1?[0-9]h)?([0-9]{1,2}m)?([0-9]{1,4}s)?([0-9]{1,6}ms)?$";
        let words = "A duration with units, at most 24h: `90s`, `1h30m`";
        text().pattern(Some(pattern)).description(Some(words)).into()
    }
}

impl ToSchema for Lasting {}

impl PartialSchema for Reason {
    fn schema() -> RefOr<Schema> {
        text().pattern(Some("^[^\\u0000-\\u001f\\u007f-\\u009f]*$")).max_length(Some(LONGEST_REASON)).into()
    }
}

impl ToSchema for Reason {}

/// Which keys go together depends on the state.
impl PartialSchema for StateWish {
    fn schema() -> RefOr<Schema> {
        let then = |wish: ObjectBuilder| {
            let after = or_null(Lasting::schema());
            wish.property("then", one_of(["down"])).required("then").property("after", after)
        };
        OneOfBuilder::new()
            .item(closed(wish("up", &[false])))
            .item(closed(wish("drain", &[false])))
            .item(closed(then(wish("drain", &[true, false]))))
            .item(closed(wish("down", &[true, false])))
            .description(Some("What a backend shall be: `up` takes requests; `drain` takes no new ones, and with `then` goes down by itself when nothing is in flight any more or the time `after` is over; `down` is off. `cut` breaks the running requests when it goes down."))
            .into()
    }
}

impl ToSchema for StateWish {}

fn wish(state: &str, cut: &[bool]) -> ObjectBuilder {
    let cut = ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some(cut.to_vec()));
    ObjectBuilder::new()
        .property("state", one_of([state]))
        .required("state")
        .property("for", or_null(Lasting::schema()))
        .property("reason", or_null(Reason::schema()))
        .property("force", bool::schema())
        .property("cut", cut)
        .property("then", null())
        .property("after", null())
}

fn closed(object: ObjectBuilder) -> Object {
    object.additional_properties(Some(AdditionalProperties::FreeForm(false))).build()
}

fn one_of<const N: usize>(words: [&str; N]) -> ObjectBuilder {
    text().enum_values(Some(words))
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn or_null(schema: RefOr<Schema>) -> Schema {
    OneOfBuilder::new().item(schema).item(null()).into()
}

fn null() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Null)
}
