//! Figures in as few characters as they can be read in.

/// A count in at most five characters: `842`, `12.3k`, `4.5M`.
pub(super) fn count(n: u64) -> String {
    let scaled = |unit: f64, suffix: char| {
        let value = n as f64 / unit;
        if value < 99.95 { format!("{value:.1}{suffix}") } else { format!("{value:.0}{suffix}") }
    };
    match n {
        0..10_000 => n.to_string(),
        10_000..999_500 => scaled(1e3, 'k'),
        999_500..999_500_000 => scaled(1e6, 'M'),
        _ => scaled(1e9, 'G'),
    }
}

/// Something per second, in at most five characters: `0`, `0.4`, `212`, `12.3k`.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        r if r <= 0.0 => "0".to_owned(),
        r if r < 0.05 => "<0.1".to_owned(),
        r if r < 9.95 => format!("{r:.1}"),
        r => count(r.round() as u64),
    }
}

/// A time in at most five characters: `0.3ms`, `41ms`, `1.2s`, `134s`.
pub(crate) fn latency(us: u64) -> String {
    match us {
        0..50 => "<.1ms".to_owned(),
        50..9_950 => format!("{:.1}ms", us as f64 / 1e3),
        9_950..999_500 => format!("{:.0}ms", us as f64 / 1e3),
        999_500..9_950_000 => format!("{:.1}s", us as f64 / 1e6),
        _ => format!("{}s", count(us / 1_000_000)),
    }
}

/// A ratio in percent without the sign, in at most five characters. What is not zero never looks like zero.
pub(crate) fn percent(ratio: f64) -> String {
    match ratio * 100.0 {
        p if p > 0.0 && p < 0.05 => "<0.1".to_owned(),
        p if p >= 99.95 => format!("{p:.0}"),
        p => format!("{p:.1}"),
    }
}

/// A length of time to the second: `0:27`, `3:14:07`, `12d 3:14`.
pub(crate) fn clock(ms: u64) -> String {
    let (minutes, seconds) = (ms / 60_000, ms / 1_000 % 60);
    match (minutes / 1_440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes}:{seconds:02}"),
        (0, hours, minutes) => format!("{hours}:{minutes:02}:{seconds:02}"),
        (days, hours, minutes) => format!("{days}d {hours}:{minutes:02}"),
    }
}

/// An amount of data: `512 B`, `1.2 MB`.
pub(super) fn bytes(n: u64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match units.into_iter().find(|(unit, _)| n as f64 >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", n as f64 / unit),
        None => format!("{n} B"),
    }
}

/// The name of a window.
pub(super) fn window(seconds: u64) -> String {
    format!("{} min", seconds / 60)
}

/// The least of 1, 1.5, 2, 3, 5, 7.5 times a power of ten that is at least `max`: axes that seldom change.
pub(super) fn axis_top(max: f64) -> f64 {
    let power = 10_f64.powf(max.clamp(1.0, 1e15).log10().floor());
    [1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0].into_iter().map(|step| step * power).find(|top| *top >= max).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([842, 9_999, 12_345, 99_960, 999_499, 999_500].map(count), ["842", "9999", "12.3k", "100k", "999k", "1.0M"]);
        assert_eq!([0.0, 0.01, 0.44, 9.94, 9.96, 212.4, 12_345.0].map(rate), ["0", "<0.1", "0.4", "9.9", "10", "212", "12.3k"]);
        assert_eq!(
            [12, 310, 9_940, 41_200, 999_700, 1_240_000, 134_000_000].map(latency),
            ["<.1ms", "0.3ms", "9.9ms", "41ms", "1.0s", "1.2s", "134s"]
        );
        assert_eq!([0.0, 0.0001, 0.012, 0.2524, 0.9996, 1.0].map(percent), ["0.0", "<0.1", "1.2", "25.2", "100", "100"]);
        assert_eq!([27_900, 11_647_000, 1_044_840_000].map(clock), ["0:27", "3:14:07", "12d 2:14"]);
        assert_eq!([512, 1_240_000].map(bytes), ["512 B", "1.2 MB"]);
        assert_eq!([0.0, 842.0, 1_000.0, 1_001.0, 4_000.0].map(|max| axis_top(max) as u64), [1, 1_000, 1_000, 1_500, 5_000]);
    }

    proptest! {
        #[test]
        fn figures_fit_their_columns(n in any::<u64>(), us in 0_u64..10_000_000_000, ratio in 0.0..1.0_f64, max in 0.0..1e12_f64) {
            prop_assert!(count(n % 1_000_000_000_000).len() <= 5);
            prop_assert!(rate(ratio * 1e9).len() <= 5);
            prop_assert!(latency(us).len() <= 5, "{}", latency(us));
            prop_assert!(percent(ratio).len() <= 4);
            prop_assert!(axis_top(max) >= max);
        }
    }
}
