//! The access log: a line for every request, however it ends.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::client::{Client, get};
use crate::support::eventually;
use crate::support::keel::{BINARY, Keel, Pool, collect, config_dir, pool};
use crate::support::pty::Pty;
use crate::support::script::{
    Gate, held, held_midway, ok, raw, resets_before_the_head, resets_mid_body, stalls_before_the_head, stalls_mid_body,
    switches_protocols,
};
use crate::support::upstream::{Upstream, deaf, upstream};

/// A log in a directory of its own.
struct Log {
    path: PathBuf,
    _dir: TempDir,
}

impl Log {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { path: dir.path().join("access.log"), _dir: dir }
    }

    /// A proxy that logs here, as JSON.
    fn serve(&self, pool: &Pool) -> Keel {
        let path = self.path.display();
        Keel::serve(format!("access_log: {{path: {path}, format: json}}\nshutdown: {{grace: 100ms}}\n{pool}"))
    }

    /// Waits for so many lines.
    #[track_caller]
    fn lines(&self, count: usize) -> Vec<String> {
        let lines = || fs::read_to_string(&self.path).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
        let lines = eventually("lines in the log", || Some(lines()).filter(|lines| lines.len() >= count));
        assert_eq!(lines.len(), count, "{lines:#?}");
        lines
    }

    /// Waits for the first line.
    #[track_caller]
    fn line(&self) -> Value {
        serde_json::from_str(&self.lines(1)[0]).unwrap()
    }
}

/// Status, attempts, bytes of the answer's body, and reason.
fn outcome(line: &Value) -> (u64, u64, u64, &str) {
    let number = |key: &str| line[key].as_u64().unwrap();
    (number("status"), number("attempts"), number("bytes_out"), line["reason"].as_str().unwrap())
}

#[test]
fn a_request_is_told_in_full() {
    let (log, backend) = (Log::new(), upstream(ok("hello")));
    let keel = log.serve(&pool(&[&backend]));
    let request = "POST /a?b=c HTTP/1.1\r\nhost: h:1\r\nx-request-id: id-1\r\nreferer: http://r/\r\nuser-agent: test\r\ncontent-length: 3\r\n\r\nabc";
    keel.client().send(request).response();
    let line = log.line();
    assert_eq!(outcome(&line), (200, 1, 5, "ok"));
    for (key, value) in [
        ("request_id", "id-1"),
        ("client", "127.0.0.1"),
        ("method", "POST"),
        ("host", "h:1"),
        ("target", "/a?b=c"),
        ("version", "1.1"),
        ("referer", "http://r/"),
        ("user_agent", "test"),
        ("pool", "web"),
        ("backend", &backend.name()),
    ] {
        assert_eq!(line[key], value, "{key}");
    }
    assert_eq!(line["bytes_in"], 3);
    let ms = |key: &str| line[key].as_f64().unwrap_or_else(|| panic!("{key} in {line}"));
    assert!(ms("queue_ms") + ms("connect_ms") + ms("first_byte_ms") <= ms("total_ms"), "{line}");
}

#[test]
fn the_second_format_is_that_of_nginx() {
    let (log, backend) = (Log::new(), upstream(ok("hello")));
    let keel = Keel::serve(format!("access_log: {}\n{}", log.path.display(), pool(&[&backend])));
    keel.client().send("GET /\u{1b}[2J HTTP/1.1\r\nhost: test\r\n\r\n").response();
    keel.client().send("GET /x HTTP/1.0\r\nhost: test\r\nuser-agent: a\"\u{9b}\r\n\r\n").response();
    let lines = eventually("a line", || Some(fs::read_to_string(&log.path).ok()?).filter(|text| text.contains("/x")));
    assert!(lines.contains(r#"] "GET /x HTTP/1.0" 200 5 "-" "a\x22\xC2\x9B""#), "{lines}");
    assert!(lines.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b)), "{lines}");
}

#[test]
fn own_answers_tell_their_cause() {
    let (log, dead, other) = (Log::new(), deaf(ok("")), deaf(ok("")));
    let keel = log.serve(&pool(&[&dead, &other]).set("hosts", "[a.example]").set("retry", "{backoff: 0s..1ms}"));
    let head = |host: &str| format!("HEAD / HTTP/1.1\r\nhost: {host}\r\n\r\n");
    keel.client().send(head("b.example")).response_to_head();
    assert_eq!(outcome(&log.line()), (404, 0, 0, "no_pool"));
    keel.client().send("GET / HTTP/1.1\r\nhost: a.example\r\n\r\n").response();
    let line: Value = serde_json::from_str(&log.lines(2)[1]).unwrap();
    assert_eq!((&line["status"], &line["attempts"], &line["reason"]), (&502.into(), &2.into(), &"connect_failed".into()));
    assert_eq!((&line["pool"], &line["connect_ms"]), (&"web".into(), &Value::Null));
    assert!(line["bytes_out"].as_u64() > Some(0) && line["backend"].is_string(), "{line}");
    keel.client().send("what is this\r\n\r\n").response();
    let line: Value = serde_json::from_str(&log.lines(3)[2]).unwrap();
    assert_eq!((outcome(&line), &line["method"]), ((400, 0, 0, "bad_request"), &Value::Null));
}

