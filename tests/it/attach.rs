//! The dashboard over running instances: what its keys do there, what it shows when one is gone, and that leaving it changes
//! nothing.

use evenkeel::balance::backend::Mode;
use rustix::process::Signal;

use crate::support::eventually;
use crate::support::keel::{Keel, pool};
use crate::support::pty::Pty;
use crate::support::script::ok;
use crate::support::upstream::{Upstream, upstream};

/// Instances over the same three backends, and a dashboard attached to all of them.
struct Fleet {
    keels: Vec<Keel>,
    backends: Vec<Upstream>,
    pty: Pty,
}

impl Fleet {
    fn of(instances: usize) -> Self {
        Self::with(instances, &[])
    }

    fn with(instances: usize, options: &[&str]) -> Self {
        let backends: Vec<_> = (1..=3).map(|n| upstream(ok(&format!("api-{n}")))).collect();
        let keels: Vec<_> = (0..instances).map(|_| Keel::serve(pool(&backends.iter().collect::<Vec<_>>()))).collect();
        let addresses: Vec<_> = keels.iter().map(|keel| keel.admin.to_string()).collect();
        let arguments: Vec<&str> =
            ["attach"].into_iter().chain(addresses.iter().map(String::as_str)).chain(options.iter().copied()).collect();
        let pty = Pty::spawn(120, 36, &arguments, &[]);
        let first = backends[0].address().to_string();
        pty.wait_until("the dashboard, and an answer of everybody", |screen| {
            let text = screen.contents();
            screen.alternate_screen() && text.contains(&first) && !text.contains(" gone ")
        });
        Self { keels, backends, pty }
    }

    /// How many backends of an instance are in this mode.
    fn count(&self, keel: usize, mode: Mode) -> usize {
        self.keels[keel].snapshot().pools[0].backends.iter().filter(|backend| backend.mode == mode).count()
    }

    #[track_caller]
    fn wait_for_drained(&self, keel: usize, backends: usize) {
        eventually("drained backends", || (self.count(keel, Mode::Drain) == backends).then_some(()));
    }

    #[track_caller]
    fn assert_it_left(&mut self) {
        assert_eq!(self.pty.exit_code(), 0, "{}", self.pty.text());
        self.pty.assert_restored("what runs there goes on");
        for keel in &self.keels {
            assert_eq!(keel.get("/").status, 200);
        }
    }
}

#[test]
fn a_key_drains_there_and_leaving_stops_nothing() {
    let mut fleet = Fleet::of(1);
    let address = fleet.keels[0].admin;
    fleet.pty.wait_for(&format!("attached to {address}"));
    fleet.pty.keys("d");
    fleet.wait_for_drained(0, 1);
    fleet.pty.wait_for("◐ drain");
    fleet.pty.wait_for("by attach:");
    let drained = fleet.keels[0].view(&fleet.backends[0]);
    assert!(drained.mode_override.is_some_and(|set| set.by.starts_with("attach:")));
    fleet.pty.keys("q");
    fleet.assert_it_left();
    assert_eq!(fleet.count(0, Mode::Drain), 1, "it stays drained");
}

#[test]
fn ctrl_c_and_signals_leave_too() {
    for leave in [None, Some(Signal::TERM), Some(Signal::INT)] {
        let mut fleet = Fleet::of(1);
        match leave {
            None => fleet.pty.keys("\x03"),
            Some(signal) => fleet.pty.signal(signal),
        }
        fleet.assert_it_left();
    }
}

#[test]
fn a_closed_terminal_ends_it() {
    let mut fleet = Fleet::of(1);
    fleet.pty.close();
    assert_eq!(fleet.pty.exit_code(), 0);
    assert_eq!(fleet.keels[0].get("/").status, 200);
}

#[test]
fn one_key_drains_at_both_and_one_that_is_gone_is_a_gap() {
    let mut fleet = Fleet::of(2);
    fleet.pty.wait_for("attached to 2 instances");
    fleet.pty.keys("d");
    fleet.pty.wait_for("2 of 2: ");
    fleet.wait_for_drained(0, 1);
    fleet.wait_for_drained(1, 1);
    let gone = fleet.keels.remove(1).admin;
    fleet.pty.wait_for(&format!("#2 {gone} gone"));
    fleet.pty.keys("u");
    fleet.wait_for_drained(0, 0);
    fleet.pty.wait_until("the one that is left, serving", |screen| {
        screen.contents().contains("SERVING") && !screen.contents().contains("◐ drain")
    });
    fleet.pty.keys("q");
    fleet.assert_it_left();
}

#[test]
fn instances_that_differ_are_flagged_and_can_be_looked_at_alone() {
    let mut fleet = Fleet::of(2);
    fleet.pty.wait_for("attached to 2 instances");
    fleet.pty.keys("i");
    fleet.pty.wait_for("of 2 ");
    fleet.pty.keys("d");
    fleet.wait_for_drained(0, 1);
    assert_eq!(fleet.count(1, Mode::Drain), 0);
    fleet.pty.wait_for("◐ drain");
    fleet.pty.keys("ii");
    fleet.pty.wait_for("up≠drain");
    fleet.pty.keys("d");
    fleet.wait_for_drained(1, 1);
    fleet.pty.wait_until("no difference", |screen| !screen.contents().contains('≠'));
}

#[test]
fn a_reload_is_looked_at_first_at_every_instance() {
    let mut fleet = Fleet::of(2);
    fleet.pty.keys("R");
    fleet.pty.wait_until("two plans", |screen| screen.contents().matches("nothing would change").count() == 2);
    fleet.pty.keys("\r");
    fleet.pty.wait_for("2 of 2: nothing has changed");
}

#[test]
fn old_figures_are_told_to_be_old_and_nothing_can_be_changed() {
    let mut fleet = Fleet::of(1);
    drop(fleet.keels.pop());
    fleet.pty.wait_for("STALE");
    fleet.pty.wait_for("reconnecting");
    fleet.pty.keys("d");
    fleet.pty.wait_for("nobody answers");
    fleet.pty.keys("q");
    fleet.assert_it_left();
}

#[test]
fn read_only_changes_nothing() {
    let mut fleet = Fleet::with(1, &["--read-only"]);
    fleet.pty.keys("d");
    fleet.pty.wait_for("--read-only");
    assert_eq!(fleet.count(0, Mode::Drain), 0);
}

#[test]
fn nobody_there_is_told_with_the_reason() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut pty = Pty::spawn(80, 24, &["attach", &nobody.to_string()], &[]);
    pty.wait_for("NO ANSWER");
    pty.wait_for(&format!("{nobody}: connection refused"));
    pty.keys("q");
    assert_eq!(pty.exit_code(), 0);
    pty.assert_restored(&format!("left {nobody}"));
}

#[test]
fn it_needs_a_terminal() {
    let run = crate::support::keel::run(&["attach", "127.0.0.1:1"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.starts_with("evenkeel: attach needs a terminal"), "{}", run.stderr);
}
