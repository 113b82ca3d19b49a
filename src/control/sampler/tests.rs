use tokio::sync::broadcast;

use super::*;
use crate::balance::backend::{Backend, Live, Mode};
use crate::balance::meter::{Failure, bump};
use crate::balance::pool::Pool;
use crate::balance::pool::Settings;
use crate::balance::snapshot::{BackendView, Phase, PoolView};
use crate::control::fixture;
use crate::event::Stamped;
use crate::shutdown::Shutdown;
use crate::tally::PoolTally;

struct Room {
    pool: Arc<Pool>,
    tally: Arc<Tally>,
    of_pool: Arc<PoolTally>,
    publisher: watch::Sender<Arc<Running>>,
    events: broadcast::Receiver<Arc<Stamped>>,
    sampler: Sampler,
    now: Millis,
}

impl Room {
    fn new(backends: &[&str]) -> Self {
        Self::of(fixture::settings("web", backends))
    }

    fn of(settings: Settings) -> Self {
        let bus = EventBus::default();
        let running = fixture::running(fixture::config(vec![settings]));
        let (pool, events) = (Arc::clone(&running.pools[0]), bus.subscribe());
        let (tally, of_pool) = (Arc::new(Tally::new(1)), Arc::clone(&running.tallies[0]));
        let (publisher, follow) = watch::channel(Arc::clone(&running));
        let (checks, phase) = (Register::new(&running), PhaseWatch::new(Shutdown::default()));
        let (losses, book) = (Arc::default(), watch::channel(Book::default()).1);
        let config = watch::channel(None).1;
        let sources = Sources { running: follow, checks, phase, tally: Arc::clone(&tally), losses, book, config, bus };
        Self { pool, tally, of_pool, publisher, events, sampler: Sampler::new(sources, 0), now: 0 }
    }

    fn live(&self, index: usize) -> &Live {
        &self.pool.backends()[index].live
    }

    /// So many requests at a backend, answered 200 after a millisecond.
    fn serve(&self, index: usize, requests: u64) {
        let meter = &self.live(index).meters[0];
        bump(&meter.picked, requests);
        bump(&meter.classes[1], requests);
        (0..requests).for_each(|_| meter.latency.record(1000));
    }

    fn fail(&self, index: usize, failure: Failure) {
        let meter = &self.live(index).meters[0];
        bump(&meter.picked, 1);
        bump(&meter.failures[failure as usize], 1);
    }

    /// Goes on by a quarter of a second.
    fn tick(&mut self) -> PoolView {
        self.now += 250;
        self.sampler.sample(self.now).pools.remove(0)
    }

    fn told(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.events.try_recv().ok()).map(|stamped| stamped.event.to_string()).collect()
    }
}

/// Figures of the first window, whole percents.
fn percents(pool: &PoolView, share: impl Fn(&BackendView) -> [f64; 3]) -> Vec<u32> {
    pool.backends.iter().map(|backend| (share(backend)[0] * 100.0).round() as u32).collect()
}

#[test]
fn a_snapshot_says_where_and_what() {
    let mut room = Room::new(&["a"]);
    room.tally.connections[0].store(3, Relaxed);
    room.of_pool.queued.store(2, Relaxed);
    room.live(0).in_flight.store(5, Relaxed);
    let snapshot = room.sampler.sample(1234);
    assert_eq!((snapshot.uptime_ms, snapshot.phase, snapshot.connections), (1234, Phase::Starting, 3));
    assert!(snapshot.listen.is_empty());
    let pool = &snapshot.pools[0];
    assert_eq!((&*pool.name, pool.path_prefix.as_str(), pool.queued, pool.eligible()), ("web", "/", 2, 1));
    let backend = &pool.backends[0];
    assert_eq!((backend.url.as_str(), backend.checked, backend.in_flight), ("http://127.0.0.1:1", false, 5));
    assert_eq!((backend.weight, backend.configured_weight, backend.ramp_percent), (1, 1, 100));
}

