//! What an operator has set stays in force: over a restart, and until its time is over.

use std::fs;
use std::path::Path;

use evenkeel::balance::backend::Mode;
use evenkeel::clock;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::eventually;
use crate::support::keel::{Keel, pool};
use crate::support::script::{Gate, held, ok};
use crate::support::upstream::{Upstream, upstream};

/// Two backends, and a place for a state file that outlives the process.
struct Room {
    backends: [Upstream; 2],
    dir: TempDir,
}

impl Room {
    fn new() -> Self {
        Self { backends: [upstream(ok("a")), upstream(ok("b"))], dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> String {
        self.dir.path().join("state.json").to_str().unwrap().to_owned()
    }

    fn serve(&self) -> Keel {
        let [a, b] = &self.backends;
        Keel::serve(format!("state_file: {}\n{}", self.file(), pool(&[a, b])))
    }

    /// The name of a backend that has none of its own.
    fn name(&self, index: usize) -> String {
        self.backends[index].url().replace("http://", "")
    }

    fn write(&self, overrides: &Value) {
        fs::write(self.file(), json!({"version": 1, "overrides": overrides}).to_string()).unwrap();
    }
}

/// Changes something by the admin API.
#[track_caller]
fn put(keel: &Keel, path: &str, wish: &Value) {
    let body = wish.to_string();
    let head = format!("PUT /api/v1/{path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json", keel.admin);
    let response = Client::to(keel.admin).send(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())).response();
    assert_eq!(response.status, 200, "{}", response.text());
}

fn drain(backend: &str, at_unix_ms: u64) -> Value {
    json!({"what": "mode", "pool": "web", "backend": backend, "value": "drain",
           "by": "cli:alice", "at_unix_ms": at_unix_ms, "reason": "kernel update"})
}

#[test]
fn a_restart_forgets_nothing_and_says_so() {
    let room = Room::new();
    let at = clock::unix_ms() - 60_000;
    room.write(&json!([drain(&room.name(0), at)]));
    for _ in 0..2 {
        // Each is killed, as `kill -9` does, and leaves the file to the next.
        let keel = room.serve();
        let view = keel.view(&room.backends[0]);
        let set = view.mode_override.unwrap();
        assert_eq!((view.mode, &*set.by, set.at_unix_ms), (Mode::Drain, "cli:alice", at));
        keel.line("drain by state file, 0 in flight: restored from the state file, set by cli:alice: kernel update");
        (0..4).for_each(|_| assert_eq!(keel.get("/").text(), "b"));
    }
}

#[test]
fn what_is_over_or_has_no_place_is_dropped() {
    let room = Room::new();
    let day = 24 * 60 * 60 * 1000;
    room.write(&json!([drain(&room.name(0), clock::unix_ms() - day), drain("gone", clock::unix_ms())]));
    let keel = room.serve();
    assert_eq!(keel.view(&room.backends[0]).mode, Mode::Up);
    keel.line("drain is dropped: its time is over");
    keel.line("the override web/gone drain is dropped: there is no backend web/gone");
}

#[test]
fn a_corrupt_file_is_set_aside() {
    let room = Room::new();
    fs::write(room.file(), "{\"version\": 1, \"overr").unwrap();
    let keel = room.serve();
    let line = keel.line("cannot be used: EOF while parsing");
    let aside = line.split("it is set aside as ").nth(1).unwrap().split(';').next().unwrap();
    assert_eq!(fs::read_to_string(aside).unwrap(), "{\"version\": 1, \"overr");
    eventually("a new file", || Path::new(&room.file()).exists().then_some(()));
    assert_eq!(keel.get("/").status, 200);
}

#[test]
fn what_is_asked_for_survives_a_kill() {
    let room = Room::new();
    let keel = room.serve();
    let [a, b] = [0, 1].map(|index| format!("pools/web/backends/{}", room.name(index)));
    put(&keel, &format!("{a}/state"), &json!({"state": "drain", "for": "10m", "reason": "kernel update"}));
    put(&keel, &format!("{b}/weight"), &json!({"weight": 5}));
    let set = keel.view(&room.backends[0]).mode_override.unwrap();
    eventually("it is written", || fs::read_to_string(room.file()).ok().filter(|text| text.contains("\"value\": 5")));
    keel.signal(Signal::KILL);
    drop(keel);
    let keel = room.serve();
    let view = keel.view(&room.backends[0]);
    assert_eq!((view.mode, view.mode_override), (Mode::Drain, Some(set)));
    keel.line("restored from the state file, set by api:127.0.0.1: kernel update");
    let listed: Value = serde_json::from_slice(&keel.ask_admin("/api/v1/overrides").body).unwrap();
    assert_eq!(listed["overrides"].as_array().map(Vec::len), Some(2));
    let name = room.name(1);
    let line = format!("- {{name: \"{name}\", url: \"{}\", weight: 5}}", room.backends[1].url());
    assert!(listed["yaml"].as_str().unwrap().contains(&line), "{listed}");
}

#[test]
fn an_override_ends_by_itself() {
    let room = Room::new();
    let keel = room.serve();
    put(&keel, "pools/web/strategy", &json!({"strategy": "random", "for": "1s"}));
    keel.line("web strategy least_connections -> random by api:127.0.0.1, for 1s");
    keel.line("web strategy random -> least_connections by expiry: api:127.0.0.1 has set it for 1s");
    assert_eq!(keel.snapshot().pools[0].strategy_override, None);
}

#[test]
fn a_drain_cuts_what_is_left_when_its_time_is_over() {
    let room = Room::new();
    let gate = Gate::default();
    room.backends.iter().for_each(|backend| backend.plays(held(&gate, "late")));
    let keel = room.serve();
    let mut client = keel.client();
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    let backend = eventually("in flight", || keel.snapshot().pools[0].backends.iter().find(|b| b.in_flight == 1).cloned());
    let state = format!("pools/web/backends/{}/state", backend.id.backend);
    put(&keel, &state, &json!({"state": "drain", "then": "down", "after": "1s", "cut": true}));
    let view = keel.snapshot().backend(&backend.id).unwrap().clone();
    let drain = view.drain.unwrap();
    assert_eq!((drain.began_with, drain.eta_ms, drain.then_down, drain.cut), (1, None, true, true));
    assert_eq!(drain.deadline_unix_ms, Some(drain.since_unix_ms + 1000));
    assert_eq!(client.response().status, 503);
    keel.line("drain -> down by api:127.0.0.1, 1 in flight cut: the time of its drain is over");
    gate.open();
}

#[test]
fn the_oldest_request_tells_its_age() {
    let room = Room::new();
    let gate = Gate::default();
    room.backends.iter().for_each(|backend| backend.plays(held(&gate, "late")));
    let keel = room.serve();
    let mut client = keel.client();
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    let busy = || keel.snapshot().pools[0].backends.iter().find(|backend| backend.in_flight == 1).cloned();
    let view = eventually("an age", || busy().filter(|backend| backend.oldest_ms.is_some_and(|age| age >= 1000)));
    assert_eq!(view.drain, None, "it is up");
    gate.open();
    assert_eq!(client.response().text(), "late");
    eventually("no age", || keel.snapshot().pools[0].backends.iter().all(|backend| backend.oldest_ms.is_none()).then_some(()));
}

#[test]
fn a_drain_on_its_way_goes_on_after_a_restart() {
    let room = Room::new();
    let mut pending = drain(&room.name(0), clock::unix_ms());
    pending["then_down"] = json!({"deadline_unix_ms": clock::unix_ms() + 3_600_000, "cut": false});
    room.write(&json!([pending]));
    let keel = room.serve();
    keel.line("drain -> down by cli:alice, 0 in flight: drained");
    eventually("it is down", || (keel.view(&room.backends[0]).mode == Mode::Down).then_some(()));
    drop(keel);
    let keel = room.serve();
    eventually("it is down again", || (keel.view(&room.backends[0]).mode == Mode::Down).then_some(()));
}
