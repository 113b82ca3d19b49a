//! Waiting for a backend to empty, and for one to be fit.

use std::process::Child;
use std::sync::{Arc, Mutex};

use evenkeel::balance::backend::Mode;
use rustix::process::{Pid, Signal, kill_process};

use super::{finished, start, verb};
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::keel::{Keel, collect, pool};
use crate::support::script::{Gate, held, ok};
use crate::support::upstream::{Upstream, upstream};

/// Two backends with one request at one of them, which ends when the gate opens.
struct Busy {
    gate: Gate,
    backend: Upstream,
    _idle: Upstream,
    keel: Keel,
    id: String,
    client: Client,
}

impl Busy {
    fn new() -> Self {
        let gate = Gate::default();
        let (busy, idle) = (upstream(held(&gate, "done")), upstream(ok("ok")));
        let keel = Keel::serve(pool(&[&busy, &idle]).set("strategy", "round_robin"));
        let id = format!("web/{}", busy.name());
        let mut client = keel.client();
        for asked in 1.. {
            client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
            eventually("it arrives", || (busy.hits() + idle.hits() == asked).then_some(()));
            if busy.hits() == 1 {
                break;
            }
            client.response();
        }
        Self { gate, backend: busy, _idle: idle, keel, id, client }
    }

    /// A verb that waits, and what it says on stderr as long as it does.
    fn waiting(&self, args: &[&str]) -> (Child, Arc<Mutex<Vec<String>>>) {
        let mut child = start(&self.keel, args);
        let told = collect(child.stderr.take().unwrap());
        eventually("it waits", || told.lock().unwrap().iter().any(|line| line.contains("has 1 in flight")).then_some(()));
        (child, told)
    }
}

#[test]
fn a_drain_ends_when_the_last_request_does() {
    let mut room = Busy::new();
    let (child, _) = room.waiting(&["drain", &room.id, "--wait", "1m"]);
    room.gate.open();
    assert_eq!(room.client.response().status, 200);
    let run = finished(child);
    assert_eq!((run.code, run.stdout), (Some(0), format!("{0} up -> drain\n{0} is empty\n", room.id)));
    assert_eq!(room.keel.view(&room.backend).mode, Mode::Drain);
}

#[test]
fn a_drain_that_takes_too_long_says_how_it_stands() {
    let mut room = Busy::new();
    let run = verb(&room.keel, &["drain", &room.id, "--wait", "300ms"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let last = run.stderr.lines().last().unwrap();
    assert!(last.contains(&format!("{} has 1 in flight", room.id)) && last.contains("it goes on draining"), "{last}");
    assert_eq!(room.keel.view(&room.backend).mode, Mode::Drain);
    room.gate.open();
    assert_eq!(room.client.response().status, 200, "the request was not harmed");
}

#[test]
fn an_interrupted_wait_leaves_it_draining_and_says_so() {
    let mut room = Busy::new();
    let (child, told) = room.waiting(&["drain", &room.id, "--wait", "1m"]);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(finished(child).code, Some(130));
    eventually("how it was left", || told.lock().unwrap().iter().any(|line| line.contains("it goes on draining")).then_some(()));
    assert_eq!(room.keel.view(&room.backend).mode, Mode::Drain);
    room.gate.open();
    assert_eq!(room.client.response().status, 200);
}

#[test]
fn a_drain_may_end_in_down_or_up_and_somebody_may_change_their_mind() {
    for (then, mode) in [("down", Mode::Down), ("up", Mode::Up)] {
        let mut room = Busy::new();
        let (child, _) = room.waiting(&["drain", &room.id, "--wait", "1m", "--then", then]);
        room.gate.open();
        room.client.response();
        assert_eq!(finished(child).code, Some(0), "{then}");
        assert_eq!(room.keel.view(&room.backend).mode, mode);
    }
    let room = Busy::new();
    let (child, told) = room.waiting(&["drain", &room.id, "--wait", "1m"]);
    assert_eq!(verb(&room.keel, &["up", &room.id]).code, Some(0));
    assert_eq!(finished(child).code, Some(1));
    eventually("why", || told.lock().unwrap().iter().any(|line| line.contains("taken back meanwhile")).then_some(()));
    room.gate.open();
}

#[test]
fn a_deadline_may_cut() {
    let mut room = Busy::new();
    let cut = verb(&room.keel, &["drain", &room.id, "--wait", "300ms", "--then", "down", "--cut"]);
    assert_eq!(cut.code, Some(0), "{}", cut.stderr);
    assert_eq!(room.keel.view(&room.backend).mode, Mode::Down);
    assert!(room.client.try_response().map_or(true, |response| response.status >= 500), "the request was cut");
}

#[test]
fn down_cuts_when_asked() {
    let room = Busy::new();
    let run = verb(&room.keel, &["down", &room.id, "--cut", "--wait", "1m"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.stdout, format!("{0} up -> down, running requests cut\n{0} is empty\n", room.id));
}

#[test]
fn up_waits_for_a_new_check_before_anything_is_sent_there() {
    let [a, b] = [upstream(ok("a")), upstream(ok("b"))];
    let check = "{type: tcp, interval: 200ms, timeout: 200ms, rise: 2, fall: 2}";
    let keel = Keel::serve(pool(&[&a, &b]).set("health_check", check));
    let id = format!("web/{}", a.name());
    eventually("checked", || (keel.view(&a).streak > 2).then_some(()));
    assert_eq!(verb(&keel, &["drain", &id, "--wait", "10s"]).code, Some(0));
    a.dies();
    let sick = verb(&keel, &["up", &id, "--wait-healthy", "2s"]);
    assert_eq!((sick.code, sick.stdout.as_str()), (Some(1), ""), "{}", sick.stderr);
    let last = sick.stderr.lines().last().unwrap();
    assert!(last.contains("it stays as it was") && last.contains("refused"), "{last}");
    assert_eq!(keel.view(&a).mode, Mode::Drain, "clients never meet it");
    a.comes_back();
    let fit = verb(&keel, &["up", &id, "--wait-healthy", "20s"]);
    assert_eq!((fit.code, fit.stdout), (Some(0), format!("{id} drain -> up\n{id} takes requests\n")), "{}", fit.stderr);
}
