use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::broadcast;

use super::*;
use crate::balance::backend::Mode;
use crate::control::fixture;
use crate::event::Stamped;
use crate::inherited::Inherited;
use crate::listener;

const POOLS: &str = "
pools:
  - {name: web, health_check: null, backends: [{name: a, url: 'http://h:1'}, {name: b, url: 'http://h:2'}]}
  - {name: api, path_prefix: /api, health_check: null, backends: [{name: c, url: 'http://h:3'}]}
";

struct Room {
    reloader: Reloader,
    events: broadcast::Receiver<Arc<Stamped>>,
    dir: tempfile::TempDir,
}

impl Room {
    /// A reloader of a file with these pools, one worker, and a listener.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = Source::new(dir.path().join("config.yaml"));
        fs::write(source.file(), with_listener(POOLS)).unwrap();
        let config = source.load().unwrap().config;
        let listeners = listener::bind(&config.listen, 1, &mut Inherited::default()).unwrap();
        let running = Running::new(config, listeners, || 0);
        running.pools.iter().for_each(|pool| _ = pool.refresh(clock::now()));
        let (bus, tally) = (EventBus::default(), Arc::new(Tally::new(1)));
        // No worker ever falls behind.
        tally.generations[0].store(u64::MAX, Relaxed);
        let (events, checks) = (bus.subscribe(), Register::new(&running));
        let running = watch::Sender::new(running);
        let reloader = Reloader::new(Some(source), running, checks, tally, Shutdown::default(), bus);
        Self { reloader, events, dir }
    }

    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("config.yaml")
    }

    /// Puts this file in force; the answer and the events, as printed.
    async fn reload(&mut self, text: &str, force: bool) -> (String, Vec<String>) {
        fs::write(self.file(), text).unwrap();
        let answer = match self.reloader.prepare(&Origin::Signal, force).await {
            Ok(prepared) => self.reloader.put_in_force(prepared, &Origin::Signal),
            Err(problems) => problems.join("\n"),
        };
        let file = self.file().display().to_string();
        let events = std::iter::from_fn(|| self.events.try_recv().ok()).map(|stamped| stamped.event.to_string());
        (answer.replace(&file, "FILE"), events.map(|event| event.replace(&file, "FILE")).collect())
    }

    fn problem(&self) -> Option<String> {
        self.reloader.state().borrow().clone().unwrap().problem
    }
}

fn with_listener(pools: &str) -> String {
    format!("listen: 127.0.0.1:0\nworkers: 1\n{pools}")
}

