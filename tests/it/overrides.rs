//! What an operator has set stays in force: over a restart, and until its time is over.

use std::fs;
use std::path::Path;

use evenkeel::balance::backend::Mode;
use evenkeel::clock;
use serde_json::{Value, json};
use tempfile::TempDir;

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
fn an_override_ends_by_itself() {
    let room = Room::new();
    let now = clock::unix_ms();
    let mut timed = drain(&room.name(0), now);
    timed["until_unix_ms"] = json!(now + 2000);
    room.write(&json!([timed]));
    let keel = room.serve();
    keel.line("drain -> up by expiry, 0 in flight: cli:alice has set it for 2s");
    assert_eq!(keel.view(&room.backends[0]).mode, Mode::Up);
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
