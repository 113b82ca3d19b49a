use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::*;
use crate::balance::backend::{Eligibility, Mode};
use crate::control::fixture;
use crate::control::health_check::probe::{CheckError, Passed};
use crate::control::health_check::roster::keep_fresh;
use crate::event::Stamped;

const SECOND: Duration = Duration::from_secs(1);

/// A backend under patrol, checked each 2 s (rise 2, fall 3), by a probe that answers with `answer` after `slowness`.
struct Ward {
    backend: Arc<Backend>,
    checks: Arc<Checks>,
    events: broadcast::Receiver<Arc<Stamped>>,
    recovered: mpsc::UnboundedReceiver<Arc<Backend>>,
    /// 0 = refused, 1 = no descriptor left, else a status.
    answer: watch::Sender<u16>,
    begun: Arc<AtomicUsize>,
    tasks: [AbortHandle; 2],
}

impl Drop for Ward {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Ward {
    fn new(answer: u16, slowness: Duration) -> Self {
        let mut settings = fixture::settings("web", &["a", "b"]);
        settings.checked = true;
        let pool = fixture::pool_of(settings);
        let (bus, checks) = (EventBus::default(), Arc::new(Checks::new(&fixture::check(), Verdict::Unknown)));
        let (events, backend) = (bus.subscribe(), Arc::clone(&pool.backends()[0]));
        let (recovered, recoveries) = mpsc::unbounded_channel();
        let (answer, answers) = watch::channel(answer);
        let begun = Arc::new(AtomicUsize::new(0));
        let probe = {
            let begun = Arc::clone(&begun);
            async move |_: &Spec, _: &HealthCheck| {
                begun.fetch_add(1, Relaxed);
                sleep(slowness).await;
                let result = match *answers.borrow() {
                    0 => Err(CheckError::Refused),
                    1 => Err(CheckError::Io(rustix::io::Errno::MFILE.into())),
                    status => Ok(Passed::Status(status)),
                };
                Finding { result, took: slowness, body: None }
            }
        };
        let pace = Pace::new(2 * SECOND, 0, 1, 2);
        let stale = Arc::new(Notify::new());
        let fresh = tokio::spawn(keep_fresh(pool, Arc::clone(&stale), bus.clone()));
        let patrol = Patrol { backend: Arc::clone(&backend), checks: Arc::clone(&checks), pace, probe, bus, stale, recovered };
        let tasks = [tokio::spawn(patrol.run()), fresh].map(|task| task.abort_handle());
        Self { backend, checks, events, recovered: recoveries, answer, begun, tasks }
    }

    /// The next event, printed, and the milliseconds that it took.
    async fn event(&mut self) -> (String, u128) {
        let began = Instant::now();
        let event = self.events.recv().await.unwrap().event.to_string();
        (event, began.elapsed().as_millis())
    }

    fn begun(&self) -> usize {
        self.begun.load(Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_check_comes_at_once_and_decides() {
    let mut ward = Ward::new(200, Duration::ZERO);
    assert_eq!(ward.backend.eligibility(), Eligibility::AwaitingFirstCheck);
    assert_eq!(ward.event().await, ("web/a unknown -> healthy: 200 in <1 ms".into(), 0));
    assert_eq!(ward.event().await.0, "web 0 -> 1 of 2 eligible");
    assert_eq!(ward.backend.eligibility(), Eligibility::Eligible);
    assert!(ward.recovered.try_recv().is_err(), "it was never away");
}

#[tokio::test(start_paused = true)]
async fn a_backend_falls_and_rises_quickly() {
    let mut ward = Ward::new(200, Duration::ZERO);
    sleep(SECOND).await;
    while ward.events.try_recv().is_ok() {}
    ward.answer.send_replace(0);
    assert_eq!(ward.event().await, ("web/a check 1 of 3 failed: refused".into(), 1000));
    let (event, took) = ward.event().await;
    assert_eq!(event, "web/a healthy -> unhealthy: refused");
    assert!(took <= 1000, "two checks in doubt: {took} ms");
    assert_eq!(ward.event().await.0, "web 1 -> 0 of 2 eligible: clients get 503");
    assert_eq!(ward.checks.log().results().len(), 4);
    ward.answer.send_replace(204);
    assert_eq!(ward.event().await, ("web/a check 1 of 2 passed: 204 in <1 ms".into(), 2000));
    let (event, took) = ward.event().await;
    assert_eq!(event, "web/a unhealthy -> healthy: 204 in <1 ms");
    assert!(took <= 500, "one check in doubt: {took} ms");
    assert_eq!(ward.event().await.0, "web 0 -> 1 of 2 eligible");
    assert_eq!(ward.recovered.recv().await.unwrap().spec.id, ward.backend.spec.id);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_could_not_be_made_says_nothing() {
    let mut ward = Ward::new(1, Duration::ZERO);
    sleep(20 * SECOND).await;
    assert!(ward.begun() > 5, "it is tried again");
    assert_eq!(ward.backend.eligibility(), Eligibility::AwaitingFirstCheck);
    ward.answer.send_replace(200);
    assert_eq!(ward.event().await.0, "web/a unknown -> healthy: 200 in <1 ms");
    ward.answer.send_replace(1);
    sleep(20 * SECOND).await;
    assert_eq!(ward.backend.eligibility(), Eligibility::Eligible);
    assert_eq!(ward.checks.log().results().len(), 1, "the one that was made");
}

#[tokio::test(start_paused = true)]
async fn a_check_may_be_asked_for_but_not_too_often() {
    let ward = Ward::new(200, Duration::ZERO);
    sleep(SECOND).await;
    assert_eq!(ward.begun(), 1);
    ward.checks.check_soon();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(ward.begun(), 2, "at once");
    for _ in 0..10 {
        ward.checks.check_soon();
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ward.begun(), 3, "once in 200 ms");
}

#[tokio::test(start_paused = true)]
async fn slow_checks_do_not_pile_up() {
    let ward = Ward::new(200, 5 * SECOND);
    sleep(SECOND).await;
    ward.checks.check_soon();
    sleep(3 * SECOND).await;
    assert_eq!(ward.begun(), 1);
    sleep(2 * SECOND).await;
    assert_eq!(ward.begun(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_drained_backend_is_checked_on() {
    let mut ward = Ward::new(200, Duration::ZERO);
    ward.backend.live.set_mode(Mode::Drain);
    ward.answer.send_replace(0);
    assert_eq!(ward.event().await.0, "web/a unknown -> unhealthy: refused");
    ward.answer.send_replace(200);
    assert_eq!(ward.event().await.0, "web/a check 1 of 2 passed: 200 in <1 ms");
    assert_eq!(ward.event().await.0, "web/a unhealthy -> healthy: 200 in <1 ms");
}
