//! The long run: full load from many clients, faults at the upstreams, and an operator who does something every second at
//! the real dashboard. Nothing may go wrong that is not explained, and memory and descriptors stay where they are.
//!
//! `cargo test --release --test it soak -- --ignored` runs for `EVENKEEL_SOAK_SECONDS` (default 600) and prints a table.
//! `EVENKEEL_SEED` says which random faults.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use evenkeel::balance::backend::Mode;
use evenkeel::balance::snapshot::{PoolView, Snapshot};
use rustix::process::{Pid, Signal};

use crate::support::client::Client;
use crate::support::eventually;
use crate::support::keel::config_dir;
use crate::support::process::{descriptors, resident};
use crate::support::pty::Pty;
use crate::support::storm::account::{Account, Disturbance};
use crate::support::storm::chance::Chance;
use crate::support::storm::crowd::crowd;
use crate::support::storm::faulty::faulty;
use crate::support::storm::{kill_at_random, seed, setting, watch_the_clock};

const BACKENDS: u64 = 5;
const CLIENTS: u64 = 64;

/// Requests in a thousand that an upstream treats badly.
const FAULTS: u64 = 10;

/// Between two lines of the table.
const SAMPLE: Duration = Duration::from_secs(5);

/// Asks evenkeel how it is, over its admin socket.
struct Gauge {
    socket: PathBuf,
    pid: Pid,
}

impl Gauge {
    fn snapshot(&self) -> Snapshot {
        let mut client = eventually("the admin socket", || Client::to_path(&self.socket));
        let response = client.send("GET /api/v1/snapshot HTTP/1.1\r\nhost: localhost\r\n\r\n").response();
        serde_json::from_slice(&response.body).unwrap()
    }

    fn pool(&self) -> PoolView {
        self.snapshot().pools.remove(0)
    }
}

/// One line of the table.
struct Sample {
    resident: u64,
    descriptors: usize,
}

#[test]
#[ignore = "runs for ten minutes"]
fn ten_minutes_of_everything() {
    let (seconds, seed) = (setting("EVENKEEL_SOAK_SECONDS").unwrap_or(600), seed());
    let account = Arc::new(Account::default());
    let backends: Vec<_> = (0..BACKENDS).map(|n| faulty(&account, Chance::new(seed, n), FAULTS)).collect();
    let list: Vec<_> = backends.iter().map(|b| format!("{{url: \"{}\", max_in_flight: 14}}", b.url())).collect();
    let list = list.join(", ");
    let (dir, config) = config_dir(
        "unix:DIR/admin.sock",
        format!(
            "pools:\n  - name: web\n    timeouts: {{connect: 2s, response_head: 2s, stream_idle: 2s}}\n    \
             queue: {{size: 1024, timeout: 20s}}\n    health_check: {{type: http, path: /health, interval: 1s}}\n    \
             outlier_detection: {{max_ejected_percent: 40, base_ejection: 2s}}\n    backends: [{list}]\n"
        ),
    );
    let mut pty = Pty::spawn(120, 36, &["-c", config.to_str().unwrap()], &[]);
    let gauge = Gauge { socket: dir.path().join("admin.sock"), pid: pty.pid() };
    let address: SocketAddr = eventually("all of them healthy", || {
        let snapshot = gauge.snapshot();
        (snapshot.pools[0].eligible() == backends.len()).then(|| snapshot.listen[0].parse().unwrap())
    });
    let at_rest = descriptors(gauge.pid);

    let over = AtomicBool::new(false);
    let samples = thread::scope(|scope| {
        scope.spawn(|| watch_the_clock(&account, &over));
        scope.spawn(|| kill_at_random(&backends, &account, Chance::new(seed, 100), Duration::from_secs(8), &over));
        scope.spawn(|| crowd(address, &account, CLIENTS, seed, &over));
        scope.spawn(|| operate(&mut pty, &account, Chance::new(seed, 101), &over));
        let samples = watch(&gauge, &account, Duration::from_secs(seconds));
        over.store(true, Relaxed);
        samples
    });
    let (counts, wrongs) = (account.counts(), account.wrongs());
    say(&format!("seed {seed}; {counts:#?}; {} unexplained", wrongs.len()));
    assert!(wrongs.is_empty(), "seed {seed}: {:#?}", &wrongs[..wrongs.len().min(20)]);

    // Everybody up again, whatever the operator left behind.
    for _ in &backends {
        pty.keys("uj");
    }
    eventually("all of them up", || gauge.pool().backends.iter().all(|b| b.mode == Mode::Up).then_some(()));
    eventually("nothing in flight", || (gauge.pool().in_flight == 0).then_some(()));
    eventually("all connections closed", || (descriptors(gauge.pid) <= at_rest).then_some(()));
    assert_flat(&samples);
    pty.signal(Signal::TERM);
    assert_eq!(pty.exit_code(), 0, "{}", pty.text());
    pty.assert_restored("every request was finished");
}

