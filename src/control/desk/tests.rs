use tokio::sync::{broadcast, oneshot};

use super::*;
use crate::balance::strategy::StrategyKind;
use crate::command::Origin::{Dashboard, Demo};
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
        Self { desk: ControlDesk::new(running, bus), events }
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
        let events = std::iter::from_fn(|| self.events.try_recv().ok()).map(|stamped| stamped.event.to_string());
        (answer, events.collect())
    }
}

fn wish(by: &Origin, force: bool) -> Wish<'_> {
    static TERMS: Terms = Terms { for_ms: None, reason: None };
    Wish { by, terms: &TERMS, force }
}

fn mode(backend: &str, mode: Mode) -> Command {
    Command::SetMode { backend: BackendId::new("web", backend), mode, cut: false }
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
    play(
        &mut Room::new(),
        &[
            (Dashboard, nowhere, "there is no pool shop", &[]),
            (Dashboard, mode("z", Mode::Up), "there is no backend web/z", &[]),
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
        assert_eq!(
            room.desk.obey(&command, wish(&Dashboard, false)),
            Err(CommandError::LastEligible(BackendId::new("web", "b")))
        );
    }
    assert_eq!(room.ask(&Dashboard, &mode("a", Mode::Down)).0, "web/a drain -> down", "it does not serve anyway");
    let (answer, events) = room.told(&mode("b", Mode::Down), &Dashboard, true);
    assert_eq!(answer, "web/b up -> down");
    assert_eq!(events[1], "web 1 -> 0 of 2 eligible: clients get 503");
    room.ask(&Dashboard, &mode("a", Mode::Up));
    room.ask(&Dashboard, &mode("b", Mode::Up));
    room.ask(&Dashboard, &mode("b", Mode::Down));
    assert_eq!(room.ask(&Demo, &mode("a", Mode::Drain)).0, CommandError::LastEligible(BackendId::new("web", "a")).to_string());
}

#[test]
fn an_undo_is_guarded_like_any_command() {
    let mut room = Room::new();
    room.ask(&Dashboard, &mode("a", Mode::Drain));
    room.ask(&Dashboard, &mode("a", Mode::Up));
    room.ask(&Demo, &mode("b", Mode::Down));
    let refused = CommandError::LastEligible(BackendId::new("web", "a"));
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
            (Dashboard, Command::Undo, "web/a weight 9 -> 3", &["web/a weight 9 -> 3 by dashboard"]),
            (Dashboard, Command::Undo, "web/a weight 3 -> 1", &["web/a weight 3 -> 1 by dashboard"]),
            (Dashboard, Command::Undo, "nothing to undo", &[]),
            (Dashboard, Command::Redo, "web/a weight 1 -> 3", &["web/a weight 1 -> 3 by dashboard"]),
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
            (Dashboard, Command::Undo, "cannot undo: the weight of web/b has been changed since, by demo", &[]),
            (Dashboard, Command::Undo, "web/a weight 5 -> 1", &["web/a weight 5 -> 1 by dashboard"]),
            (Demo, weight("a", 8), "web/a weight 1 -> 8", &["web/a weight 1 -> 8 by demo"]),
            (Dashboard, Command::Redo, "cannot redo: the weight of web/a has been changed since, by demo", &[]),
        ],
    );
}

#[test]
fn a_cut_breaks_what_runs_and_only_that() {
    let mut room = Room::new();
    let cut = Command::SetMode { backend: BackendId::new("web", "a"), mode: Mode::Down, cut: true };
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
