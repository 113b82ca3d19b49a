//! Times of day for lines. Requests bring instants, so the clock of the wall is asked once a second, and so is the calendar.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::text::thousandths;
use crate::clock;
use crate::config::LogFormat;

/// For how long an instant and its time of day are believed to go on together: either clock may be set, or stand still.
const TRUST: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct TimeOfDay {
    format: LogFormat,
    zone: TimeZone,
    /// An instant, and when that was, in milliseconds since the Unix epoch.
    anchor: Option<(Instant, u64)>,
    second: u64,
    /// The second as text: what comes before its fraction, and what after it.
    text: (String, String),
}

impl TimeOfDay {
    /// Times in this zone, as the format wants them.
    pub(super) fn new(format: LogFormat, zone: TimeZone) -> Self {
        let mut time = Self { format, zone, anchor: None, second: 0, text: Default::default() };
        time.write_second(0);
        time
    }

    /// Appends the time of an instant that is now or was a moment ago.
    pub(super) fn append(&mut self, out: &mut Vec<u8>, at: Instant) {
        let trusted = self.anchor.filter(|(anchor, _)| at.saturating_duration_since(*anchor) < TRUST);
        let (anchor, unix_ms) = trusted.unwrap_or_else(|| (at, clock::unix_ms()));
        self.anchor = Some((anchor, unix_ms));
        let unix_ms = unix_ms + at.saturating_duration_since(anchor).as_millis() as u64;
        self.append_unix_ms(out, unix_ms);
    }

    fn append_unix_ms(&mut self, out: &mut Vec<u8>, unix_ms: u64) {
        let second = unix_ms / 1000;
        if second != self.second {
            self.write_second(second);
        }
        let (before, after) = &self.text;
        out.extend_from_slice(before.as_bytes());
        if self.format == LogFormat::Json {
            thousandths(out, unix_ms);
        }
        out.extend_from_slice(after.as_bytes());
    }

    fn write_second(&mut self, second: u64) {
        self.second = second;
        let at = Timestamp::from_second(second.cast_signed()).unwrap_or(Timestamp::MAX).to_zoned(self.zone.clone());
        self.text = match self.format {
            LogFormat::Combined => (at.strftime("%d/%b/%Y:%H:%M:%S %z").to_string(), String::new()),
            LogFormat::Json => (at.strftime("%Y-%m-%dT%H:%M:%S").to_string(), at.strftime("%:z").to_string()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(format: LogFormat, times: &[u64]) -> Vec<String> {
        let mut time = TimeOfDay::new(format, TimeZone::fixed(jiff::tz::offset(1)));
        let text = |unix_ms: &u64| {
            let mut out = Vec::new();
            time.append_unix_ms(&mut out, *unix_ms);
            String::from_utf8(out).unwrap()
        };
        times.iter().map(text).collect()
    }

    #[test]
    fn each_format_has_its_own() {
        let times = [1_795_266_151_123, 1_795_266_151_999, 1_795_266_152_000, 0, u64::MAX];
        let combined = texts(LogFormat::Combined, &times);
        assert_eq!(combined[0], "21/Nov/2026:14:02:31 +0100");
        assert_eq!(combined[0], combined[1]);
        assert_eq!(combined[2], "21/Nov/2026:14:02:32 +0100");
        let json = texts(LogFormat::Json, &times);
        assert_eq!(json[..2], ["2026-11-21T14:02:31.123+01:00", "2026-11-21T14:02:31.999+01:00"]);
        assert_eq!(json[3], "1970-01-01T01:00:00.000+01:00");
        assert!(json[4].starts_with("9999-"), "{json:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_wall_is_asked_again_after_a_pause() {
        let mut time = TimeOfDay::new(LogFormat::Json, TimeZone::UTC);
        let began = Instant::now();
        time.append(&mut Vec::new(), began);
        time.append(&mut Vec::new(), began + TRUST / 2);
        assert_eq!(time.anchor.map(|(anchor, _)| anchor), Some(began));
        time.append(&mut Vec::new(), began + TRUST);
        assert_eq!(time.anchor.map(|(anchor, _)| anchor), Some(began + TRUST));
    }
}