/// Prints a line every few seconds, and notices when nobody is eligible.
fn watch(gauge: &Gauge, account: &Account, long: Duration) -> Vec<Sample> {
    let begun = Instant::now();
    let (mut samples, mut done, mut settings) = (Vec::new(), 0, BTreeSet::new());
    let mut looked = begun;
    say("   time   requests/s   explained   unexplained   RSS KiB   descriptors   in flight   waiting   settings seen");
    while begun.elapsed() < long {
        let next = begun + SAMPLE * (samples.len() as u32 + 1);
        while Instant::now() < next {
            thread::sleep(Duration::from_millis(100));
            let pool = gauge.pool();
            if pool.eligible() == 0 {
                account.was_disturbing(Disturbance::NobodyEligible, looked);
            }
            looked = Instant::now();
            let modes: Vec<_> = pool.backends.iter().map(|b| (b.mode as u8, b.weight)).collect();
            settings.insert((modes, pool.strategy));
        }
        account.forget_the_old();
        let counts = account.counts();
        let (all, good) = (counts.values().sum::<u64>(), counts["200"] + counts["left early"]);
        let (pool, wrongs) = (gauge.pool(), account.wrongs().len());
        let sample = Sample { resident: resident(gauge.pid), descriptors: descriptors(gauge.pid) };
        say(&format!(
            "{:>5} s   {:>10}   {:>9}   {wrongs:>11}   {:>7}   {:>11}   {:>9}   {:>7}   {:>13}",
            begun.elapsed().as_secs(),
            (all - done) / SAMPLE.as_secs(),
            all - good,
            sample.resident / 1024,
            sample.descriptors,
            pool.in_flight,
            pool.queued,
            settings.len(),
        ));
        done = all;
        samples.push(sample);
    }
    assert!(settings.len() > 2, "the operator did nothing: {settings:?}");
    samples
}

/// Something every second, as an operator would: never more than one backend out at a time.
fn operate(pty: &mut Pty, account: &Account, mut chance: Chance, over: &AtomicBool) {
    const HALF: Duration = Duration::from_millis(500);
    let mut press = |keys: &str| {
        pty.keys(keys);
        thread::sleep(HALF);
    };
    while !over.load(Relaxed) {
        press(&["j", "k"][chance.below(2) as usize].repeat(chance.below(BACKENDS) as usize));
        match chance.below(8) {
            // If it is asked whether this is meant: it is. Esc leaves what is open all the same.
            0 => ["d", "y", "\x1b", "\x1b", "u"].into_iter().for_each(&mut press),
            1 => ["x", "f", "\x1b", "\x1b", "u"].into_iter().for_each(&mut press),
            2 => {
                press("x");
                account.disturbed(Disturbance::Cut, || press("c"));
                ["\x1b", "\x1b", "u"].into_iter().for_each(&mut press);
            }
            3 => ["+", "+", "-", "="].into_iter().for_each(&mut press),
            4 => ["-", "y", "\x1b", "="].into_iter().for_each(&mut press),
            5 => {
                press("b");
                press(&"j".repeat(1 + chance.below(7) as usize));
                press("\r");
                press("\x1b");
            }
            6 => ["?", "\x1b", "\r", "\x1b", "p", "p"].into_iter().for_each(&mut press),
            _ => ["s", "!", "\x0c", "2", "1"].into_iter().for_each(&mut press),
        }
    }
}

/// What grew in the beginning must not go on growing.
fn assert_flat(samples: &[Sample]) {
    let median = |mut values: Vec<u64>| {
        values.sort_unstable();
        values[values.len() / 2]
    };
    let flat = |what: &str, slack: u64, values: Vec<u64>| {
        let quarter = values.len() / 4;
        let (before, after) = (median(values[quarter..=2 * quarter].to_vec()), median(values[3 * quarter..].to_vec()));
        assert!(after < before + before / 5 + slack, "{what} went from {before} to {after}");
    };
    flat("memory", 8 << 20, samples.iter().map(|s| s.resident).collect());
    flat("descriptors", 50, samples.iter().map(|s| s.descriptors as u64).collect());
}

fn say(line: &str) {
    // Not captured: whoever runs this for ten minutes wants to see something.
    io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}