#[test]
fn a_second_try_is_counted() {
    let (log, bad, good) = (Log::new(), upstream(resets_before_the_head()), upstream(raw("HTTP/1.1 204 No Content\r\n\r\n")));
    let keel = log.serve(&pool(&[&bad, &good]).set("strategy", "round_robin"));
    let mut client = keel.client();
    (0..2).for_each(|_| assert_eq!(client.get("/").status, 204));
    let lines: Vec<Value> = log.lines(2).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let attempts: u64 = lines.iter().map(|line| outcome(line).1).sum();
    assert!(bad.hits() > 0);
    assert_eq!(attempts as usize, bad.hits() + good.hits(), "{lines:#?}");
    assert!(lines.iter().all(|line| line["backend"] == good.name()), "{lines:#?}");
}

#[test]
fn a_client_that_leaves_has_a_line() {
    let (log, backend) = (Log::new(), upstream(stalls_before_the_head()));
    let keel = log.serve(&pool(&[&backend]));
    let mut client = keel.client();
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    backend.wait_for("the request", |request| request.complete);
    drop(client);
    assert_eq!(outcome(&log.line()), (499, 1, 0, "client_left"));
}

#[test]
fn who_waited_in_vain_has_waited() {
    let (log, gate) = (Log::new(), Gate::default());
    let backend = upstream(held(&gate, "ok"));
    let pool = pool(&[&backend]).set("queue", "{size: 5, timeout: 200ms}");
    let full = pool.to_string().replace(&backend.url(), &format!("{{url: \"{}\", max_in_flight: 1}}", backend.url()));
    let keel = Keel::serve(format!("access_log: {{path: {}, format: json}}\n{full}", log.path.display()));
    let mut first = keel.client();
    first.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    backend.wait_for("the first request", |request| request.complete);
    assert_eq!(keel.get("/").status, 503);
    let line = log.line();
    let number = |key: &str| line[key].as_f64().unwrap();
    assert_eq!((&line["status"], &line["attempts"], &line["reason"]), (&503.into(), &0.into(), &"queue_timeout".into()));
    assert!(number("queue_ms") > 0.0 && number("queue_ms") <= number("total_ms"), "{line}");
    gate.open();
    first.response();
}

#[test]
fn a_client_that_leaves_its_answer_has_a_line() {
    let (log, gate) = (Log::new(), Gate::default());
    let backend = upstream(held_midway(&gate, "first ", "last"));
    let keel = log.serve(&pool(&[&backend]));
    let mut client = keel.client();
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").head();
    client.hear("first ");
    drop(client);
    assert_eq!(outcome(&log.line()), (200, 1, 6, "client_left"));
}

#[test]
fn a_broken_and_a_stalled_answer_have_lines() {
    let (log, gate) = (Log::new(), Gate::default());
    let backend = upstream(resets_mid_body(&gate));
    let keel = log.serve(&pool(&[&backend]).set("timeouts", "{stream_idle: 100ms}"));
    let mut client = keel.client();
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").head();
    client.hear("half");
    gate.open();
    assert_eq!(outcome(&log.line()), (200, 1, 4, "backend_broke"));
    backend.plays(stalls_mid_body());
    keel.client().send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").try_response().unwrap_err();
    let line: Value = serde_json::from_str(&log.lines(2)[1]).unwrap();
    assert_eq!(outcome(&line), (200, 1, 4, "stream_timeout"));
}

/// Opens a tunnel and says something in it.
fn tunnel(keel: &Keel) -> Client {
    let mut client = keel.client();
    client.send("GET / HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").head();
    client.send("hello").hear("hello");
    client
}

#[test]
fn a_tunnel_has_a_line_at_its_end() {
    let (log, backend) = (Log::new(), upstream(switches_protocols()));
    let keel = log.serve(&pool(&[&backend]));
    let mut client = tunnel(&keel);
    assert!(fs::read_to_string(&log.path).unwrap().is_empty());
    client.finish();
    assert!(client.is_at_end());
    let line = log.line();
    assert_eq!((outcome(&line), &line["bytes_in"]), ((101, 1, 5, "ok"), &5.into()));
}

