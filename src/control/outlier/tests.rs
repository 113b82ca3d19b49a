use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::*;
use crate::balance::backend::{Eligibility, Verdict};
use crate::balance::ejection::OutlierDetection;
use crate::balance::pool::Settings;
use crate::control::fixture;
use crate::event::Stamped;
use crate::running::Running;

/// A detector over the pool `web` of three backends: 3 failures eject for 10 s, 20 s, ...
struct Room {
    pool: Arc<Pool>,
    events: broadcast::Receiver<Arc<Stamped>>,
    reports: mpsc::Sender<Report>,
    recovered: mpsc::UnboundedSender<Arc<Backend>>,
    stage: watch::Sender<Arc<Running>>,
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
        let bus = EventBus::default();
        let running = fixture::running(fixture::config(vec![settings]));
        let (pool, events) = (Arc::clone(&running.pools[0]), bus.subscribe());
        let (reports, heard) = mpsc::channel(8);
        let (recovered, recoveries) = mpsc::unbounded_channel();
        let (stage, follow) = watch::channel(running);
        let detector = Detector::new(follow, Register::default(), bus);
        let detector = tokio::spawn(detector.run(heard, recoveries)).abort_handle();
        Self { pool, events, reports, recovered, stage, detector }
    }

    /// Goes over to other settings.
    fn reload(&mut self, change: impl FnOnce(&mut Settings)) {
        let running = Arc::clone(&self.stage.borrow());
        let mut config = (*running.config).clone();
        change(&mut config.pools[0].balance);
        let running = running.succeeded_by(config, Vec::new(), || 0);
        self.pool = Arc::clone(&running.pools[0]);
        self.pool.refresh(clock::now());
        self.stage.send_replace(running);
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
    let mut settings = fixture::settings("web", &["a"]);
    settings.checked = true;
    let running = fixture::running(fixture::config(vec![settings]));
    let backend = Arc::clone(&running.pools[0].backends()[0]);
    let register = Register::new(&running);
    let checks = register.get(&backend.spec.id).unwrap();
    let mut detector = Detector::new(watch::channel(running).1, register, EventBus::default());
    detector.hear(&Report { backend, signal: Signal::FirstFailure });
    timeout(Duration::from_secs(1), checks.wanted()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_ejection_goes_on_over_a_reload() {
    let mut room = Room::new(0);
    room.suspect().await;
    room.events().await;
    room.reload(|settings| settings.backends.swap(0, 2));
    assert_eq!(room.pool.backends()[2].eligibility(), Eligibility::Ejected);
    let on_trial = "web/a on trial: the next request decides";
    assert_eq!(room.events().await, told([on_trial, "web 2 -> 3 of 3 eligible"], 10));
}

#[tokio::test(start_paused = true)]
async fn without_ejection_nobody_stays_ejected() {
    let mut room = Room::new(0);
    room.suspect().await;
    room.events().await;
    room.reload(|settings| settings.outlier_detection = None);
    assert_eq!(room.events().await, told(["web/a readmitted after its ejection", "web 2 -> 3 of 3 eligible"], 0));
    room.reload(|settings| drop(settings.backends.remove(1)));
    room.report(Signal::Suspect).await;
    assert!(timeout(Duration::from_secs(1), room.events()).await.is_err());
}
