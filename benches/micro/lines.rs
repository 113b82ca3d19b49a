//! Lines of the access log, from the head of a request to the buffer that is passed on.

use std::hint::black_box;
use std::rc::Rc;

use evenkeel::config::{self, LogFormat, LogTarget, WhenFull};
use evenkeel::telemetry::access_log::{AccessLog, Line, Reason, Request};
use tokio::time::Instant;

use crate::Case;
use crate::heads::browser;
use crate::stopwatch::timed;

pub(crate) fn cases() -> Vec<Case> {
    let case = |name: &str, limit, format| {
        let prepare = Box::new(move || {
            let config = config::AccessLog { target: LogTarget::File("/dev/null".into()), format, when_full: WhenFull::Drop };
            let (_log, mut pens) = AccessLog::open(&config, 1).expect("/dev/null can be written to");
            let (pen, parts, at) = (Rc::new(pens.remove(0)), browser(), Instant::now());
            timed(move |_| {
                let request =
                    Request { at, client: "203.0.113.7", id: Some(b"8f14e45fceea167a5a36dedd4bea2543"), parts: Some(&parts) };
                let mut line = Line::begin(&pen, black_box(&request));
                line.facts.bytes_out = 12_345;
                line.end(black_box(Reason::Ok), at);
            })
        });
        Case { name: format!("log {name}"), limit: Some(limit), prepare }
    };
    vec![case("combined", 3_235, LogFormat::Combined), case("json", 6_442, LogFormat::Json)]
}