#[test]
fn the_last_lines_are_written_at_the_end() {
    let (log, backend) = (Log::new(), upstream(ok("ok")));
    let mut keel = log.serve(&pool(&[&backend]));
    let mut client = keel.client();
    (0..10).for_each(|_| drop(client.get("/")));
    backend.plays(switches_protocols());
    let _tunnel = tunnel(&keel);
    keel.signal(Signal::TERM);
    assert_eq!(keel.exit_code(), Some(0));
    let lines = log.lines(11);
    assert_eq!(outcome(&serde_json::from_str(&lines[10]).unwrap()), (101, 1, 5, "cut"));
}

#[test]
fn a_log_that_was_moved_is_opened_anew() {
    let (log, backend) = (Log::new(), upstream(ok("ok")));
    let keel = log.serve(&pool(&[&backend]));
    keel.get("/");
    log.lines(1);
    let rotated = log.path.with_extension("1");
    fs::rename(&log.path, &rotated).unwrap();
    keel.signal(Signal::USR1);
    keel.line("access.log opened anew");
    keel.get("/");
    log.lines(1);
    assert_eq!(fs::read_to_string(rotated).unwrap().lines().count(), 1);
}

#[test]
fn a_full_disk_stops_nothing_and_is_told() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(format!("access_log: /dev/full\n{}", pool(&[&backend])));
    assert_eq!(keel.get("/").text(), "ok");
    keel.line("access log: 1 line lost: No space left on device");
    assert_eq!(keel.get("/").text(), "ok");
    eventually("the loss in the snapshot", || (keel.snapshot().log_lines_lost == 2).then_some(()));
}

/// A pipe that somebody holds open and nobody reads: whatever writes more than it holds waits.
struct Stalled {
    path: PathBuf,
    end: File,
    _dir: TempDir,
}

impl Stalled {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let end = File::options().read(true).write(true).open(&path).unwrap();
        Self { path, end, _dir: dir }
    }

    fn serve(&self, when_full: &str, backend: &Upstream) -> Keel {
        let log = format!("access_log: {{path: {}, when_full: {when_full}}}", self.path.display());
        Keel::serve(format!("{log}\nshutdown: {{grace: 100ms}}\n{}", pool(&[backend])))
    }
}

/// Lines of 8 KB, more of them than a queue holds.
const MANY: usize = 1_200;

fn long() -> String {
    format!("/{}", "x".repeat(8_000))
}

#[test]
fn a_stalled_disk_loses_lines_and_stops_nothing() {
    let (stalled, backend) = (Stalled::new(), upstream(ok("ok")));
    let mut keel = stalled.serve("drop", &backend);
    let mut client = keel.client();
    for _ in 0..MANY {
        assert_eq!(client.get(&long()).text(), "ok");
    }
    keel.line("lines lost: its queue is full");
    keel.signal(Signal::TERM);
    assert_eq!(keel.exit_code(), Some(0));
}

#[test]
fn requests_wait_for_a_stalled_disk_that_must_lose_nothing() {
    let (stalled, backend) = (Stalled::new(), upstream(ok("ok")));
    let keel = stalled.serve("block", &backend);
    let mut client = keel.client();
    let asking = thread::spawn(move || (0..MANY).for_each(|_| assert_eq!(client.get(&long()).text(), "ok")));
    eventually("a request that waits", || {
        let before = backend.hits();
        thread::sleep(Duration::from_millis(300));
        (backend.hits() == before && before > 0).then_some(())
    });
    assert!(backend.hits() < MANY && !asking.is_finished());
    let mut lines = BufReader::new(stalled.end.try_clone().unwrap()).lines();
    for _ in 0..MANY {
        assert!(lines.next().unwrap().unwrap().contains("/xxx"));
    }
    asking.join().unwrap();
    assert_eq!(keel.snapshot().log_lines_lost, 0);
}

#[test]
fn a_log_on_stdout_is_written_there() {
    let backend = upstream(ok("ok"));
    let (_dir, path) = config_dir("unix:DIR/admin.sock", format!("access_log: stdout\n{}", pool(&[&backend])));
    let mut command = Command::new(BINARY);
    let mut child = command.arg("serve").arg("-c").arg(path).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (out, err) = (collect(child.stdout.take().unwrap()), collect(child.stderr.take().unwrap()));
    let listening = eventually("the address", || err.lock().unwrap().iter().find(|line| line.contains("listening on")).cloned());
    let address = listening.split_once("listening on ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    get(address, "/hello");
    eventually("a line", || out.lock().unwrap().iter().any(|line| line.contains("\"GET /hello HTTP/1.1\" 200 2 ")).then_some(()));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_dashboard_keeps_stdout_for_itself() {
    let backend = upstream(ok("ok"));
    let (_dir, path) = config_dir("unix:DIR/admin.sock", format!("access_log: stdout\n{}", pool(&[&backend])));
    let mut pty = Pty::spawn(100, 24, &["-c", path.to_str().unwrap()], &[]);
    pty.wait_for("access_log: stdout is where the dashboard is; write a file");
    assert_eq!(pty.exit_code(), 2);
}
