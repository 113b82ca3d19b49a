//! Sockets that a service manager keeps open, handed over by the protocol of `sd_listen_fds(3)`.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Traffic, request};
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::keel::{BINARY, Keel, config_dir, pool};
use crate::support::script::ok;
use crate::support::upstream::upstream;

/// Starts the rest of its arguments with the sockets that it got as stdin and stdout.
const HAND_OVER: &str = "export LISTEN_PID=$$ LISTEN_FDS=2; exec \"$0\" \"$@\" 3<&0 4<&1 </dev/null >/dev/null";

/// `evenkeel serve` with these two sockets.
fn command(dir: &TempDir, first: &OwnedFd, second: &OwnedFd) -> Command {
    let mut command = Command::new("sh");
    let config = dir.path().join("config.yaml");
    command.args(["-c", HAND_OVER, BINARY, "serve", "-c"]).arg(config).stderr(Stdio::piped());
    command.stdin(first.try_clone().unwrap()).stdout(second.try_clone().unwrap());
    command
}

/// A listener such as a service manager makes: blocking, and nobody's in particular.
fn listener() -> (OwnedFd, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener.into(), address)
}

#[test]
fn restarts_refuse_nobody() {
    let backend = upstream(ok("ok"));
    let [(web, address), (admin, _)] = [listener(), listener()];
    let start = || {
        let (dir, _) = config_dir("127.0.0.1:0", pool(&[&backend]));
        let mut command = command(&dir, &web, &admin);
        Keel::spawn(&mut command, dir)
    };
    let mut keel = start();
    assert_eq!(keel.address, address);
    let traffic = Traffic::to(address);
    for _ in 0..3 {
        traffic.flows();
        keel.signal(Signal::TERM);
        assert_eq!(keel.exit_code(), Some(0));
        keel = start();
    }
    traffic.flows();
    traffic.stop();
    let connections = keel.snapshot().connections_total;
    assert!(connections > 0, "the last one has served, too");
}

#[test]
fn an_admin_socket_in_the_file_system_stays_where_it_is() {
    let backend = upstream(ok("ok"));
    let (web, address) = listener();
    let (dir, _) = config_dir("unix:DIR/admin.sock", pool(&[&backend]));
    let path = dir.path().join("admin.sock");
    let admin = UnixListener::bind(&path).unwrap().into();
    let mut child = command(&dir, &web, &admin).spawn().unwrap();
    eventually("ready", || (Client::to_path(&path)?.get("/readyz").status == 200).then_some(()));
    request(address);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(path.exists(), "it is the service manager's");
}

#[test]
fn a_socket_that_the_config_does_not_name_is_an_error() {
    let backend = upstream(ok("ok"));
    let [(first, _), (second, other)] = [listener(), listener()];
    let (dir, _) = config_dir("unix:DIR/admin.sock", pool(&[&backend]));
    let output = command(&dir, &first, &second).output().unwrap();
    let says = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(says.contains(&format!("not in the config: {other};")) && says.lines().count() == 1, "{says}");
}
