//! The link to one running instance: its figures, its events and the orders to it, by way of its admin API.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::app::random;
use crate::balance::snapshot::Snapshot;
use crate::client::{Call, Client, Error, Events, Heard, Told};
use crate::command::Applied;
use crate::event::{Event, Severity, Stamped};
use crate::tui::fleet::Link;
use crate::tui::{Instance, Order};

/// Between two looks at the figures.
const PACE: Duration = Duration::from_millis(250);

/// How long figures may take. What takes longer is not of now any more.
const PATIENCE: Duration = Duration::from_secs(2);

/// Events that may wait for the dashboard.
const EVENTS: usize = 4096;

/// Orders that may wait for their turn.
const ORDERS: usize = 64;

/// Connects to it, and again whenever the connection is lost. Ends with the runtime.
pub(super) fn open(client: Client) -> Instance {
    let (figures, snapshots) = watch::channel(Arc::default());
    let (state, link) = watch::channel(Link::Opening);
    let events = broadcast::Sender::new(EVENTS);
    let (orders, ordered) = mpsc::channel(ORDERS);
    let name = client.address().to_string().into();
    let instance = Instance { name, snapshots: snapshots.clone(), events: events.subscribe(), link: link.clone(), orders };
    tokio::spawn(look(client.clone(), figures, state));
    tokio::spawn(listen(client.clone(), events, snapshots, link));
    tokio::spawn(obey(client, ordered));
    instance
}

/// Looks at the figures, again and again.
async fn look(client: Client, figures: watch::Sender<Arc<Snapshot>>, state: watch::Sender<Link>) {
    let mut pause = Pause::default();
    loop {
        let looked = timeout(PATIENCE, client.snapshot()).await;
        let (link, wait) = match looked {
            Ok(Ok(snapshot)) => {
                figures.send_replace(Arc::new(snapshot));
                pause = Pause::default();
                (Link::Open, PACE)
            }
            Ok(Err(error)) => (Link::Lost(reason(error).into()), pause.next(random())),
            Err(_) => (Link::Lost(format!("no answer within {} s", PATIENCE.as_secs()).into()), pause.next(random())),
        };
        state.send_if_modified(|state| {
            let changed = *state != link;
            *state = link;
            changed
        });
        sleep(wait).await;
    }
}

/// Why, without what the dashboard says anyway.
fn reason(error: Error) -> String {
    match error {
        Error::Unreachable { reason, .. } | Error::Broken { reason, .. } => reason,
        Error::Refused { message, .. } => message,
        other => other.to_string(),
    }
}

/// Passes on what happens: first what is still remembered, then whatever comes.
async fn listen(
    client: Client,
    events: broadcast::Sender<Arc<Stamped>>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    mut link: watch::Receiver<Link>,
) {
    let mut pause = Pause::default();
    let (mut heard, mut started) = (0, 0);
    while link.wait_for(|link| *link == Link::Open).await.is_ok() {
        let now = snapshots.borrow().started_unix_ms;
        if now != started {
            // Another process: it counts its events from the beginning.
            heard = 0;
        }
        started = now;
        if let Ok(stream) = client.events(Some(heard)).await {
            pause = Pause::default();
            heard = pass_on(stream, heard, &events).await;
        }
        sleep(pause.next(random())).await;
    }
}

/// Passes on a stream to its end. The number of the last event heard.
async fn pass_on(mut stream: Events, mut last: u64, events: &broadcast::Sender<Arc<Stamped>>) -> u64 {
    while let Some(Ok(heard)) = stream.next().await {
        let stamped = match heard {
            Heard::Event(told) => {
                last = told.seq;
                stamped(*told)
            }
            Heard::Lost(n) => {
                let text = format!("{n} events were lost on the way to this dashboard");
                note(last, crate::clock::unix_ms(), text, Severity::Warning)
            }
        };
        // Without a dashboard there is nobody to tell.
        let _ = events.send(Arc::new(stamped));
    }
    last
}

/// The event; one of a kind that is not known here is told in its own words.
fn stamped(Told { seq, at_unix_ms, severity, text, event, .. }: Told) -> Stamped {
    match event {
        Some(event) => Stamped { seq, at_unix_ms, event },
        None => note(seq, at_unix_ms, text, severity),
    }
}

fn note(seq: u64, at_unix_ms: u64, text: String, severity: Severity) -> Stamped {
    Stamped { seq, at_unix_ms, event: Event::Note { text, severity } }
}

/// Has done what is ordered, one after the other.
async fn obey(client: Client, mut ordered: mpsc::Receiver<Order>) {
    while let Some(order) = ordered.recv().await {
        // Whoever ordered may have left.
        match order {
            Order::Do { command, terms, force, reply } => {
                let result: Result<Applied, Error> = client.send(&command, &terms, force).await;
                let _ = reply.send(result.map_err(reason));
            }
            Order::Plan { reply } => {
                let plan = client.call(&Call::plan(None)).await.and_then(|json| client.read(&json));
                let _ = reply.send(plan.map_err(reason));
            }
        }
    }
}

/// How long to wait before the next attempt: twice as long each time, a part of it by chance, so that many dashboards do not
/// come back at once.
#[derive(Debug)]
struct Pause(Duration);

impl Pause {
    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(5);

    fn next(&mut self, random: u64) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(Self::LONGEST);
        pause.mul_f64(0.75 + (random % 1024) as f64 / 2048.0).min(Self::LONGEST)
    }
}

impl Default for Pause {
    fn default() -> Self {
        Self(Self::FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_ever_more_seldom_but_come() {
        let mut pause = Pause::default();
        let pauses: Vec<_> = (0..8).map(|_| pause.next(512).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000]);
        let mut pause = Pause::default();
        assert_eq!((pause.next(0).as_micros(), pause.next(1023).as_millis()), (187_500, 624));
    }

    #[test]
    fn what_this_version_does_not_know_is_told_in_its_own_words() {
        let told =
            |event| Told { seq: 3, at_unix_ms: 9, severity: Severity::Error, text: "oh".into(), event, json: String::new() };
        assert_eq!(stamped(told(None)).event, Event::Note { text: "oh".into(), severity: Severity::Error });
        let known = Event::AdminListening { address: "here".into() };
        assert_eq!(stamped(told(Some(known.clone()))).event, known);
    }
}
