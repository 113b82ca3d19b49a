//! Single values: numbers, durations, sizes, percentages, ranges and choices. Each parser returns the value, or what is
//! wrong and what is allowed.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::node::{Node, quoted};

/// The result of a parser.
pub(super) type Parsed<T> = Result<T, String>;

/// Longest duration a config may ask for.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
const DURATION: &str = "write a duration such as 250ms, 5s, 1m30s or 1h";

/// `true` or `false`.
pub(super) fn flag(node: &Node) -> Parsed<bool> {
    if let Node::Bool(value) = node { Ok(*value) } else { Err(format!("{node} is neither true nor false")) }
}

/// A whole number in a range.
pub(super) fn whole<T: TryFrom<i128> + PartialOrd + Display>(range: RangeInclusive<T>) -> impl Fn(&Node) -> Parsed<T> {
    move |node| {
        let allowed = format!("from {} to {}", range.start(), range.end());
        let Node::Whole(number) = node else {
            return Err(format!("{node} is not a whole number; write one {allowed}"));
        };
        (T::try_from(*number).ok().filter(|number| range.contains(number)))
            .ok_or_else(|| format!("{number} is out of range; write a whole number {allowed}"))
    }
}

/// `auto`, or what `parse` makes of it.
pub(super) fn auto_or<T>(auto: T, parse: impl FnOnce(&Node) -> Parsed<T>) -> impl FnOnce(&Node) -> Parsed<T> {
    move |node| match node {
        Node::Text(text) if text == "auto" => Ok(auto),
        other => parse(other).map_err(|message| format!("{message}, or auto")),
    }
}

/// One of the names.
pub(super) fn choice<T: Copy>(choices: &[(&str, T)]) -> impl Fn(&Node) -> Parsed<T> {
    move |node| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let unknown = |guess: String| Err(format!("{node} is not known; {guess}allowed: {}", names.join(", ")));
        let Node::Text(word) = node else { return unknown(String::new()) };
        match choices.iter().find(|(name, _)| name == word) {
            Some((_, value)) => Ok(*value),
            None => unknown(nearest(word, &names).map(|near| format!("did you mean {near}? ")).unwrap_or_default()),
        }
    }
}

/// The name that was probably meant by a misspelt word.
pub(super) fn nearest<'a>(word: &str, names: &[&'a str]) -> Option<&'a str> {
    const ALIKE: f64 = 0.8;
    if word.len() > 64 {
        return None;
    }
    let word = word.to_lowercase().replace('-', "_");
    (names.iter().map(|name| (strsim::jaro_winkler(&word, name), *name)))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// `250ms`, `5s`, `1m30s`, `1h`; also `0s`.
pub(super) fn duration(node: &Node) -> Parsed<Duration> {
    match node {
        Node::Text(text) => duration_text(text),
        Node::Whole(number) if *number >= 0 => Err(format!("{number} has no unit; did you mean {number}s? {DURATION}")),
        other => Err(format!("{other} is not a duration; {DURATION}")),
    }
}

/// A duration longer than nothing.
pub(super) fn time(node: &Node) -> Parsed<Duration> {
    match duration(node)? {
        Duration::ZERO => Err(format!("{node} is no time at all; {DURATION}")),
        time => Ok(time),
    }
}

/// `25ms..250ms`: shortest and longest.
pub(super) fn duration_range(node: &Node) -> Parsed<(Duration, Duration)> {
    let (min, max) = match node {
        Node::Text(text) => text.split_once(".."),
        _ => None,
    }
    .ok_or_else(|| format!("{node} is not a range; write two durations such as 25ms..250ms"))?;
    let (min, max) = (duration_text(min)?, duration_text(max)?);
    if min > max { Err(format!("{node} is upside down; write the shorter duration first")) } else { Ok((min, max)) }
}

/// A duration as configs write it, and longer than nothing: `90s`, `1h30m`.
pub fn span(text: &str) -> Result<Duration, String> {
    time(&Node::Text(text.to_owned()))
}

fn duration_text(text: &str) -> Parsed<Duration> {
    let total = sum_of_units(text).ok_or_else(|| format!("{} is not a duration; {DURATION}", quoted(text)))?;
    if total > LONGEST { Err(format!("{} is too long; write at most 24h", quoted(text))) } else { Ok(total) }
}

/// Numbers with units, the larger unit first, each at most once.
fn sum_of_units(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    for (unit, millis) in [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        let (number, after) = rest.split_at(digits(rest));
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        if after[..letters] == *unit {
            total = total.checked_add(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(millis)?))?;
            rest = &after[letters..];
        }
    }
    (rest.is_empty() && !text.is_empty()).then_some(total)
}

fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
}