#[test]
fn requests_become_figures() {
    let mut room = Room::new(&["a", "b"]);
    room.serve(0, 30);
    room.serve(1, 10);
    room.fail(1, Failure::Refused);
    let pool = room.tick();
    assert_eq!((pool.rps, pool.windows[0].requests, pool.windows[2].classes), (160.0, 40, [0, 40, 0, 0, 0]));
    let [a, b] = &pool.backends[..] else { panic!("not two") };
    assert_eq!((a.rps, a.requests_total, a.windows[0].errors), (120.0, 30, 0));
    assert_eq!((b.requests_total, b.windows[0].requests, b.windows[0].errors), (11, 11, 1));
    assert_eq!(b.failures, [("connection refused".into(), 1)]);
    assert!((970..1030).contains(&a.windows[1].p99_us.unwrap()), "{a:?}");
    assert_eq!(a.histogram.iter().map(|(_, count)| count).sum::<u64>(), 30);
    assert!(a.history.is_empty());
    (0..4).for_each(|_| _ = room.tick());
    let pool = room.tick();
    assert_eq!(pool.history.last().map(|second| second.requests), Some(40));
    assert_eq!(pool.backends[0].history.last().map(|second| second.requests), Some(30));
}

#[test]
fn a_pool_counts_what_clients_saw() {
    let mut room = Room::new(&["a", "b"]);
    room.fail(0, Failure::Refused);
    room.serve(1, 1);
    room.fail(0, Failure::Reset);
    room.of_pool.answers.count(Cause::Broken);
    room.of_pool.answers.count(Cause::NoneEligible);
    room.serve(1, 1);
    room.live(1).meters[0].failures[Failure::BodyBroken as usize].store(1, Relaxed);
    let pool = room.tick();
    let window = &pool.windows[0];
    assert_eq!((window.requests, window.errors, window.classes), (4, 3, [0, 2, 0, 0, 2]));
    let own: Vec<_> = pool.own_answers.iter().map(|(cause, times)| (cause.as_str(), *times)).collect();
    assert_eq!(own, [("the backend broke the connection", 1), ("no backend is eligible", 1)]);
}

#[test]
fn answers_before_a_pool_was_found_are_counted() {
    let mut room = Room::new(&["a"]);
    assert_eq!(room.sampler.sample(250).own_answers, []);
    (0..2).for_each(|_| room.tally.unrouted.count(Cause::NoPool));
    room.tally.unrouted.count(Cause::BadRequest);
    let snapshot = room.sampler.sample(500);
    assert_eq!(snapshot.own_answers, [("malformed request".into(), 1), ("no pool for this host and path".into(), 2)]);
    assert_eq!(snapshot.pools[0].own_answers, []);
}

#[test]
fn what_was_not_eligible_was_owed_nothing() {
    let mut room = Room::new(&["a", "b"]);
    room.serve(0, 50);
    room.serve(1, 50);
    room.tick();
    room.live(1).set_mode(Mode::Drain);
    room.pool.refresh(0);
    room.serve(0, 100);
    let pool = room.tick();
    assert_eq!(percents(&pool, |backend| backend.share), [75, 25]);
    assert_eq!(percents(&pool, |backend| backend.fair_share), [75, 25]);
    assert!(pool.keel[0].even && pool.keel[0].deviation.abs() < 1e-9, "{:?}", pool.keel[0]);
}

#[test]
fn the_keel_does_not_name_who_is_not_eligible() {
    let mut room = Room::new(&["a", "b", "c"]);
    (0..3).for_each(|index| room.serve(index, [120, 130, 50][index]));
    assert_eq!(room.tick().keel[0].backend.as_deref(), Some("c"));
    room.live(2).set_mode(Mode::Drain);
    room.pool.refresh(0);
    let keel = &room.tick().keel[0];
    assert_eq!(keel.backend.as_deref(), Some("b"));
    assert!((keel.deviation - 0.1).abs() < 1e-9 && !keel.even, "{keel:?}");
}

