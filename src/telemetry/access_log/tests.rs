use std::fs;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Waker};

use http::request::{Builder, Parts};
use proptest::prelude::*;
use serde_json::Value;
use tokio::time::Instant;

use super::losses::lines;
use super::*;
use crate::config::{LogFormat, WhenFull};
use crate::tally::Cause;

const PATIENCE: Duration = Duration::from_secs(60);

/// Something to write to that can be looked at, and made to stall or to refuse.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    written: Vec<u8>,
    /// Bytes that find room, if not all do.
    room: Option<usize>,
}

impl Disk {
    /// While this is held, every write stalls.
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8(self.inside().written.clone()).unwrap()
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut inside = self.inside();
        let n = inside.room.unwrap_or(usize::MAX).min(bytes.len());
        if n == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        inside.room = inside.room.map(|room| room - n);
        inside.written.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn config(format: LogFormat, when_full: WhenFull) -> config::AccessLog {
    config::AccessLog { target: LogTarget::Stdout, format, when_full }
}

fn open(format: LogFormat, when_full: WhenFull, disk: &Disk) -> (AccessLog, Rc<Pen>) {
    let (log, mut pens) = AccessLog::start(&config(format, when_full), 1, disk.clone()).unwrap();
    (log, Rc::new(pens.remove(0)))
}

fn begin(pen: &Rc<Pen>, parts: &Parts) -> Box<Line> {
    Line::begin(pen, &Request { at: Instant::now(), client: "1.2.3.4", id: Some(b"id-1"), parts: Some(parts) })
}

fn parts(request: Builder) -> Parts {
    request.body(()).unwrap().into_parts().0
}

fn plain() -> Parts {
    parts(http::Request::get("/a?b"))
}

/// What is written of lines that `log` makes with a pen.
fn written(format: LogFormat, log: impl FnOnce(&Rc<Pen>)) -> String {
    let disk = Disk::default();
    let (access_log, pen) = open(format, WhenFull::Drop, &disk);
    log(&pen);
    drop(pen);
    access_log.finish(PATIENCE);
    disk.text()
}

/// The fields of a line in combined format, unescaped; panics if it is none.
fn parse_combined(line: &str) -> Vec<Vec<u8>> {
    let unescape = |text: &str| {
        let mut pieces = text.split(r"\x");
        let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
        for piece in pieces {
            bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
            bytes.extend_from_slice(&piece.as_bytes()[2..]);
        }
        bytes
    };
    let (unquoted, quoted): (Vec<_>, Vec<_>) = line.split('"').enumerate().partition(|(index, _)| index % 2 == 0);
    assert_eq!((unquoted.len(), quoted.len()), (4, 3), "{line}");
    quoted.into_iter().chain(unquoted).map(|(_, text)| unescape(text)).collect()
}

fn parse_json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn combined_is_as_nginx_writes_it() {
    let text = written(LogFormat::Combined, |pen| {
        let head = http::Request::get("/a?b=\u{e9}").header("Referer", "http://r/").header("User-Agent", "say \"hi\"");
        let mut line = begin(pen, &parts(head));
        (line.facts.status, line.facts.bytes_out) = (200, 1234);
        line.end(Reason::Ok, Instant::now());
    });
    let (before, rest) = text.split_once('[').unwrap();
    let (time, after) = rest.split_once(']').unwrap();
    assert_eq!(before, "1.2.3.4 - - ");
    assert_eq!(time.len(), "21/Nov/2026:14:02:31 +0100".len());
    assert_eq!(after, concat!(r#" "GET /a?b=\xC3\xA9 HTTP/1.1" 200 1234 "http://r/" "say \x22hi\x22""#, "\n"));
}

#[test]
fn json_has_every_key() {
    let text = written(LogFormat::Json, |pen| {
        let head = http::Request::post("http://h:80/x").header("Host", "other").header("User-Agent", [0xff].as_slice());
        let mut line = begin(pen, &parts(head));
        (line.facts.status, line.facts.bytes_in, line.facts.bytes_out) = (201, 5, 6);
        line.facts.pool = Some("web".into());
        line.facts.attempts = 2;
        line.facts.queue = Duration::from_micros(1_234_567);
        line.facts.connect = Some(Duration::ZERO);
        line.end(Reason::Own(Cause::Broken), Instant::now());
    });
    let line = parse_json(&text);
    let keys: Vec<_> = text.match_indices("\":").map(|(end, _)| &text[text[..end].rfind('"').unwrap() + 1..end]).collect();
    let documented = [
        "time",
        "request_id",
        "client",
        "method",
        "host",
        "target",
        "version",
        "referer",
        "user_agent",
        "status",
        "bytes_in",
        "bytes_out",
        "pool",
        "backend",
        "attempts",
        "queue_ms",
        "connect_ms",
        "first_byte_ms",
        "total_ms",
        "reason",
    ];
    assert_eq!(keys, documented);
    line["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let expected = serde_json::json!({
        "time": line["time"], "request_id": "id-1", "client": "1.2.3.4", "method": "POST", "host": "h:80", "target": "http://h:80/x",
        "version": "1.1", "referer": null, "user_agent": "\\xFF", "status": 201, "bytes_in": 5, "bytes_out": 6, "pool": "web",
        "backend": null, "attempts": 2, "queue_ms": 1234.567, "connect_ms": 0.0, "first_byte_ms": null,
        "total_ms": line["total_ms"], "reason": "backend_broke",
    });
    assert_eq!(line, expected);
}

#[test]
fn a_line_without_an_end_is_that_of_a_client_that_left() {
    for (cut, reason) in [(false, "client_left"), (true, "cut")] {
        let text = written(LogFormat::Json, |pen| {
            let line = begin(pen, &plain());
            if cut {
                pen.cut();
            }
            drop(line);
        });
        assert_eq!((&parse_json(&text)["status"], &parse_json(&text)["reason"]), (&499.into(), &reason.into()));
    }
}

#[test]
fn what_could_not_be_read_has_a_line_all_the_same() {
    let log = |pen: &Rc<Pen>| {
        let mut line = Line::begin(pen, &Request { at: Instant::now(), client: "::1", id: None, parts: None });
        line.facts.status = 400;
        line.end(Reason::Own(Cause::BadRequest), Instant::now());
    };
    let combined = written(LogFormat::Combined, log);
    assert!(combined.starts_with("::1 - - [") && combined.ends_with("] \"-\" 400 0 \"-\" \"-\"\n"), "{combined}");
    let json = parse_json(&written(LogFormat::Json, log));
    assert_eq!((&json["method"], &json["target"], &json["request_id"]), (&Value::Null, &Value::Null, &Value::Null));
}

/// Logs so many lines.
fn log_lines(pen: &Rc<Pen>, lines: usize) {
    (0..lines).for_each(|_| begin(pen, &plain()).end(Reason::Ok, Instant::now()));
}

#[test]
fn a_full_queue_loses_exactly_what_it_counts() {
    let disk = Disk::default();
    let (log, pen) = open(LogFormat::Combined, WhenFull::Drop, &disk);
    let losses = Arc::clone(log.losses());
    let stalled = disk.inside();
    // Some 90 bytes each: more than 4 MiB.
    log_lines(&pen, 100_000);
    assert!(pen.has_room(), "nobody waits");
    assert!(losses.counts()[0] > 0, "100,000 lines fit into the queue");
    drop(stalled);
    drop(pen);
    log.finish(PATIENCE);
    let lost = losses.counts()[0];
    assert_eq!(lines(disk.text().as_bytes()) + lost, 100_000);
    assert!(disk.text().lines().all(|line| line.ends_with("\"-\" \"-\"")));
}

#[tokio::test]
async fn blocked_requests_wait_and_nothing_is_lost() {
    let disk = Disk::default();
    let (log, pen) = open(LogFormat::Combined, WhenFull::Block, &disk);
    let losses = Arc::clone(log.losses());
    let stalled = disk.inside();
    log_lines(&pen, 100_000);
    assert!(!pen.has_room());
    let mut waiting = Box::pin(pen.room());
    assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(stalled);
    waiting.await;
    assert!(pen.has_room());
    drop(pen);
    log.finish(PATIENCE);
    assert_eq!((lines(disk.text().as_bytes()), losses.counts()), (100_000, [0, 0]));
}

#[test]
fn a_full_disk_loses_exactly_what_it_counts_and_tears_no_line_but_one() {
    let disk = Disk::default();
    disk.inside().room = Some(1000);
    let (log, pen) = open(LogFormat::Combined, WhenFull::Drop, &disk);
    let losses = Arc::clone(log.losses());
    log_lines(&pen, 100);
    pen.pass_on();
    while losses.counts()[1] == 0 {
        std::thread::yield_now();
    }
    disk.inside().room = None;
    log_lines(&pen, 100);
    drop(pen);
    log.finish(PATIENCE);
    let text = disk.text();
    let whole = text.lines().filter(|line| line.starts_with("1.2.3.4 - - [") && line.ends_with("\"-\" \"-\"")).count();
    assert_eq!(whole as u64 + losses.counts()[1], 200);
    assert_eq!(text.lines().count(), whole + 1, "the torn line stands alone");
    assert_eq!(losses.words()[1], "no storage space");
}

#[test]
fn a_file_is_appended_to_and_opened_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (path, rotated) = (dir.path().join("access.log"), dir.path().join("access.log.1"));
    let config = config::AccessLog { target: LogTarget::File(path.clone()), ..config(LogFormat::Combined, WhenFull::Drop) };
    let count = |path| fs::read(path).map_or(0, |text| lines(&text));
    let (log, mut pens) = AccessLog::open(&config, 2).unwrap();
    let pens = [Rc::new(pens.remove(1)), Rc::new(pens.remove(0))];
    for pen in &pens {
        log_lines(pen, 3);
    }
    assert!(!pens[0].pass_on() && !pens[1].pass_on());
    while count(&path) < 6 {
        std::thread::yield_now();
    }
    fs::rename(&path, &rotated).unwrap();
    log.file().unwrap().reopen().unwrap();
    log_lines(&pens[1], 2);
    drop(pens);
    log.finish(PATIENCE);
    assert_eq!((count(&rotated), count(&path)), (6, 2));
}

/// Anything that hyper lets through in a field.
fn field() -> impl Strategy<Value = Vec<u8>> {
    let text = "([ -~]|\\PC|[\u{80}-\u{9f}\u{202a}-\u{202e}]|[\"\\\\]){0,40}".prop_map(String::into_bytes);
    let bytes = prop::collection::vec(prop_oneof![Just(b'\t'), 0x20..0x7f_u8, 0x80..=0xff_u8], 0..40);
    prop_oneof![text, bytes].prop_filter("no field", |value| http::HeaderValue::from_bytes(value).is_ok())
}

/// A value with its bytes that are not UTF-8 spelt out.
fn shown(value: &[u8]) -> String {
    use std::fmt::Write;
    let mut shown = String::new();
    for chunk in value.utf8_chunks() {
        shown += chunk.valid();
        for byte in chunk.invalid() {
            write!(shown, "\\x{byte:02X}").unwrap();
        }
    }
    shown
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_parses_back(referer in field(), agent in field(), id in prop::collection::vec(any::<u8>(), 0..20)) {
        let head = parts(http::Request::get("/x").header("Referer", &referer[..]).header("User-Agent", &agent[..]));
        let log = |pen: &Rc<Pen>| {
            let request = Request { at: Instant::now(), client: "::1", id: Some(&id), parts: Some(&head) };
            Line::begin(pen, &request).end(Reason::Ok, Instant::now());
        };
        let line = written(LogFormat::Combined, log);
        let (line, rest) = line.split_once('\n').unwrap();
        prop_assert!(rest.is_empty() && line.bytes().all(|b| (b' '..=b'~').contains(&b)), "{line}");
        let or_dash = |value: &[u8]| if value.is_empty() { b"-".to_vec() } else { value.to_vec() };
        let fields = parse_combined(line);
        prop_assert_eq!(&fields[..3], [b"GET /x HTTP/1.1".to_vec(), or_dash(&referer), or_dash(&agent)]);

        let line = written(LogFormat::Json, log);
        let (line, rest) = line.split_once('\n').unwrap();
        prop_assert!(rest.is_empty() && !line.chars().any(char::is_control), "{line}");
        let json = parse_json(line);
        for (key, value) in [("referer", &referer), ("user_agent", &agent), ("request_id", &id)] {
            prop_assert_eq!(json[key].as_str(), Some(&shown(value)[..]));
        }
    }
}
