//! The text format itself: families of samples, each family with its help and its type.

use std::fmt::{Display, Write};

use crate::balance::totals::{LATENCY_BOUNDS_US, Latencies};

/// What is said of whom.
pub(super) type Labels<'a> = [(&'static str, &'a str)];

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    /// Begins a family of figures that only grow.
    pub(super) fn counter(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "counter", help)
    }

    /// Begins a family of figures that go up and down.
    pub(super) fn gauge(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "gauge", help)
    }

    /// Begins a family of distributions.
    pub(super) fn histogram(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "histogram", help)
    }

    /// All that has been written.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        put(&mut self.0, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Family { name, out: &mut self.0 }
    }
}

/// A family under way.
#[derive(Debug)]
pub(super) struct Family<'a> {
    name: &'static str,
    out: &'a mut String,
}

impl Family<'_> {
    /// One figure.
    pub(super) fn sample(&mut self, labels: &Labels<'_>, value: impl Display) {
        self.line("", labels, value);
    }

    /// One distribution.
    pub(super) fn distribution(&mut self, labels: &Labels<'_>, latencies: &Latencies) {
        let mut count = 0;
        for (index, more) in latencies.counts.iter().enumerate() {
            count += more;
            let bound = LATENCY_BOUNDS_US.get(index).map_or("+Inf".to_owned(), |us| (*us as f64 / 1e6).to_string());
            self.line("_bucket", &[labels, &[("le", &bound)]].concat(), count);
        }
        self.line("_sum", labels, latencies.sum_us as f64 / 1e6);
        self.line("_count", labels, count);
    }

    fn line(&mut self, suffix: &str, labels: &Labels<'_>, value: impl Display) {
        put(self.out, format_args!("{}{suffix}", self.name));
        for (index, (name, value)) in labels.iter().enumerate() {
            self.out.push(if index == 0 { '{' } else { ',' });
            put(self.out, format_args!("{name}=\"{}\"", Escaped(value)));
        }
        if !labels.is_empty() {
            self.out.push('}');
        }
        put(self.out, format_args!(" {value}\n"));
    }
}

/// The value of a label.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            c => f.write_char(c),
        })
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to memory succeeds");
}