#[test]
fn a_window_remembers_the_weights_of_its_time() {
    let mut settings = fixture::settings("web", &["a", "b"]);
    settings.strategy = crate::balance::strategy::StrategyKind::WeightedRoundRobin;
    let mut room = Room::of(settings);
    room.serve(0, 50);
    room.serve(1, 50);
    room.tick();
    room.live(0).set_weight(3);
    room.pool.refresh(0);
    room.serve(0, 75);
    room.serve(1, 25);
    let pool = room.tick();
    assert_eq!(percents(&pool, |backend| backend.fair_share), [63, 38]);
    assert!(pool.keel.iter().all(|keel| keel.even));
    room.serve(1, 200);
    let keel = &room.tick().keel[0];
    assert!(!keel.even, "{keel:?}");
}

#[test]
fn without_requests_the_fair_share_is_that_of_now() {
    let mut room = Room::new(&["a", "b", "c"]);
    room.live(2).set_mode(Mode::Down);
    room.pool.refresh(0);
    let pool = room.tick();
    assert_eq!(percents(&pool, |backend| backend.fair_share), [50, 50, 0]);
    assert_eq!(percents(&pool, |backend| backend.share), [0, 0, 0]);
}

#[test]
fn news_are_told_once_a_second() {
    let mut room = Room::new(&["a", "b"]);
    (0..5).for_each(|_| room.fail(0, Failure::Refused));
    room.tick();
    room.fail(0, Failure::Refused);
    room.tally.unrouted.count(Cause::NoPool);
    room.of_pool.answers.count(Cause::NoneEligible);
    room.tick();
    room.tick();
    assert_eq!(room.told(), [""; 0]);
    room.tick();
    let told = [
        "answered 404: no pool for this host and path",
        "web/a connection refused (x6)",
        "web answered 503: no backend is eligible",
    ];
    assert_eq!(room.told(), told);
    (0..4).for_each(|_| _ = room.tick());
    assert_eq!(room.told(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_last_snapshot_and_the_last_news_are_not_lost() {
    let room = Room::new(&["a"]);
    let (publisher, mut snapshots) = watch::channel(Arc::default());
    let stop = CancellationToken::new();
    let backend: Arc<Backend> = Arc::clone(&room.pool.backends()[0]);
    let mut events = room.events;
    let (_fresh, asked) = tokio::sync::mpsc::channel(1);
    let running = tokio::spawn(room.sampler.run(publisher, asked, stop.clone()));
    snapshots.changed().await.unwrap();
    bump(&backend.live.meters[0].picked, 1);
    bump(&backend.live.meters[0].failures[Failure::Reset as usize], 1);
    stop.cancel();
    running.await.unwrap();
    assert_eq!(snapshots.borrow().pools[0].backends[0].requests_total, 1);
    assert!(matches!(events.try_recv().unwrap().event, crate::event::Event::AttemptsFailed { times: 1, .. }));
}

#[test]
fn what_was_counted_stays_counted_over_a_reload() {
    let mut settings = fixture::settings("web", &["a", "b"]);
    let mut room = Room::of(settings.clone());
    room.serve(0, 3);
    room.serve(1, 4);
    let removed = Arc::clone(&room.pool.backends()[1].live);
    removed.in_flight.store(1, Relaxed);
    assert_eq!(room.tick().windows[0].requests, 7);

    settings.backends.remove(1);
    settings.backends.insert(0, fixture::settings("web", &["a", "b", "c"]).backends.remove(2));
    let running = Arc::clone(&room.publisher.borrow());
    let running = running.succeeded_by(fixture::config(vec![settings]), Vec::new(), || 0);
    running.pools[0].refresh(0);
    room.publisher.send_replace(running);
    bump(&removed.meters[0].classes[1], 1);
    let pool = room.tick();
    let counted: Vec<_> = pool.backends.iter().map(|backend| (&*backend.id.backend, backend.windows[0].requests)).collect();
    assert_eq!(counted, [("c", 0), ("a", 3)]);
    assert_eq!(pool.windows[0].requests, 8, "also what ends at a backend that was removed");
    removed.in_flight.store(0, Relaxed);
    room.tick();
    bump(&removed.meters[0].classes[1], 1);
    assert_eq!(room.tick().windows[0].requests, 8);
}
