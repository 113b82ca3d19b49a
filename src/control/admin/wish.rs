//! The bodies of calls that change something: strict JSON, in the words of the config.

use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::openapi::StrategyWord;
use crate::balance::backend::Mode;
use crate::balance::strategy::StrategyKind;
use crate::command::{self, MAX_WEIGHT, Terms, ThenDown};
use crate::config::span;

/// What a backend shall be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateWish {
    /// `up`: takes requests. `drain`: no new ones, running ones finish. `down`: off.
    pub(super) state: Mode,
    /// For how long, such as `10m` or `1h30m`; then it goes back by itself.
    #[serde(default, rename = "for")]
    pub(super) lasting: Option<Lasting>,
    /// Why.
    #[serde(default)]
    pub(super) reason: Option<Reason>,
    /// Even if nobody is left to serve.
    #[serde(default)]
    pub(super) force: bool,
    /// Break the running requests, when it goes `down`.
    #[serde(default)]
    pub(super) cut: bool,
    /// With `drain`: go down by itself, when nothing is in flight any more.
    #[serde(default)]
    then: Option<Then>,
    /// With `then`: go down after this time, such as `60s`, whatever is in flight.
    #[serde(default)]
    after: Option<Lasting>,
}

/// How a drain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Then {
    Down,
}

impl StateWish {
    /// How a drain ends by itself, if it does.
    ///
    /// # Errors
    /// Keys that say nothing together.
    pub(super) fn then_down(&self) -> Result<Option<ThenDown>, &'static str> {
        let Self { state, cut, then, after, .. } = self;
        match then {
            Some(Then::Down) if *state != Mode::Drain => Err("then goes with the state drain only"),
            Some(Then::Down) => Ok(Some(ThenDown { after_ms: after.map(|Lasting(ms)| ms), cut: *cut })),
            None if after.is_some() => Err("after goes with then only"),
            None if *cut && *state != Mode::Down => Err("cut goes with the state down, or with then"),
            None => Ok(None),
        }
    }
}

/// What a backend shall weigh.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WeightWish {
    /// 0 gets nothing new; null is the configured weight.
    #[serde(deserialize_with = "whole")]
    #[schema(required = true, minimum = 0, maximum = 256)]
    pub(super) weight: Option<u32>,
    /// For how long, such as `10m` or `1h30m`; then it goes back by itself.
    #[serde(default, rename = "for")]
    pub(super) lasting: Option<Lasting>,
    /// Why.
    #[serde(default)]
    pub(super) reason: Option<Reason>,
    /// Even if nobody is left to serve.
    #[serde(default)]
    pub(super) force: bool,
}

/// How a pool shall choose.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StrategyWish {
    /// null is the configured strategy.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true, value_type = Option<StrategyWord>)]
    pub(super) strategy: Option<StrategyKind>,
    /// For how long, such as `10m` or `1h30m`; then it goes back by itself.
    #[serde(default, rename = "for")]
    pub(super) lasting: Option<Lasting>,
    /// Why.
    #[serde(default)]
    pub(super) reason: Option<Reason>,
    /// Even if nobody is left to serve.
    #[serde(default)]
    pub(super) force: bool,
}

/// How to undo, redo or reload.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Insistence {
    /// Even if nobody is left to serve.
    #[serde(default)]
    pub(super) force: bool,
}

/// A whole number, however it is written: for JSON, `5.0` is one.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match Option::<f64>::deserialize(deserializer)? {
        None => Ok(None),
        Some(number) if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) => Ok(Some(number as u32)),
        Some(number) => Err(serde::de::Error::custom(format!("{number} is no weight; 0 to {MAX_WEIGHT} is allowed"))),
    }
}

/// A duration with units, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lasting(u64);

impl<'de> Deserialize<'de> for Lasting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        span(&text).map(|span| Self(span.as_millis() as u64)).map_err(serde::de::Error::custom)
    }
}