/// `512B`, `8KB`, `32KiB`, `1MiB`: bytes within a range.
pub(super) fn size(range: RangeInclusive<usize>) -> impl Fn(&Node) -> Parsed<usize> {
    const SIZE: &str = "write a size such as 512B, 8KB, 32KiB or 1MiB";
    const UNITS: [(&str, usize); 7] =
        [("B", 1), ("KB", 1000), ("KiB", 1 << 10), ("MB", 1_000_000), ("MiB", 1 << 20), ("GB", 1_000_000_000), ("GiB", 1 << 30)];
    move |node| {
        let text = match node {
            Node::Text(text) => text,
            Node::Whole(number) if *number >= 0 => return Err(format!("{number} has no unit; did you mean {number}B? {SIZE}")),
            other => return Err(format!("{other} is not a size; {SIZE}")),
        };
        let (number, unit) = text.split_at(digits(text));
        let unit = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
        let Some(bytes) = unit.and_then(|(_, bytes)| number.parse::<usize>().ok()?.checked_mul(*bytes)) else {
            return Err(format!("{node} is not a size; {SIZE}"));
        };
        if range.contains(&bytes) {
            return Ok(bytes);
        }
        Err(format!("{node} is out of range; write a size from {} to {}", size_text(*range.start()), size_text(*range.end())))
    }
}

fn size_text(bytes: usize) -> String {
    match bytes {
        _ if bytes > 0 && bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ if bytes > 0 && bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        _ => format!("{bytes}B"),
    }
}

/// `20%`.
pub(super) fn percent(node: &Node) -> Parsed<u32> {
    let wrong = |what: &str| Err(format!("{node} {what}; write a percentage from 0% to 100%"));
    match node {
        Node::Text(text) => match text.strip_suffix('%').and_then(|number| number.parse().ok()) {
            Some(percent @ 0..=100) => Ok(percent),
            Some(_) => wrong("is out of range"),
            None => wrong("is not a percentage"),
        },
        Node::Whole(_) | Node::Real(_) => wrong("has no % sign"),
        _ => wrong("is not a percentage"),
    }
}

/// `200` or `200-399`: HTTP statuses, inclusive.
pub(super) fn statuses(node: &Node) -> Parsed<(u16, u16)> {
    let range = match node {
        Node::Whole(status) => u16::try_from(*status).ok().map(|status| (status, status)),
        Node::Text(text) => text.split_once('-').and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?))),
        _ => None,
    };
    (range.filter(|(low, high)| (100..=*high).contains(low) && *high <= 599))
        .ok_or_else(|| format!("{node} is not a status; write one such as 200, or a range such as 200-399"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        super::super::yaml::parse(text).expect(text)
    }

    #[test]
    fn durations_carry_units() {
        for (text, millis) in
            [("250ms", 250), ("5s", 5000), ("1m30s", 90_000), ("1h", 3_600_000), ("0s", 0), ("1h1m1s1ms", 3_661_001)]
        {
            assert_eq!(duration(&node(text)), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["5", "", "s", "5x", "5 s", "1s1m", "1s1s", "-5s", "1.5s", "5ss", "99999999999999999999s", "25h", "~", "[]", "٣s"]
        {
            assert!(duration(&node(text)).is_err(), "{text}");
        }
        assert_eq!(duration(&node("24h")), Ok(LONGEST));
        assert!(time(&node("0ms")).is_err());
    }

    #[test]
    fn duration_ranges_go_up() {
        assert_eq!(duration_range(&node("25ms..1s")), Ok((Duration::from_millis(25), Duration::from_secs(1))));
        assert_eq!(duration_range(&node("0s..0s")), Ok((Duration::ZERO, Duration::ZERO)));
        for text in ["25ms", "1s..25ms", "..", "1..2", "1s...2s", "5"] {
            assert!(duration_range(&node(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_carry_units() {
        let any = size(0..=usize::MAX);
        for (text, bytes) in [
            ("512B", 512),
            ("8KB", 8000),
            ("32KiB", 32768),
            ("1MiB", 1 << 20),
            ("2mb", 2_000_000),
            ("1GB", 1_000_000_000),
            ("2GiB", 2 << 30),
            ("0B", 0),
        ] {
            assert_eq!(any(&node(text)), Ok(bytes), "{text}");
        }
        for text in ["512", "KiB", "1.5MiB", "-1B", "1TiBs", "99999999999999999999B", "18446744073709551615MiB", "true"] {
            assert!(any(&node(text)).is_err(), "{text}");
        }
        assert_eq!(
            size(1 << 10..=1 << 20)(&node("2MiB")),
            Err("\"2MiB\" is out of range; write a size from 1KiB to 1MiB".into())
        );
    }

    #[test]
    fn percentages_carry_their_sign() {
        assert_eq!(percent(&node("20%")), Ok(20));
        assert!(percent(&node("20")).is_err());
        for text in ["20", "0.2", "101%", "-1%", "%5", "x%", "%"] {
            assert!(percent(&Node::Text(text.to_owned())).is_err(), "{text}");
        }
    }

    #[test]
    fn statuses_are_one_or_a_range() {
        assert_eq!(statuses(&node("204")), Ok((204, 204)));
        assert_eq!(statuses(&node("200-399")), Ok((200, 399)));
        for text in ["99", "600", "399-200", "200-600", "2xx", "-200", "200-", "70000", "true"] {
            assert!(statuses(&node(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_name_is_near() {
        let names = ["round_robin", "weighted_round_robin", "least_connections", "peak_ewma"];
        for (word, expected) in [
            ("round-robin", Some("round_robin")),
            ("Round_Robin", Some("round_robin")),
            ("leastconn", Some("least_connections")),
            ("peak_emwa", Some("peak_ewma")),
            ("fastest", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &names), expected, "{word}");
        }
    }
}
