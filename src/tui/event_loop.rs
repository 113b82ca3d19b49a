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
use super::{Door, bridge, view};
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
        let mut news = Vec::new();
        if !self.door.snapshots.has_changed().is_ok_and(|changed| !changed) {
            news.push(Msg::Snapshot(self.door.snapshots.borrow_and_update().clone()));
        }
        loop {
            match self.door.events.try_recv() {
                Ok(event) => news.push(Msg::Event(event)),
                Err(TryRecvError::Lagged(lost)) => {
                    self.door.bus.count_dropped(lost);
                    news.push(Msg::Dropped(lost));
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        news.extend(self.door.shutdown.left().map(Msg::Draining));
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
        let Door { desk, runtime, shutdown, bus, grace, .. } = &self.door;
        match effect {
            Effect::Send { token, command, force } => {
                runtime.spawn(bridge::send(desk.clone(), (token, command, force), self.tx.clone()));
            }
            Effect::Drain(_) if shutdown.is_draining() => {}
            Effect::Drain(reason) => {
                let (reason, in_flight) = (reason.to_owned(), self.state.in_flight());
                bus.publish(Event::ShutdownBegan { reason, grace_ms: *grace, in_flight });
                shutdown.begin(*grace);
            }
            Effect::Cut => shutdown.cut(),
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
