use tokio::sync::{broadcast, oneshot};

use super::*;
use crate::balance::overrides::{Overrides, Value, What};
use crate::balance::strategy::StrategyKind;
use crate::command::Origin::{Dashboard, Demo};
use crate::config::parse_str;
use crate::control::fixture;
use crate::event::Stamped;

struct Room {
    desk: ControlDesk,
    events: broadcast::Receiver<Arc<Stamped>>,
}

impl Room {
    /// A desk over the pool `web` with backends `a` and `b`.
    fn new() -> Self {
        let bus = EventBus::default();
        let events = bus.subscribe();
        let running = fixture::running(fixture::config(vec![fixture::settings("web", &["a", "b"])]));
        Self { desk: ControlDesk::new(fixture::reloader(running, &bus), bus), events }
    }

    fn backend(&self, index: usize) -> &Backend {
        &self.desk.running.pools[0].backends()[index]
    }

    /// Types a command; returns the answer and the events, as printed.
    fn ask(&mut self, by: &Origin, command: &Command) -> (String, Vec<String>) {
        self.told(command, by, false)
    }

    fn told(&mut self, command: &Command, by: &Origin, force: bool) -> (String, Vec<String>) {
        let answer = self.desk.obey(command, wish(by, force)).unwrap_or_else(|error| error.to_string());
        (answer, self.events())
    }

    fn events(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.events.try_recv().ok()).map(|stamped| stamped.event.to_string()).collect()
    }

    fn mode_mark(&self, backend: &str) -> Option<Mark> {
        self.desk.book.borrow().mark(&Subject::Mode(BackendId::new("web", backend))).cloned()
    }
}

/// Asked by a wish with these terms.
fn on_terms(room: &mut Room, by: &Origin, command: &Command, terms: &Terms) -> (String, Vec<String>) {
    let answer = room.desk.obey(command, Wish { by, terms, force: false }).unwrap_or_else(|error| error.to_string());
    (answer, room.events())
}

fn alice() -> Origin {
    Origin::Cli("alice".into())
}

fn terms(for_ms: impl Into<Option<u64>>, reason: &str) -> Terms {
    Terms { for_ms: for_ms.into(), reason: Some(reason.into()) }
}

fn drain_then_down(backend: &str, after_ms: Option<u64>, cut: bool) -> Command {
    let then_down = Some(ThenDown { after_ms, cut });
    Command::SetMode { backend: BackendId::new("web", backend), mode: Mode::Drain, cut: false, then_down }
}

fn wish(by: &Origin, force: bool) -> Wish<'_> {
    static TERMS: Terms = Terms { for_ms: None, reason: None };
    Wish { by, terms: &TERMS, force }
}

fn last_eligible(backend: &str) -> CommandError {
    CommandError::LastEligible { backend: BackendId::new("web", backend), of: 2, in_flight: 0 }
}

fn mode(backend: &str, mode: Mode) -> Command {
    Command::SetMode { backend: BackendId::new("web", backend), mode, cut: false, then_down: None }
}

fn weight(backend: &str, weight: impl Into<Option<u32>>) -> Command {
    Command::SetWeight { backend: BackendId::new("web", backend), weight: weight.into() }
}

fn strategy(strategy: StrategyKind) -> Command {
    Command::SetStrategy { pool: "web".into(), strategy: Some(strategy) }
}

/// Types the commands in turn; each must give this answer and these events.
fn play(room: &mut Room, script: &[(Origin, Command, &str, &[&str])]) {
    for (by, command, answer, events) in script {
        assert_eq!(room.ask(by, command), ((*answer).to_owned(), events.iter().map(ToString::to_string).collect()), "{command}");
    }
}

