//! Metrics of backends.

use super::page::Page;
use super::pools::{by_cause, own_answers};
use crate::balance::backend::{Mode, Verdict};
use crate::balance::meter::Failure;
use crate::balance::snapshot::{BackendView, Snapshot};

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// A figure that only grows.
type Count = fn(&BackendView) -> u64;

/// A figure that goes up and down.
type Figure = fn(&BackendView) -> f64;

const COUNTERS: [(&str, &str, Count); 6] = [
    ("evenkeel_backend_attempts_total", "Requests handed to the backend, retries included.", |b| b.requests_total),
    ("evenkeel_retries_total", "Attempts that were retries of a request that failed elsewhere.", |b| b.totals.retries),
    ("evenkeel_client_left_total", "Requests whose client left before the answer was complete.", |b| b.totals.cancelled),
    ("evenkeel_request_body_bytes_total", "Bytes of request bodies sent to the backend.", |b| b.totals.bytes_in),
    ("evenkeel_response_body_bytes_total", "Bytes of answers' bodies received from the backend.", |b| b.totals.bytes_out),
    ("evenkeel_ejections_total", "How often the backend was ejected after failed requests.", |b| b.totals.ejections),
];

const GAUGES: [(&str, &str, Figure); 7] = [
    ("evenkeel_backend_up", "1 while the backend may take new requests, 0 while it may not, for whatever reason.", |b| {
        flag(b.eligibility.is_eligible())
    }),
    ("evenkeel_backend_ejected", "1 while the backend is ejected after failed requests.", |b| flag(b.ejected_for_ms.is_some())),
    ("evenkeel_backend_in_flight", "Requests being served.", |b| b.in_flight.into()),
    ("evenkeel_backend_weight", "Weight in force.", |b| b.weight.into()),
    ("evenkeel_backend_weight_effective", "Weight that counts now: less during a slow start, none while not eligible.", |b| {
        flag(b.eligibility.is_eligible()) * f64::from(b.weight) * f64::from(b.ramp_percent) / 100.0
    }),
    ("evenkeel_backend_share_ratio", "Share of its pool's requests over the last minute.", |b| b.share[0]),
    ("evenkeel_backend_fair_share_ratio", "The share that its weight asks for over the last minute.", |b| b.fair_share[0]),
];

/// Writes them.
pub(super) fn write(page: &mut Page, snapshot: &Snapshot) {
    let all = || snapshot.pools.iter().flat_map(|pool| &pool.backends);
    requests(page, snapshot);
    let mut durations =
        page.histogram("evenkeel_request_duration_seconds", "From the pick of the backend to the last byte of its answer.");
    for backend in all() {
        durations.distribution(&name(backend), &backend.totals.latencies);
    }
    for (metric, help, count) in COUNTERS {
        let mut family = page.counter(metric, help);
        all().for_each(|backend| family.sample(&name(backend), count(backend)));
    }
    let mut failures = page.counter("evenkeel_backend_failures_total", "Attempts that failed.");
    for backend in all() {
        for (failure, count) in Failure::ALL.iter().zip(backend.totals.failures) {
            failures.sample(&labels(backend, "reason", failure.code()), count);
        }
    }
    let mut checks = page.counter("evenkeel_health_checks_total", "Health checks.");
    for backend in all().filter(|backend| backend.checked) {
        checks.sample(&labels(backend, "result", "passed"), backend.totals.checks_passed);
        checks.sample(&labels(backend, "result", "failed"), backend.totals.checks_failed);
    }
    for (metric, help, figure) in GAUGES {
        let mut family = page.gauge(metric, help);
        all().for_each(|backend| family.sample(&name(backend), figure(backend)));
    }
    states(page, snapshot);
}

/// What clients got: from backends, and from evenkeel itself.
fn requests(page: &mut Page, snapshot: &Snapshot) {
    let mut requests = page.counter(
        "evenkeel_requests_total",
        "Requests answered, by class of their status; without a backend, by evenkeel itself.",
    );
    for backend in snapshot.pools.iter().flat_map(|pool| &pool.backends) {
        for (class, count) in CLASSES.iter().zip(backend.totals.classes) {
            requests.sample(&labels(backend, "class", class), count);
        }
    }
    for (pool, answers) in own_answers(snapshot) {
        for (index, class) in CLASSES.iter().enumerate().skip(1) {
            let of_class = by_cause(answers).filter(|(cause, _)| usize::from(cause.status() / 100) == index + 1);
            let count: u64 = of_class.map(|(_, count)| count).sum();
            requests.sample(&[("pool", pool), ("backend", ""), ("class", class)], count);
        }
    }
}

/// States, of which one is 1 and the others are 0, and what is left to do for one of them.
fn states(page: &mut Page, snapshot: &Snapshot) {
    let all = || snapshot.pools.iter().flat_map(|pool| &pool.backends);
    let mut modes = page.gauge("evenkeel_backend_admin_state", "1 for what the operator wants of the backend, 0 for what not.");
    for (backend, mode) in all().flat_map(|backend| [Mode::Up, Mode::Drain, Mode::Down].map(|mode| (backend, mode))) {
        modes.sample(&labels(backend, "state", mode.word()), flag(backend.mode == mode));
    }
    let mut health = page.gauge("evenkeel_backend_health", "1 for what the checks say of the backend, 0 for what not.");
    let verdicts = [Verdict::Unknown, Verdict::Healthy, Verdict::Unhealthy];
    for (backend, verdict) in all().flat_map(|backend| verdicts.map(|verdict| (backend, verdict))) {
        health.sample(&labels(backend, "health", verdict.word()), flag(backend.health == verdict));
    }
    let mut drains = page.gauge("evenkeel_drain_remaining", "Requests that a backend still serves which takes no new ones.");
    for backend in all().filter(|backend| backend.mode != Mode::Up) {
        drains.sample(&name(backend), backend.in_flight);
    }
}

fn name(backend: &BackendView) -> [(&'static str, &str); 2] {
    [("pool", &backend.id.pool), ("backend", &backend.id.backend)]
}

fn labels<'a>(backend: &'a BackendView, key: &'static str, value: &'a str) -> [(&'static str, &'a str); 3] {
    let [pool, name] = name(backend);
    [pool, name, (key, value)]
}

fn flag(is: bool) -> f64 {
    u8::from(is).into()
}
