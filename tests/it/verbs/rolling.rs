//! The script that rolls a pool: every backend is restarted, no request fails.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use evenkeel::balance::backend::Mode;
use rustix::fs::{CWD, FileType, Mode as Bits, mknodat};

use super::finished;
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::keel::{BINARY, Keel, Run, pool};
use crate::support::script::ok;
use crate::support::upstream::{Upstream, upstream};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/rolling-deploy.sh");

/// Clients that ask without a pause until they are told to stop.
struct Traffic {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

impl Traffic {
    fn at(keel: &Keel) -> Self {
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let clients = (0..4).map(|_| {
            let (stop, asked, address) = (Arc::clone(&stop), Arc::clone(&asked), keel.address);
            thread::spawn(move || {
                let mut client = Client::to(address);
                while !stop.load(Relaxed) {
                    assert_eq!(client.get("/").status, 200);
                    asked.fetch_add(1, Relaxed);
                }
            })
        });
        Self { clients: clients.collect(), stop, asked }
    }

    /// Waits until some more have been answered.
    fn goes_on(&self) {
        let so_far = self.asked.load(Relaxed);
        eventually("traffic", || (self.asked.load(Relaxed) > so_far + 40).then_some(()));
    }

    /// Not one has failed.
    #[track_caller]
    fn end(self) {
        self.stop.store(true, Relaxed);
        for client in self.clients {
            client.join().expect("a request has failed");
        }
    }
}

fn three() -> ([Upstream; 3], Keel) {
    let backends = ["a", "b", "c"].map(|body| upstream(ok(body)));
    let check = "{type: tcp, interval: 100ms, timeout: 100ms, rise: 1, fall: 1}";
    let [a, b, c] = &backends;
    let keel = Keel::serve(pool(&[a, b, c]).set("health_check", check));
    (backends, keel)
}

/// Rolls the pool; the restart is this shell command.
fn roll(keel: &Keel, times: &[&str], restart: &str) -> std::process::Child {
    let mut command = Command::new(SCRIPT);
    command.args(["-a", &keel.admin.to_string()]).args(times).args(["web", "sh", "-c", restart]).env("EVENKEEL", BINARY);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Bits::RUSR | Bits::WUSR, 0).unwrap();
}

#[test]
fn three_backends_are_restarted_under_traffic_and_nobody_notices() {
    let (backends, keel) = three();
    let dir = tempfile::tempdir().unwrap();
    let [asked, done] = ["asked", "done"].map(|name| dir.path().join(name));
    fifo(&asked);
    fifo(&done);
    let traffic = Traffic::at(&keel);
    traffic.goes_on();
    let restart = format!("echo \"$EVENKEEL_BACKEND $EVENKEEL_URL\" >{}; read -r _ <{}", asked.display(), done.display());
    let rolling = roll(&keel, &[], &restart);
    for backend in &backends {
        let who = fs::read_to_string(&asked).unwrap();
        assert_eq!(who.trim(), format!("web/{} {}", backend.name(), backend.url()));
        let view = keel.view(backend);
        assert_eq!((view.mode, view.in_flight), (Mode::Drain, 0));
        backend.dies();
        traffic.goes_on();
        eventually("found dead", || (!keel.view(backend).last_check_passed).then_some(()));
        backend.comes_back();
        writeln!(OpenOptions::new().write(true).open(&done).unwrap(), "done").unwrap();
    }
    let Run { code, stdout, stderr } = finished(rolling);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.ends_with("rolling-deploy: web is done\n"), "{stdout}");
    traffic.goes_on();
    traffic.end();
    assert!(backends.iter().all(|backend| keel.view(backend).mode == Mode::Up));
}

#[test]
fn the_first_failure_stops_it_and_leaves_the_backend_drained() {
    let (backends, keel) = three();
    let failed = finished(roll(&keel, &[], "exit 3"));
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    assert!(failed.stderr.contains(&format!("the restart of web/{} failed; it stays drained", backends[0].name())));
    let modes = || backends.each_ref().map(|backend| keel.view(backend).mode);
    assert_eq!(modes(), [Mode::Drain, Mode::Up, Mode::Up]);

    backends[1].dies();
    eventually("found dead", || (!keel.view(&backends[1]).last_check_passed).then_some(()));
    let unfit = finished(roll(&keel, &["-u", "500ms"], ":"));
    assert_eq!(unfit.code, Some(1), "{}", unfit.stderr);
    assert!(unfit.stdout.contains("is in mode drain: left alone"), "{}", unfit.stdout);
    assert!(unfit.stderr.contains("does not take requests again"), "{}", unfit.stderr);
    assert_eq!(modes(), [Mode::Drain, Mode::Drain, Mode::Up]);

    let last = finished(roll(&keel, &[], ":"));
    assert_eq!(last.code, Some(1));
    assert!(last.stderr.contains("last eligible"), "{}", last.stderr);
    assert_eq!(modes(), [Mode::Drain, Mode::Drain, Mode::Up]);
}

#[test]
fn its_usage_is_the_comment_at_its_top() {
    let usage = Command::new(SCRIPT).arg("web").output().unwrap();
    let told = String::from_utf8(usage.stderr).unwrap();
    assert_eq!(usage.status.code(), Some(2));
    assert!(
        told.contains("rolling-deploy.sh [-c CONFIG]") && told.contains("it stays drained") && !told.contains("set -eu"),
        "{told}"
    );
}
