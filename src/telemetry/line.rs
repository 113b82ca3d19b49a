//! One event as one line: `2026-11-21T14:02:31.123+01:00 WARN web/api-3 answered 5xx`.

use std::fmt::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::event::{Event, Severity};

/// The line of an event, newline included. The time is RFC 3339 with milliseconds in `zone`.
pub fn format(at_unix_ms: u64, zone: &TimeZone, event: &Event) -> String {
    format_text(at_unix_ms, zone, event.severity(), &event.to_string())
}

/// The same of an event that is known by its words only.
pub fn format_text(at_unix_ms: u64, zone: &TimeZone, severity: Severity, text: &str) -> String {
    let at = i64::try_from(at_unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::MAX);
    let at = at.to_zoned(zone.clone());
    format!("{} {} {}\n", at.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z"), level(severity), Escaped(text))
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "INFO",
        Severity::Operator => "OPER",
        Severity::Warning => "WARN",
        Severity::Error => "ERROR",
    }
}

/// Text without power over a terminal: control characters, line separators and bidirectional overrides are shown escaped.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else if is_invisible(c) {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// Bidirectional formatting (the `Bidi_Control` property of Unicode) and the two separators that some viewers break lines at.
pub(super) const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::{BackendId, Verdict};
    use crate::balance::meter::Failure;

    fn line(event: &Event) -> String {
        format(1_795_266_151_123, &TimeZone::fixed(jiff::tz::offset(1)), event)
    }

    #[test]
    fn time_level_text() {
        let backend = BackendId::new("web", "api-3");
        assert_eq!(
            line(&Event::AttemptsFailed { backend: backend.clone(), failure: Failure::Reset, times: 2 }),
            "2026-11-21T14:02:31.123+01:00 WARN web/api-3 connection broke before the answer (x2)\n"
        );
        let unhealthy =
            Event::HealthChanged { backend, from: Verdict::Healthy, to: Verdict::Unhealthy, detail: "refused".into() };
        assert_eq!(line(&unhealthy), "2026-11-21T14:02:31.123+01:00 ERROR web/api-3 healthy -> unhealthy: refused\n");
    }

    #[test]
    fn utc_and_impossible_times() {
        let event = Event::ShutdownEnded { cut: 0 };
        assert!(format(0, &TimeZone::UTC, &event).starts_with("1970-01-01T00:00:00.000+00:00 INFO "));
        assert!(format(u64::MAX, &TimeZone::UTC, &event).starts_with("9999-12-3"));
    }

    #[test]
    fn nothing_reaches_the_terminal_unescaped() {
        let cases = [
            ("plain text, even \u{e9} and \u{6f22}", "plain text, even \u{e9} and \u{6f22}"),
            ("\u{1b}[31mred", r"\u{1b}[31mred"),
            ("two\r\nlines\t", r"two\r\nlines\t"),
            ("\u{9b}2J \u{7f}", r"\u{9b}2J \u{7f}"),
            ("\u{202e}drow\u{2069}", r"\u{202e}drow\u{2069}"),
            ("\u{2028}", r"\u{2028}"),
        ];
        for (raw, shown) in cases {
            assert_eq!(Escaped(raw).to_string(), shown);
        }
    }
}