/// Words of an operator, for one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason(Arc<str>);

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        command::reason(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// For how long, and why.
pub(super) fn terms(lasting: Option<Lasting>, reason: Option<Reason>) -> Terms {
    let reason = reason.map(|Reason(text)| text).filter(|text| !text.is_empty());
    Terms { for_ms: lasting.map(|Lasting(ms)| ms), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(json: &str) -> Result<StateWish, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn durations_have_the_units_of_the_config() {
        let wish = state(r#"{"state": "drain", "for": "1h30m", "reason": " deploy 12 ", "cut": false}"#).unwrap();
        assert_eq!((wish.state, wish.force), (Mode::Drain, false));
        assert_eq!(terms(wish.lasting, wish.reason), Terms { for_ms: Some(5_400_000), reason: Some("deploy 12".into()) });
        let wish = state(r#"{"state": "up", "for": null, "reason": ""}"#).unwrap();
        assert_eq!(terms(wish.lasting, wish.reason), Terms::default());
    }

    #[test]
    fn a_drain_may_end_in_down() {
        let then = |json| state(json).unwrap().then_down();
        assert_eq!(then(r#"{"state": "drain"}"#), Ok(None));
        assert_eq!(then(r#"{"state": "drain", "then": "down"}"#), Ok(Some(ThenDown { after_ms: None, cut: false })));
        let cut = then(r#"{"state": "drain", "then": "down", "after": "60s", "cut": true}"#);
        assert_eq!(cut, Ok(Some(ThenDown { after_ms: Some(60_000), cut: true })));
        for json in [
            r#"{"state": "up", "then": "down"}"#,
            r#"{"state": "drain", "after": "60s"}"#,
            r#"{"state": "drain", "cut": true}"#,
            r#"{"state": "up", "cut": true}"#,
        ] {
            then(json).unwrap_err();
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let long = format!(r#"{{"state": "up", "reason": "{}"}}"#, "a".repeat(201));
        for (json, problem) in [
            (r#"{"state": "dwon"}"#, "unknown variant `dwon`, expected one of `up`, `drain`, `down` at "),
            (r#"{"stat": "up"}"#, "unknown field `stat`, expected one of "),
            ("{}", "missing field `state` at "),
            (r#"{"state": "up", "state": "down"}"#, "duplicate field `state` at "),
            (r#"{"state": "up", "for": "10"}"#, "\"10\" is not a duration; "),
            (r#"{"state": "up", "for": "0s"}"#, "\"0s\" is no time at all; "),
            (r#"{"state": "up", "for": 600}"#, "invalid type: integer `600`, expected a string at "),
            (r#"{"state": "up", "reason": "a\u001b[2J"}"#, "a reason is one line of at most 200 characters at "),
            (&long, "a reason is one line of at most 200 characters at "),
        ] {
            let told = state(json).unwrap_err();
            assert!(told.starts_with(problem), "{json}: {told}");
        }
    }

    #[test]
    fn null_is_the_configured_value_and_has_to_be_written() {
        let weight =
            |json: &str| serde_json::from_str::<WeightWish>(json).map(|wish| wish.weight).map_err(|error| error.to_string());
        assert_eq!((weight(r#"{"weight": null}"#), weight(r#"{"weight": 5}"#)), (Ok(None), Ok(Some(5))));
        assert!(weight("{}").unwrap_err().starts_with("missing field `weight`"));
        assert_eq!(weight(r#"{"weight": 5.0}"#), Ok(Some(5)));
        for number in ["-1", "1.5", "1e300"] {
            let told = weight(&format!(r#"{{"weight": {number}}}"#)).unwrap_err();
            assert!(told.contains(" is no weight; 0 to 256 is allowed"), "{told}");
        }
        let strategy = |json| serde_json::from_str::<StrategyWish>(json).map(|wish| wish.strategy).ok();
        assert_eq!(strategy(r#"{"strategy": null}"#), Some(None));
        assert_eq!(strategy(r#"{"strategy": "peak_ewma"}"#), Some(Some(StrategyKind::PeakEwma)));
        assert_eq!(strategy("{}"), None);
    }
}
