//! What the service manager is told, over the socket that `NOTIFY_SOCKET` names.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::keel::{BINARY, Keel, config_dir, pool};
use crate::support::script::{ok, stalls_before_the_head};
use crate::support::upstream::upstream;
use crate::support::{DEADLINE, eventually};

const READY: &str = "READY=1\nSTATUS=serving: 1 of 1 backends eligible";

/// A process that tells this socket how it goes, with these further variables.
fn informed(rest: impl std::fmt::Display, variables: &[(&str, &str)]) -> (Keel, UnixDatagram) {
    let (dir, config) = config_dir("127.0.0.1:0", rest);
    let address = dir.path().join("notify");
    let manager = UnixDatagram::bind(&address).unwrap();
    manager.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut command = Command::new(BINARY);
    command.arg("serve").arg("-c").arg(config).stdin(Stdio::null());
    command.env("NOTIFY_SOCKET", address).envs(variables.iter().copied());
    (Keel::spawn(&mut command, dir), manager)
}

/// Waits for the next message that is not about the watchdog.
fn next(manager: &UnixDatagram) -> String {
    loop {
        let mut message = [0; 256];
        let length = manager.recv(&mut message).expect("a message in time");
        let text = String::from_utf8(message[..length].to_vec()).unwrap();
        if text != "WATCHDOG=1" {
            return text;
        }
    }
}

#[test]
fn readiness_and_the_end() {
    let backend = upstream(stalls_before_the_head());
    let (mut keel, manager) = informed(format!("shutdown: {{grace: 300ms}}\n{}", pool(&[&backend])), &[]);
    assert_eq!(next(&manager), READY);
    let mut client = keel.client();
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    eventually("the request at its backend", || (backend.hits() == 1).then_some(()));
    keel.signal(Signal::TERM);
    assert_eq!(next(&manager), "STOPPING=1\nEXTEND_TIMEOUT_USEC=10300000");
    assert_eq!(keel.exit_code(), Some(0));
}

#[test]
fn every_reload_whatever_comes_of_it() {
    let backend = upstream(ok("ok"));
    let (keel, manager) = informed(pool(&[&backend]), &[]);
    assert_eq!(next(&manager), READY);
    let reload = || {
        keel.reload();
        assert!(next(&manager).starts_with("RELOADING=1\nMONOTONIC_USEC="));
        assert_eq!(next(&manager), "READY=1");
        next(&manager)
    };
    keel.rewrite("no: config");
    let status = reload();
    assert!(status.starts_with("STATUS=serving: 1 of 1 backends eligible; config: "), "{status}");
    let another = upstream(ok("ok"));
    keel.rewrite(pool(&[&backend, &another]));
    assert_eq!(reload(), "STATUS=serving: 2 of 2 backends eligible");
}

#[test]
fn a_watchdog_is_fed_and_another_ones_is_not() {
    let backend = upstream(ok("ok"));
    let (_keel, manager) = informed(pool(&[&backend]), &[("WATCHDOG_USEC", "900000")]);
    let mut message = [0; 256];
    let first = manager.recv(&mut message).unwrap();
    assert_eq!(&message[..first], READY.as_bytes());
    for _ in 0..3 {
        let length = manager.recv(&mut message).expect("food in time");
        assert_eq!(&message[..length], b"WATCHDOG=1");
    }

    let (keel, manager) = informed(pool(&[&backend]), &[("WATCHDOG_USEC", "1"), ("WATCHDOG_PID", "1")]);
    assert_eq!(next(&manager), READY);
    keel.signal(Signal::TERM);
    let length = manager.recv(&mut message).unwrap();
    assert!(message[..length].starts_with(b"STOPPING=1"), "the first after it was ready");
}

#[test]
fn a_service_manager_that_cannot_be_reached_is_no_reason_not_to_serve() {
    let backend = upstream(ok("ok"));
    let (dir, config) = config_dir("127.0.0.1:0", pool(&[&backend]));
    let mut command = Command::new(BINARY);
    command.arg("serve").arg("-c").arg(config).stdin(Stdio::null()).env("NOTIFY_SOCKET", dir.path().join("nobody"));
    let keel = Keel::spawn(&mut command, dir);
    keel.line("cannot be told that this is ready");
    assert_eq!(keel.get("/").text(), "ok");
}
