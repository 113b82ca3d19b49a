//! Every fault of an upstream meets every kind of client, at random times, and whatever happens some things hold:
//!
//! - a POST is delivered at most once;
//! - every request gets exactly one answer, or a break that can be seen;
//! - a body is the bytes that were sent, or ends visibly unfinished;
//! - no answer comes to another request than its own;
//! - every error is explained by a fault at that time;
//! - afterwards nothing is in flight, and descriptors and memory are back where they were.
//!
//! `EVENKEEL_FAULTS_SECONDS` says for how long (default 8), `EVENKEEL_SEED` which random faults; both for longer runs by
//! hand: `EVENKEEL_FAULTS_SECONDS=300 cargo test --test it faults`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::before_deadline;
use crate::support::keel::{Keel, pool};
use crate::support::process::{descriptors, resident};
use crate::support::storm::account::Account;
use crate::support::storm::chance::Chance;
use crate::support::storm::crowd::crowd;
use crate::support::storm::faulty::faulty;
use crate::support::storm::{kill_at_random, seed, setting, watch_the_clock};

#[test]
fn whatever_breaks_the_promises_hold() {
    let (seconds, seed) = (setting("EVENKEEL_FAULTS_SECONDS").unwrap_or(8), seed());
    let account = Arc::new(Account::default());
    let backends: Vec<_> = (0..4).map(|n| faulty(&account, Chance::new(seed, n), 300)).collect();
    let pool = pool(&backends.iter().collect::<Vec<_>>())
        .set("timeouts", "{connect: 1s, response_head: 1s, stream_idle: 1s}")
        .set("outlier_detection", "null")
        .set("queue", "{size: 1024, timeout: 10s}")
        .set("retry", "{attempts: 2, budget: 100%, backoff: 1ms..5ms}");
    let keel = Keel::serve(format!("timeouts: {{client_header: 5s, request_body_idle: 1s}}\n{pool}"));
    let before = (descriptors(keel.pid()), resident(keel.pid()));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| watch_the_clock(&account, &over));
        scope.spawn(|| kill_at_random(&backends, &account, Chance::new(seed, 100), Duration::from_secs(2), &over));
        scope.spawn(|| crowd(keel.address, &account, 48, seed, &over));
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end && account.wrongs().is_empty() {
            thread::sleep(Duration::from_millis(100));
            account.forget_the_old();
        }
        over.store(true, Relaxed);
    });
    let (counts, wrongs) = (account.counts(), account.wrongs());
    assert!(wrongs.is_empty(), "seed {seed}: {wrongs:#?}\n{counts:#?}");
    assert!(counts["200"] > 100 && counts.len() > 5, "too little happened: {counts:#?}");
    keel.comes_to_rest();
    let closed = before_deadline(|| (descriptors(keel.pid()) <= before.0).then_some(()));
    assert!(closed.is_some(), "seed {seed}: {} descriptors, {} before", descriptors(keel.pid()), before.0);
    let grown = resident(keel.pid()).saturating_sub(before.1);
    assert!(grown < 64 << 20, "{grown} bytes more than before");
}
