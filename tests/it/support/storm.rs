//! Many clients and many faults at once, with an account of everything that was asked, delivered and answered.
//!
//! Each request has an id, and what its bodies contain follows from it: so both ends can tell whether a byte is in its place
//! and whether an answer belongs to the question. [`faulty`] upstreams break the rules at random, a [`crowd`] of clients does
//! what clients do, and the [`account`] says what is explained by a fault and what is evenkeel's.

pub mod account;
pub mod asked;
pub mod chance;
pub mod content;
pub mod crowd;
pub mod faulty;
pub mod vice;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use self::account::{Account, Disturbance};
use self::chance::Chance;
use super::upstream::Upstream;

/// A number from the environment.
pub fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is {value:?}, not a number")))
}

/// Where randomness begins: another place each time, unless the environment says where.
pub fn seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    setting("EVENKEEL_SEED").unwrap_or(now.as_nanos() as u64)
}

/// Lets backends die and come back, one at a time, until it is over.
pub fn kill_at_random(backends: &[Upstream], account: &Account, mut chance: Chance, every: Duration, over: &AtomicBool) {
    while !over.load(Relaxed) {
        let backend = chance.one_of(backends);
        account.disturbed(Disturbance::Death, || {
            backend.dies();
            thread::sleep(chance.up_to(every / 4));
            backend.comes_back();
        });
        thread::sleep(chance.up_to(every));
    }
}

/// Notices when this process itself is held up, since whatever is late then is nobody's fault.
pub fn watch_the_clock(account: &Account, over: &AtomicBool) {
    const STEP: Duration = Duration::from_millis(20);
    const HELD_UP: Duration = Duration::from_millis(250);
    while !over.load(Relaxed) {
        let before = Instant::now();
        thread::sleep(STEP);
        if before.elapsed() > HELD_UP {
            account.was_disturbing(Disturbance::HeldUp, before);
        }
    }
}
