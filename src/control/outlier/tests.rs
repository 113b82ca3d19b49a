use tokio::sync::broadcast;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::*;
use crate::balance::backend::{Eligibility, Verdict};
use crate::balance::ejection::OutlierDetection;
use crate::control::fixture;
use crate::control::health_check::Checks;
use crate::event::Stamped;

/// A detector over the pool `web` of three backends: 3 failures eject for 10 s, 20 s, ...
struct Room {
    pool: Arc<Pool>,
    events: broadcast::Receiver<Arc<Stamped>>,
    reports: mpsc::Sender<Report>,
    recovered: mpsc::UnboundedSender<Arc<Backend>>,
    detector: AbortHandle,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.detector.abort();
    }
}

impl Room {
    fn new(slow_start: Millis) -> Self {
        let mut settings = fixture::settings("web", &["a", "b", "c"]);
        let detection = OutlierDetection { consecutive_failures: 3, base_ejection: 10_000, ..OutlierDetection::default() };
        (settings.outlier_detection, settings.slow_start) = (Some(detection), slow_start);
        let (pool, bus) = (fixture::pool_of(settings), EventBus::default());
        let events = bus.subscribe();
        let (reports, heard) = mpsc::channel(8);
        let (recovered, recoveries) = mpsc::unbounded_channel();
        let detector = Detector::new(&[Arc::clone(&pool)], Register::new(), bus);
        let detector = tokio::spawn(detector.run(heard, recoveries)).abort_handle();
        Self { pool, events, reports, recovered, detector }
    }

    fn backend(&self) -> &Arc<Backend> {
        &self.pool.backends()[0]
    }

    async fn report(&self, signal: Signal) {
        self.reports.send(Report { backend: Arc::clone(self.backend()), signal }).await.unwrap();
    }

    /// Fails the first backend's requests until it is suspect.
    async fn suspect(&self) {
        self.backend().live.consecutive_failures.store(3, Relaxed);
        self.report(Signal::Suspect).await;
    }

    /// The next two events, printed, and the seconds that the first one took.
    async fn events(&mut self) -> ([String; 2], u64) {
        let began = Instant::now();
        let first = self.events.recv().await.unwrap().event.to_string();
        let took = began.elapsed().as_secs_f64().round() as u64;
        ([first, self.events.recv().await.unwrap().event.to_string()], took)
    }
}

fn told(events: [&str; 2], after: u64) -> ([String; 2], u64) {
    (events.map(str::to_owned), after)
}

#[tokio::test(start_paused = true)]
async fn out_on_trial_out_for_longer_and_back() {
    let mut room = Room::new(0);
    room.suspect().await;
    let ejected = "web/a ejected for 10 s after 3 failures in a row";
    assert_eq!(room.events().await, told([ejected, "web 3 -> 2 of 3 eligible"], 0));
    assert_eq!(room.backend().eligibility(), Eligibility::Ejected);
    let on_trial = "web/a on trial: the next request decides";
    assert_eq!(room.events().await, told([on_trial, "web 2 -> 3 of 3 eligible"], 10));
    room.report(Signal::TrialFailed).await;
    let ejected = "web/a ejected for 20 s after 3 failures in a row";
    assert_eq!(room.events().await, told([ejected, "web 3 -> 2 of 3 eligible"], 0));
    assert_eq!(room.events().await, told([on_trial, "web 2 -> 3 of 3 eligible"], 20));
    room.report(Signal::TrialPassed).await;
    assert_eq!(room.events.recv().await.unwrap().event.to_string(), "web/a readmitted after its ejection");
    assert_eq!(room.backend().eligibility(), Eligibility::Eligible);
    assert_eq!(room.pool.rotation().members().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn checks_that_pass_again_clear_an_ejection() {
    let mut room = Room::new(0);
    room.suspect().await;
    room.events().await;
    room.backend().live.set_verdict(Verdict::Healthy, 1);
    room.recovered.send(Arc::clone(room.backend())).unwrap();
    assert_eq!(room.events().await, told(["web/a readmitted after its ejection", "web 2 -> 3 of 3 eligible"], 0));
    assert!(timeout(Duration::from_secs(100), room.events()).await.is_err(), "nothing is left to come");
}

#[tokio::test(start_paused = true)]
async fn the_last_eligible_backend_is_not_ejected() {
    let mut room = Room::new(0);
    for other in &room.pool.backends()[1..] {
        other.live.set_weight(0);
    }
    room.suspect().await;
    assert!(timeout(Duration::from_secs(1), room.events()).await.is_err());
    assert_eq!(room.backend().eligibility(), Eligibility::Eligible);
}

#[tokio::test(start_paused = true)]
async fn a_slow_start_goes_all_the_way() {
    let room = Room::new(10_000);
    let percent = || room.pool.rotation().ramp_percent(0);
    room.backend().live.set_returned_at(clock::now());
    room.pool.refresh(clock::now());
    assert_eq!(percent(), 10);
    room.recovered.send(Arc::clone(room.backend())).unwrap();
    tokio::time::sleep(Duration::from_millis(5_100)).await;
    assert!((45..=55).contains(&percent()), "{}", percent());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(percent(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_first_failure_asks_for_a_check() {
    let pool = fixture::pool("web", &["a"]);
    let backend = Arc::clone(&pool.backends()[0]);
    let checks = Arc::new(Checks::new(&fixture::check()));
    let register = Register::from([(backend.spec.id.clone(), Arc::clone(&checks))]);
    let mut detector = Detector::new(&[pool], register, EventBus::default());
    detector.hear(&Report { backend, signal: Signal::FirstFailure });
    timeout(Duration::from_secs(1), checks.wanted()).await.unwrap();
}