#[test]
fn a_command_gives_an_answer_and_an_event() {
    let drain = "web/a up -> drain by dashboard, 0 in flight";
    play(
        &mut Room::new(),
        &[
            (Dashboard, mode("a", Mode::Up), "web/a is already up", &[]),
            (Dashboard, mode("a", Mode::Drain), "web/a up -> drain", &[drain, "web 2 -> 1 of 2 eligible"]),
            (Dashboard, mode("a", Mode::Drain), "web/a is already draining", &[]),
            (Demo, mode("a", Mode::Down), "web/a drain -> down", &["web/a drain -> down by demo, 0 in flight"]),
            (Dashboard, weight("b", 7), "web/b weight 1 -> 7", &["web/b weight 1 -> 7 by dashboard"]),
            (Dashboard, weight("b", 7), "web/b already has weight 7", &[]),
            (Dashboard, weight("b", None), "web/b weight 7 -> 1", &["web/b weight 7 -> 1 by dashboard"]),
            (
                Demo,
                strategy(StrategyKind::Random),
                "web strategy round_robin -> random",
                &["web strategy round_robin -> random by demo"],
            ),
            (Demo, strategy(StrategyKind::Random), "web already uses random", &[]),
        ],
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let nowhere = Command::SetStrategy { pool: "shop".into(), strategy: Some(StrategyKind::Random) };
    let misspelt = Command::SetStrategy { pool: "wev".into(), strategy: None };
    play(
        &mut Room::new(),
        &[
            (Dashboard, nowhere, "there is no pool shop", &[]),
            (Dashboard, misspelt, "there is no pool wev; did you mean web?", &[]),
            (Dashboard, mode("z", Mode::Up), "there is no backend web/z", &[]),
            (Dashboard, mode("A", Mode::Up), "there is no backend web/A; did you mean web/a?", &[]),
            (Dashboard, weight("a", 257), "weight 257 is out of range; 0 to 256 is allowed", &[]),
            (Dashboard, Command::Undo, "nothing to undo", &[]),
            (Dashboard, Command::Redo, "nothing to redo", &[]),
        ],
    );
}

#[test]
fn the_last_eligible_backend_stays_unless_forced() {
    let mut room = Room::new();
    room.ask(&Dashboard, &mode("a", Mode::Drain));
    for command in [mode("b", Mode::Drain), mode("b", Mode::Down), weight("b", 0)] {
        assert_eq!(room.desk.obey(&command, wish(&Dashboard, false)), Err(last_eligible("b")));
    }
    assert_eq!(room.ask(&Dashboard, &mode("a", Mode::Down)).0, "web/a drain -> down", "it does not serve anyway");
    let (answer, events) = room.told(&mode("b", Mode::Down), &Dashboard, true);
    assert_eq!(answer, "web/b up -> down");
    assert_eq!(events[1], "web 1 -> 0 of 2 eligible: clients get 503");
    room.ask(&Dashboard, &mode("a", Mode::Up));
    room.ask(&Dashboard, &mode("b", Mode::Up));
    room.ask(&Dashboard, &mode("b", Mode::Down));
    assert_eq!(room.ask(&Demo, &mode("a", Mode::Drain)).0, last_eligible("a").to_string());
}

#[test]
fn an_undo_is_guarded_like_any_command() {
    let mut room = Room::new();
    room.ask(&Dashboard, &mode("a", Mode::Drain));
    room.ask(&Dashboard, &mode("a", Mode::Up));
    room.ask(&Demo, &mode("b", Mode::Down));
    let refused = last_eligible("a");
    assert_eq!(room.desk.obey(&Command::Undo, wish(&Dashboard, false)), Err(refused.clone()));
    assert_eq!(room.desk.obey(&Command::Undo, wish(&Dashboard, false)), Err(refused), "and not forgotten");
    assert_eq!(room.desk.obey(&Command::Undo, wish(&Dashboard, true)), Ok("web/a up -> drain".into()));
}

#[test]
fn changes_are_undone_and_done_again() {
    play(
        &mut Room::new(),
        &[
            (Dashboard, weight("a", 3), "web/a weight 1 -> 3", &["web/a weight 1 -> 3 by dashboard"]),
            (Dashboard, weight("a", 9), "web/a weight 3 -> 9", &["web/a weight 3 -> 9 by dashboard"]),
            (Dashboard, Command::Undo, "web/a weight 9 -> 3", &["web/a weight 9 -> 3 by dashboard: undo"]),
            (Dashboard, Command::Undo, "web/a weight 3 -> 1", &["web/a weight 3 -> 1 by dashboard: undo"]),
            (Dashboard, Command::Undo, "nothing to undo", &[]),
            (Dashboard, Command::Redo, "web/a weight 1 -> 3", &["web/a weight 1 -> 3 by dashboard: redo"]),
            (Dashboard, weight("b", 2), "web/b weight 1 -> 2", &["web/b weight 1 -> 2 by dashboard"]),
            (Dashboard, Command::Redo, "nothing to redo", &[]),
        ],
    );
}

#[test]
fn what_somebody_else_has_changed_since_is_left_alone() {
    play(
        &mut Room::new(),
        &[
            (Dashboard, weight("a", 5), "web/a weight 1 -> 5", &["web/a weight 1 -> 5 by dashboard"]),
            (Dashboard, weight("b", 4), "web/b weight 1 -> 4", &["web/b weight 1 -> 4 by dashboard"]),
            (Demo, weight("b", 2), "web/b weight 4 -> 2", &["web/b weight 4 -> 2 by demo"]),
            (
                Dashboard,
                Command::Undo,
                "cannot undo: the weight of web/b has been changed since, by demo; the next undo would be web/a weight 5 -> 1",
                &[],
            ),
            (Dashboard, Command::Undo, "web/a weight 5 -> 1", &["web/a weight 5 -> 1 by dashboard: undo"]),
            (Demo, weight("a", 8), "web/a weight 1 -> 8", &["web/a weight 1 -> 8 by demo"]),
            (Dashboard, Command::Redo, "cannot redo: the weight of web/a has been changed since, by demo", &[]),
        ],
    );
}

#[test]
fn a_cut_breaks_what_runs_and_only_that() {
    let mut room = Room::new();
    let cut = Command::SetMode { backend: BackendId::new("web", "a"), mode: Mode::Down, cut: true, then_down: None };
    room.backend(0).live.in_flight.store(3, Relaxed);
    let (answer, events) = room.ask(&Dashboard, &cut);
    assert_eq!(answer, "web/a up -> down, running requests cut");
    assert_eq!(events[0], "web/a up -> down by dashboard, 3 in flight cut");
    assert_eq!(room.ask(&Dashboard, &cut).0, "web/a is already down, running requests cut", "those that did not go");
    assert_eq!(room.backend(0).live.cut_epoch.load(Relaxed), 2);
    room.backend(0).live.in_flight.store(0, Relaxed);
    assert_eq!(room.ask(&Dashboard, &cut), ("web/a is already down".into(), vec![]));
    assert_eq!(room.ask(&Dashboard, &Command::Undo).0, "web/a down -> up");
    room.backend(0).live.in_flight.store(3, Relaxed);
    assert_eq!(room.ask(&Dashboard, &Command::Redo).0, "web/a up -> down", "a redo cuts nothing");
    assert_eq!(room.backend(0).live.cut_epoch.load(Relaxed), 2);
    assert_eq!(room.backend(1).live.cut_epoch.load(Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn drained_is_told_when_nothing_is_in_flight() {
    let Room { desk, mut events } = Room::new();
    let backend = Arc::clone(&desk.running.pools[0].backends()[0]);
    backend.live.in_flight.store(1, Relaxed);
    let (asks, inbox) = mpsc::channel(1);
    let running = tokio::spawn(desk.run(inbox));
    let (reply, answer) = oneshot::channel();
    asks.send(Ask { command: mode("a", Mode::Drain), by: Dashboard, terms: Terms::default(), force: false, reply })
        .await
        .unwrap();
    assert_eq!(answer.await.unwrap().unwrap(), "web/a up -> drain");
    assert!(matches!(events.recv().await.unwrap().event, Event::ModeChanged { in_flight: 1, .. }));
    assert!(matches!(events.recv().await.unwrap().event, Event::PoolChanged { .. }));
    tokio::time::sleep(drain::POLL * 5).await;
    assert!(events.try_recv().is_err());
    backend.live.in_flight.store(0, Relaxed);
    assert_eq!(events.recv().await.unwrap().event, Event::Drained { backend: backend.spec.id.clone() });
    drop(asks);
    running.await.unwrap();
}

#[test]
fn what_is_set_stands_in_the_book_until_it_is_as_configured() {
    let mut room = Room::new();
    let (answer, events) = on_terms(&mut room, &alice(), &mode("a", Mode::Drain), &terms(600_000, "kernel update"));
    assert_eq!(answer, "web/a up -> drain");
    assert_eq!(events[0], "web/a up -> drain by cli:alice, 0 in flight, for 10m: kernel update");
    let mark = room.mode_mark("a").unwrap();
    assert_eq!((mark.by, mark.reason.as_deref()), (alice(), Some("kernel update")));
    assert_eq!(mark.until_unix_ms, Some(mark.at_unix_ms + 600_000));

    room.ask(&Demo, &mode("a", Mode::Down));
    let mark = room.mode_mark("a").unwrap();
    assert_eq!((mark.by, mark.reason, mark.until_unix_ms), (Demo, None, None), "the later change replaces the earlier");
    room.ask(&Dashboard, &mode("a", Mode::Up));
    on_terms(&mut room, &alice(), &weight("a", 1), &terms(600_000, "as it is"));
    on_terms(&mut room, &alice(), &mode("b", Mode::Up), &terms(600_000, "as it is"));
    assert_eq!(*room.desk.book.borrow(), Book::default(), "there is no end to what the config says");
}

#[test]
fn terms_can_be_changed_alone() {
    let mut room = Room::new();
    room.ask(&Dashboard, &mode("a", Mode::Drain));
    let (answer, events) = on_terms(&mut room, &alice(), &mode("a", Mode::Drain), &terms(60_000, "lunch"));
    assert_eq!(answer, "web/a stays drain");
    assert_eq!(events, ["web/a stays drain by cli:alice, 0 in flight, for 1m: lunch"]);
    assert_eq!(room.ask(&Dashboard, &mode("a", Mode::Drain)).0, "web/a stays drain", "but now without an end");
    assert_eq!(room.mode_mark("a").unwrap().until_unix_ms, None);
    assert_eq!(room.ask(&alice(), &mode("a", Mode::Drain)), ("web/a is already draining".into(), vec![]));
    assert_eq!(room.ask(&alice(), &Command::Undo).0, "cannot undo: the mode of web/a has been changed since, by dashboard");
}

#[test]
fn an_undo_brings_back_what_was_there_with_its_author_and_terms() {
    let mut room = Room::new();
    on_terms(&mut room, &alice(), &mode("a", Mode::Drain), &terms(600_000, "kernel update"));
    let before = room.mode_mark("a");
    room.ask(&Dashboard, &mode("a", Mode::Down));
    let (answer, events) = room.ask(&Dashboard, &Command::Undo);
    assert_eq!(answer, "web/a down -> drain");
    assert_eq!(events, ["web/a down -> drain by dashboard, 0 in flight, for 10m: undo"]);
    assert_eq!(room.mode_mark("a"), before);
    assert_eq!(room.ask(&alice(), &Command::Undo).0, "web/a drain -> up", "it is alice's again");
    assert_eq!(room.mode_mark("a"), None);
    assert_eq!(room.ask(&alice(), &Command::Redo).0, "web/a up -> drain");
    assert_eq!(room.mode_mark("a"), before);
}

#[test]
fn an_override_ends_when_its_time_is_over() {
    let mut room = Room::new();
    on_terms(&mut room, &alice(), &mode("a", Mode::Drain), &terms(60_000, "lunch"));
    on_terms(&mut room, &alice(), &strategy(StrategyKind::Random), &terms(120_000, "a try"));
    let until = room.mode_mark("a").unwrap().until_unix_ms.unwrap();
    room.events();
    room.desk.tick(until - 1);
    assert_eq!(room.events(), [""; 0]);
    room.desk.tick(until);
    let told = room.events();
    assert!(told.contains(&"web/a drain -> up by expiry, 0 in flight: cli:alice has set it for 1m".to_owned()), "{told:?}");
    assert_eq!((room.backend(0).live.mode(), room.mode_mark("a")), (Mode::Up, None));
    room.desk.tick(until + 60_001);
    assert_eq!(room.desk.running.pools[0].strategy(), StrategyKind::RoundRobin);
    assert!(!room.desk.is_timed());
    let moved_on = "cannot undo: the strategy of web has been changed since, by expiry; the next undo would be web/a drain -> up";
    assert_eq!(room.ask(&alice(), &Command::Undo).0, moved_on);
}

#[test]
fn an_end_that_would_leave_nobody_is_refused() {
    let mut settings = fixture::settings("web", &["a"]);
    settings.backends[0].weight = 0;
    let bus = EventBus::default();
    let events = bus.subscribe();
    let running = fixture::running(fixture::config(vec![settings]));
    let mut room = Room { desk: ControlDesk::new(fixture::reloader(running, &bus), bus), events };
    on_terms(&mut room, &alice(), &weight("a", 5), &terms(60_000, "only for now"));
    room.events();
    room.desk.tick(u64::MAX);
    let why = "web/a is the last eligible backend of 1, with 0 in flight; clients would get 503; it stays 5";
    assert_eq!(room.events(), [format!("refused to expiry: web/a weight 0 (only for now): {why}")]);
    assert_eq!(room.backend(0).live.weight(), 5);
    room.desk.tick(u64::MAX);
    assert_eq!(room.events(), [""; 0], "and not tried again");
}

#[test]
fn a_drain_ends_in_down_when_it_is_empty() {
    let mut room = Room::new();
    room.backend(0).live.in_flight.store(1, Relaxed);
    assert_eq!(room.ask(&alice(), &drain_then_down("a", None, false)).0, "web/a up -> drain");
    room.desk.tick(u64::MAX);
    assert_eq!(room.events(), [""; 0]);
    room.backend(0).live.in_flight.store(0, Relaxed);
    room.desk.tick(0);
    assert_eq!(room.events(), ["web/a drained: nothing in flight", "web/a drain -> down by cli:alice, 0 in flight: drained"]);
    assert!(!room.desk.is_timed());
    assert_eq!(room.ask(&alice(), &Command::Undo).0, "web/a down -> up", "one undo takes all of it back");
}

#[test]
fn a_drain_ends_in_down_when_its_time_is_over() {
    for (cut, told, epoch) in [(false, "3 in flight", 0), (true, "3 in flight cut", 1)] {
        let mut room = Room::new();
        room.backend(0).live.in_flight.store(3, Relaxed);
        on_terms(&mut room, &alice(), &drain_then_down("a", Some(60_000), cut), &terms(None, "deploy"));
        let pending = room.mode_mark("a").unwrap();
        let deadline = pending.then_down.unwrap().deadline_unix_ms.unwrap();
        room.desk.tick(deadline - 1);
        assert_eq!(room.events(), [""; 0]);
        room.desk.tick(deadline);
        assert_eq!(room.events(), [format!("web/a drain -> down by cli:alice, {told}: the time of its drain is over")]);
        assert_eq!(room.backend(0).live.cut_epoch.load(Relaxed), epoch);
        let mark = room.mode_mark("a").unwrap();
        assert_eq!((mark.reason.as_deref(), mark.then_down), (Some("deploy"), None));
    }
}

#[test]
fn another_command_stops_a_drain_on_its_way() {
    let mut room = Room::new();
    room.ask(&alice(), &drain_then_down("a", Some(60_000), true));
    assert_eq!(room.ask(&Dashboard, &mode("a", Mode::Drain)).0, "web/a stays drain");
    room.desk.tick(u64::MAX);
    room.desk.tick(u64::MAX);
    assert_eq!(room.backend(0).live.mode(), Mode::Drain);
    let down = Command::SetMode {
        backend: BackendId::new("web", "a"),
        mode: Mode::Down,
        cut: false,
        then_down: Some(ThenDown::default()),
    };
    assert_eq!(room.ask(&Dashboard, &down).0, "only a drain goes down by itself later, not down");
}

#[test]
fn what_was_in_force_before_a_restart_comes_back() {
    let mut before = Room::new();
    on_terms(&mut before, &alice(), &drain_then_down("a", Some(60_000), false), &terms(None, "kernel update"));
    before.ask(&Demo, &weight("b", 7));
    let mut book: Vec<_> = before.desk.book.borrow().entries().cloned().collect();
    let mark = book[0].mark.clone();
    let stray = |setting| Entry { setting, mark: mark.clone() };
    book.push(stray(Setting::Mode { backend: BackendId::new("web", "z"), value: Mode::Down }));
    book.push(stray(Setting::Weight { backend: BackendId::new("web", "a"), value: 1 }));
    book.push(stray(Setting::Weight { backend: BackendId::new("web", "a"), value: 1000 }));

    let mut room = Room::new();
    room.desk.restore(book);
    assert_eq!(*room.desk.book.borrow(), *before.desk.book.borrow());
    assert_eq!((room.backend(0).live.mode(), room.backend(1).live.weight()), (Mode::Drain, 7));
    assert_eq!(
        room.events(),
        [
            "web/a up -> drain by state file, 0 in flight: restored from the state file, set by cli:alice: kernel update",
            "web 2 -> 1 of 2 eligible",
            "web/b weight 1 -> 7 by state file: restored from the state file, set by demo",
            "the override web/z down is dropped: there is no backend web/z",
            "the override web/a weight 1 is dropped: the config says the same",
            "the override web/a weight 1000 is dropped: weight 1000 is out of range; 0 to 256 is allowed",
        ]
    );
    assert_eq!(room.ask(&alice(), &Command::Undo).0, "nothing to undo");
    room.desk.tick(0);
    room.desk.tick(0);
    assert_eq!(room.backend(0).live.mode(), Mode::Down, "and the drain goes on");
}

#[test]
fn a_reload_drops_what_has_no_place_and_nothing_else() {
    let mut room = Room::new();
    on_terms(&mut room, &alice(), &mode("a", Mode::Drain), &terms(None, "kernel update"));
    room.ask(&Demo, &weight("a", 7));
    room.ask(&Demo, &weight("b", 9));
    let mark = room.mode_mark("a");
    room.events();
    room.desk.reconcile();
    assert_eq!(room.events(), [""; 0], "nothing has changed");

    // Of the two only `a` is left; it is another server, and its weight is the one that had been set.
    let mut settings = fixture::settings("web", &["a"]);
    settings.backends[0].weight = 7;
    room.desk.running = fixture::running(fixture::config(vec![settings]));
    room.desk.reconcile();
    assert_eq!(
        room.events(),
        [
            "web/a up -> drain by file, 0 in flight: kept over the reload, set by cli:alice: kernel update",
            "web 1 -> 0 of 1 eligible: clients get 503",
            "the override web/a weight 7 is dropped: the config says the same",
            "the override web/b weight 9 is dropped: there is no backend web/b",
        ]
    );
    assert_eq!(room.mode_mark("a"), mark);
    assert_eq!(room.desk.book.borrow().entries().count(), 1);
    assert_eq!(room.ask(&Demo, &Command::Undo).0, "there is no backend web/b");
    assert_eq!(room.ask(&Demo, &Command::Undo).0, "cannot undo: the weight of web/a has been changed since, by file");
}

#[test]
fn reasons_are_one_line_of_text() {
    let mut room = Room::new();
    for reason in ["\u{1b}[2J", "a\nb", &"x".repeat(201)] {
        let (answer, events) = on_terms(&mut room, &alice(), &mode("a", Mode::Drain), &terms(None, reason));
        assert!(answer.starts_with("a reason is one line "), "{answer}");
        assert_eq!(events, [""; 0]);
    }
    assert_eq!(room.backend(0).live.mode(), Mode::Up);
}

#[tokio::test]
async fn a_refusal_is_an_event() {
    let Room { mut desk, mut events } = Room::new();
    let mut ask = |command, terms| {
        let (reply, _) = oneshot::channel();
        desk.answer(Ask { command, by: alice(), terms, force: false, reply });
        events.try_recv().unwrap().event.to_string()
    };
    let refused = ask(weight("a", 257), terms(None, "more"));
    assert_eq!(refused, "refused to cli:alice: weight web/a 257 (more): weight 257 is out of range; 0 to 256 is allowed");
    let refused = ask(mode("a", Mode::Up), terms(None, "\n"));
    let why = "a reason is one line of at most 200 characters";
    assert_eq!(refused, format!("refused to cli:alice: up web/a: {why}"));
}

#[test]
fn what_differs_from_the_config_can_be_made_permanent() {
    let mut room = Room::new();
    let shown = |room: &Room| Overrides::of(&fixture::snapshot_by(&room.desk.running, room.desk.book()));
    assert_eq!(shown(&room), Overrides::default());
    room.ask(&alice(), &mode("a", Mode::Drain));
    assert_eq!(shown(&room).yaml, "# web/a is drain: a mode has no place in the config\n");
    room.ask(&alice(), &strategy(StrategyKind::WeightedRoundRobin));
    room.ask(&alice(), &weight("b", 7));
    let Overrides { overrides, yaml } = shown(&room);
    let told = overrides.iter().map(|view| (view.what, view.backend.as_deref(), view.value.clone(), view.configured.clone()));
    let word = |word: &str| Value::Word(word.into());
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (What::Strategy, None, word("weighted_round_robin"), word("round_robin")),
            (What::Mode, Some("a"), word("drain"), word("up")),
            (What::Weight, Some("b"), Value::Number(7), Value::Number(1)),
        ]
    );
    assert!(overrides.iter().all(|view| *view.pool == *"web" && view.set.by == "cli:alice"));
    let pool = parse_str(&yaml).unwrap().config.pools.remove(0).balance;
    let (backend, kind) = (&pool.backends[0], pool.strategy);
    assert_eq!((backend.id.to_string(), backend.port, backend.weight), ("web/b".into(), 2, 7));
    assert_eq!(kind, StrategyKind::WeightedRoundRobin);
}