fn told(answer: &str, events: &[&str]) -> (String, Vec<String>) {
    (answer.to_owned(), events.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn what_changes_is_put_in_force_and_the_rest_is_as_it_was() {
    let mut room = Room::new();
    let before = room.reloader.running();
    before.pools[0].backends()[1].live.in_flight.store(2, Relaxed);
    let text = with_listener(POOLS).replace("{name: b, url: 'http://h:2'}", "{name: d, url: 'http://h:4'}");
    let answer = room.reload(&text, false).await;
    let removed = "web/b (http://h:2) removed from the config: 2 in flight";
    assert_eq!(answer, told("reloaded: 1 added, 1 removed", &[removed, "config reloaded by signal: 1 added, 1 removed"]));
    let now = room.reloader.running();
    assert_eq!(now.generation, before.generation + 1);
    assert!(Arc::ptr_eq(&now.listeners[0], &before.listeners[0]) && Arc::ptr_eq(&now.pools[1], &before.pools[1]));
    assert!(Arc::ptr_eq(&now.pools[0].backends()[0], &before.pools[0].backends()[0]));

    assert_eq!(room.reloader.settled(), []);
    before.pools[0].backends()[1].live.in_flight.store(0, Relaxed);
    assert_eq!(room.reloader.settled(), std::slice::from_ref(&before.pools[0].backends()[1].spec.id));
    assert!(room.reloader.is_idle());
    let answer = room.reload(&format!("{text}# and a comment"), false).await;
    assert_eq!(answer, told("nothing has changed", &["config reloaded by signal: nothing has changed"]));
    assert_eq!(room.reloader.running().generation, now.generation);
}

#[tokio::test]
async fn a_file_with_problems_changes_nothing() {
    let mut room = Room::new();
    let before = room.reloader.running();
    let text = with_listener(POOLS).replace("name: a,", "name: a, wait: 5,").replace("h:3", "h:x");
    let (answer, events) = room.reload(&text, true).await;
    let lines: Vec<_> = answer.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("FILE:5:") && lines[1].starts_with("FILE:6:"), "{answer}");
    assert_eq!(events, [format!("config not reloaded, asked by signal: {}", lines.join("; "))]);
    assert!(Arc::ptr_eq(&room.reloader.running(), &before));
    assert!(room.problem().unwrap().contains(":5:"));
    room.reload(&with_listener(POOLS), false).await;
    assert_eq!(room.problem(), None);
}

#[tokio::test]
async fn an_address_that_is_taken_refuses_all_of_it() {
    let mut room = Room::new();
    let before = room.reloader.running();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let text = with_listener(POOLS).replace("127.0.0.1:0", &format!("[\"127.0.0.1:0\", \"{address}\"]")).replace("h:3", "h:9");
    let (answer, _) = room.reload(&text, true).await;
    assert!(answer.starts_with(&format!("cannot listen on {address}: ")), "{answer}");
    assert!(Arc::ptr_eq(&room.reloader.running(), &before));
    drop(taken);
    assert_eq!(room.reload(&text, false).await.0, "reloaded: 1 added, 1 changed");
    assert_eq!(room.reloader.running().addresses()[1], address);
}

#[tokio::test]
async fn nobody_left_needs_force_and_workers_need_a_restart() {
    let mut room = Room::new();
    let running = room.reloader.running();
    running.pools[0].backends()[0].live.set_mode(Mode::Drain);
    let text = with_listener(POOLS).replace(", {name: b, url: 'http://h:2'}", "").replace("workers: 1", "workers: 2");
    let refused = "web would be left without an eligible backend; clients would get 503\nforce it if that is meant";
    assert_eq!(room.reload(&text, false).await.0, refused);
    assert!(Arc::ptr_eq(&room.reloader.running(), &running));
    assert_eq!(room.reload(&text, true).await.0, "reloaded: 1 removed; needs a restart: workers 1 -> 2");
    assert_eq!(
        (room.reloader.running().config.workers, room.problem().unwrap().as_str()),
        (1, "needs a restart: workers 1 -> 2")
    );
}

#[tokio::test]
async fn a_pool_that_is_gone_is_empty_when_nobody_waits_there() {
    let mut room = Room::new();
    let pool = Arc::clone(&room.reloader.running().pools[1]);
    let live = Arc::clone(&pool.backends()[0].live);
    let place = crate::balance::waiters::Place::take(&pool.live().waiters);
    let text = with_listener(POOLS);
    let text = text.lines().filter(|line| !line.contains("name: api")).collect::<Vec<_>>().join("\n");
    assert_eq!(room.reload(&text, false).await.0, "reloaded: 1 removed");
    assert!(pool.rotation().members().len() == 1, "who waits may still be served");
    assert_eq!([room.reloader.settled(), room.reloader.settled()], [vec![], vec![]]);
    live.in_flight.store(1, Relaxed);
    drop(place);
    assert_eq!(room.reloader.settled(), []);
    live.in_flight.store(0, Relaxed);
    assert_eq!(room.reloader.settled(), std::slice::from_ref(&pool.backends()[0].spec.id));
}

#[tokio::test]
async fn without_a_file_or_while_shutting_down_nothing_is_reloaded() {
    let running = fixture::running(fixture::config(vec![fixture::settings("web", &["a"])]));
    let reloader = fixture::reloader(running, &EventBus::default());
    assert_eq!(reloader.prepare(&Origin::Signal, true).await.unwrap_err(), ["there is no config file"]);
    let room = Room::new();
    room.reloader.shutdown.begin(1);
    assert_eq!(room.reloader.prepare(&Origin::Signal, true).await.unwrap_err(), ["evenkeel is shutting down"]);
    let missing = Source::new(Path::new("/nowhere/config.yaml").to_owned()).load().unwrap_err();
    assert!(missing[0].to_string().contains("no such file"));
}
