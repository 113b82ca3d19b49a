//! The thread that draws: messages in, state on, frames and effects out.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tokio::sync::broadcast::error::TryRecvError;
use tokio_util::task::AbortOnDropHandle;

use super::input::Input;
use super::pace::{Pace, urgency};
use super::state::State;
use super::terminal::{self, Screen};
use super::theme::Theme;
use super::update::{Effect, Exit, Msg, update};
use super::{Door, bridge, copy, view};
use crate::balance::Millis;
use crate::clock;
use crate::event::Event;

/// A dashboard at work. Dropping it gives the terminal back.
pub(super) struct EventLoop<'a> {
    state: &'a mut State,
    theme: Theme,
    door: Door,
    screen: Screen,
    pace: Pace,
    refresh: Millis,
    tx: Sender<Msg>,
    rx: Receiver<Msg>,
    input: Input,
    _bridge: AbortOnDropHandle<io::Result<()>>,
}

impl<'a> EventLoop<'a> {
    /// Takes the terminal and starts to listen.
    pub(super) fn start(state: &'a mut State, theme: Theme, refresh: Millis, door: Door) -> io::Result<Self> {
        let (tx, rx) = channel();
        let screen = Screen::take()?;
        state.size = terminal::size()?;
        Ok(Self {
            input: Input::spawn(tx.clone())?,
            _bridge: AbortOnDropHandle::new(door.runtime.spawn(bridge::watch(door.finished.clone(), tx.clone()))),
            pace: Pace::new(refresh),
            state,
            theme,
            door,
            screen,
            refresh,
            tx,
            rx,
        })
    }

    /// Runs until there is a reason to leave. An error means that the terminal cannot be written to any more.
    pub(super) fn run(&mut self) -> io::Result<Exit> {
        let mut look_at = 0;
        loop {
            if clock::now() >= look_at {
                look_at = clock::now() + self.refresh;
                if let Some(exit) = self.look()? {
                    return Ok(exit);
                }
            }
            if clock::now() >= self.pace.due() {
                self.draw()?;
            }
            let wait = self.pace.due().min(look_at).saturating_sub(clock::now());
            let first = self.rx.recv_timeout(Duration::from_millis(wait)).ok();
            let messages: Vec<Msg> = first.into_iter().chain(self.rx.try_iter()).collect();
            for message in messages {
                if matches!(message, Msg::Answered { .. }) {
                    look_at = 0;
                }
                if let Some(exit) = self.take_in(message)? {
                    return Ok(exit);
                }
            }
        }
    }

    /// Takes in what is new outside: the last snapshot, all events, and whether evenkeel stops.
    fn look(&mut self) -> io::Result<Option<Exit>> {
        // A reload may have changed it.
        self.door.home.iter().for_each(|home| self.state.grace = home.grace());
        let mut news = Vec::new();
        let mut events = Vec::new();
        for (from, instance) in self.door.instances.iter_mut().enumerate() {
            if instance.link.has_changed().unwrap_or(false) {
                news.push(Msg::Link { from, link: instance.link.borrow_and_update().clone() });
            }
            if !instance.snapshots.has_changed().is_ok_and(|changed| !changed) {
                news.push(Msg::Snapshot { from, snapshot: instance.snapshots.borrow_and_update().clone() });
            }
            loop {
                match instance.events.try_recv() {
                    Ok(event) => events.push((event.at_unix_ms, Msg::Event { from, event })),
                    Err(TryRecvError::Lagged(lost)) => {
                        self.door.home.iter().for_each(|home| home.bus.count_dropped(lost));
                        news.push(Msg::Dropped(lost));
                    }
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
        }
        events.sort_by_key(|(at, _)| *at);
        news.extend(events.into_iter().map(|(_, event)| event));
        news.extend(self.door.home.as_ref().and_then(|home| home.shutdown.left()).map(Msg::Draining));
        if self.door.finished.is_cancelled() {
            news.push(Msg::Finished);
        }
        for message in news {
            if let Some(exit) = self.take_in(message)? {
                return Ok(Some(exit));
            }
        }
        Ok(None)
    }

    fn take_in(&mut self, message: Msg) -> io::Result<Option<Exit>> {
        let now = clock::now();
        if let Msg::Resize(columns, rows) = message {
            self.input.stir();
            if (columns, rows) == self.state.size {
                // crossterm tells again, with the next key, what we know already.
                return Ok(None);
            }
            self.screen.resize(columns, rows)?;
        }
        self.pace.want(urgency(self.state, &message), now);
        let mut exit = None;
        for effect in update(self.state, message, now) {
            exit = exit.or(self.perform(effect)?);
        }
        Ok(exit)
    }

    fn perform(&mut self, effect: Effect) -> io::Result<Option<Exit>> {
        let Door { instances, home, runtime, .. } = &self.door;
        match effect {
            Effect::Send { token, to, command, terms, force } => {
                if let Some(instance) = instances.get(to) {
                    runtime.spawn(bridge::send(&instance.orders, (token, command, terms, force), self.tx.clone()));
                }
            }
            Effect::Plan { to } => {
                if let Some(instance) = instances.get(to) {
                    runtime.spawn(bridge::plan(&instance.orders, to, self.tx.clone()));
                }
            }
            Effect::Drain(reason) => {
                if let Some(home) = home.as_ref().filter(|home| !home.shutdown.is_draining()) {
                    let (reason, grace_ms, in_flight) = (reason.to_owned(), home.grace(), self.state.in_flight());
                    home.bus.publish(Event::ShutdownBegan { reason, grace_ms, in_flight });
                    home.shutdown.begin(grace_ms);
                }
            }
            Effect::Cut => home.iter().for_each(|home| home.shutdown.cut()),
            Effect::Copy(text) => self.screen.say(&copy::sequence(&text))?,
            Effect::Repaint => self.state.size = self.screen.renew()?,
            Effect::Leave(exit) => return Ok(Some(exit)),
        }
        Ok(None)
    }

    fn draw(&mut self) -> io::Result<()> {
        let from = clock::now();
        update(self.state, Msg::Tick, from);
        self.screen.draw(|frame| view::draw(frame, self.state, &self.theme))?;
        let until = clock::now();
        if let Some(slow) = self.pace.drawn(from, until) {
            update(self.state, Msg::Slow(slow), until);
        }
        if let Some(at) = self.state.next_change() {
            self.pace.want_at(at);
        }
        Ok(())
    }
}
