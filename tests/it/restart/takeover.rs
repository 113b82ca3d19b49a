//! A new process takes over from the one that serves.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Traffic, request};
use crate::support::eventually;
use crate::support::keel::{BINARY, Keel, Pool, pool};
use crate::support::script::{Gate, held_midway, ok};
use crate::support::upstream::upstream;

/// A config for this address, which the first process leaves to the system.
fn config(address: SocketAddr, workers: usize, rest: &Pool) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("listen: {address}\nworkers: {workers}\nadmin: {{listen: \"127.0.0.1:0\"}}\n{rest}");
    fs::write(dir.path().join("config.yaml"), text).unwrap();
    dir
}

fn command(dir: &TempDir) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["serve", "--takeover", "-c"]).arg(dir.path().join("config.yaml")).stdin(Stdio::null());
    command
}

fn successor(address: SocketAddr, workers: usize, rest: &Pool) -> Keel {
    let dir = config(address, workers, rest);
    Keel::spawn(&mut command(&dir), dir)
}

#[test]
fn takeovers_refuse_nobody() {
    let backend = upstream(ok("ok"));
    let mut keel = Keel::serve(pool(&[&backend]));
    let (address, admin) = (keel.address, keel.admin);
    let traffic = Traffic::to(address);
    for workers in [2, 3, 1, 2] {
        traffic.flows();
        let new = successor(address, workers, &pool(&[&backend]));
        assert_eq!((new.address, new.admin), (address, admin));
        assert_eq!(keel.exit_code(), Some(0));
        keel.line("every request was finished");
        keel = new;
    }
    traffic.flows();
    traffic.stop();
}

#[test]
fn the_old_process_finishes_what_it_has_begun() {
    let gate = Gate::default();
    let backend = upstream(held_midway(&gate, "first ", "last"));
    let mut old = Keel::serve(pool(&[&backend]));
    let mut client = old.client();
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").head();
    assert_eq!(client.some().unwrap(), b"first ");
    let new = successor(old.address, 2, &pool(&[&backend]));
    old.line("shutting down (a new process has taken over)");
    eventually("the new one answers", || (new.ask_admin("/readyz").status == 200).then_some(()));
    gate.open();
    assert_eq!(client.some().unwrap(), b"last");
    assert_eq!(old.exit_code(), Some(0));
}

#[test]
fn without_anybody_to_take_over_from_it_starts_as_usual() {
    let backend = upstream(ok("ok"));
    let keel = successor(([127, 0, 0, 1], 0).into(), 2, &pool(&[&backend]));
    assert_eq!(keel.get("/").text(), "ok");
}

#[test]
fn a_successor_that_fails_leaves_the_old_process_as_it_was() {
    let backend = upstream(ok("ok"));
    let old = Keel::serve(pool(&[&backend]));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = config(old.address, 2, &pool(&[&backend]));
    let path = dir.path().join("config.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let listen = format!("listen: [\"{}\", \"{}\"]", old.address, taken.local_addr().unwrap());
    fs::write(&path, text.replace(&format!("listen: {}", old.address), &listen)).unwrap();
    assert_eq!(command(&dir).stderr(Stdio::null()).status().unwrap().code(), Some(1));
    old.line("has not become ready");
    (0..20).for_each(|_| request(old.address));
    let new = successor(old.address, 2, &pool(&[&backend]));
    old.line("shutting down");
    assert_eq!(new.get("/").text(), "ok");
}
