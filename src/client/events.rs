//! What happens at a running evenkeel, as it tells it.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::sse::{Message, Parser};
use super::wire::Answer;
use super::{Address, Error};
use crate::event::{Event, Severity};

/// How long a living instance says nothing at most: it gives a sign of life every 15 s.
const SILENCE: Duration = Duration::from_secs(45);

/// Something heard.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// Something happened.
    Event(Box<Told>),
    /// So many events were not kept for us.
    Lost(u64),
}

/// An event as it was told.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Its number.
    pub seq: u64,
    /// When it happened, milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// How grave it is.
    pub severity: Severity,
    /// The event in words.
    pub text: String,
    /// The event; `None` if this version does not know its kind.
    pub event: Option<Event>,
    /// All of it, as received.
    pub json: String,
}

/// A subscription. Dropped, it ends.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    parser: Parser,
    heard: VecDeque<Heard>,
    address: Address,
    _connection: AbortOnDropHandle<()>,
}

impl Events {
    pub(super) fn new(Answer { response, connection }: Answer, address: Address) -> Self {
        let (body, heard) = (response.into_body(), VecDeque::new());
        Self { body, parser: Parser::default(), heard, address, _connection: connection }
    }

    /// The next thing that happens; `None` when evenkeel has ended the stream. May be dropped while it waits, and asked again.
    pub async fn next(&mut self) -> Option<Result<Heard, Error>> {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return Some(Ok(heard));
            }
            let Ok(frame) = timeout(SILENCE, self.body.frame()).await else {
                return Some(Err(Error::Silent { address: self.address.clone(), patience: SILENCE }));
            };
            match frame? {
                Err(error) => return Some(Err(Error::broken(&self.address, error))),
                Ok(frame) => {
                    if let Ok(piece) = frame.into_data()
                        && let Err(error) = self.take_in(&piece)
                    {
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    fn take_in(&mut self, piece: &Bytes) -> Result<(), Error> {
        let Self { parser, heard, address, .. } = self;
        let mut understood = Ok(());
        let read = parser.read(piece, |message| match hear(message) {
            Ok(news) => heard.push_back(news),
            Err(error) => understood = Err(Error::strange(address, error)),
        });
        read.map_err(|_| Error::strange(&self.address, "an endless event"))?;
        understood
    }
}

fn hear(Message { event, data }: Message) -> Result<Heard, serde_json::Error> {
    #[derive(Deserialize)]
    struct Lost {
        lost: u64,
    }
    #[derive(Deserialize)]
    struct Common {
        seq: u64,
        at_unix_ms: u64,
        severity: Severity,
        text: String,
    }
    if event == "lost" {
        return serde_json::from_str(&data).map(|Lost { lost }| Heard::Lost(lost));
    }
    // By way of a value: a note has a text and a severity of its own, which are the same.
    let value: Value = serde_json::from_str(&data)?;
    let Common { seq, at_unix_ms, severity, text } = Common::deserialize(&value)?;
    let event = Event::deserialize(&value).ok();
    Ok(Heard::Event(Box::new(Told { seq, at_unix_ms, severity, text, event, json: data })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::BackendId;

    fn heard(event: &str, data: &str) -> Result<Heard, serde_json::Error> {
        hear(Message { event: event.into(), data: data.into() })
    }

    #[test]
    fn known_and_unknown_kinds_are_heard() {
        let known = r#"{"seq":3,"at_unix_ms":9,"kind":"drained","backend":{"pool":"web","backend":"a"},"severity":"info","text":"web/a drained"}"#;
        let told = Told {
            seq: 3,
            at_unix_ms: 9,
            severity: Severity::Info,
            text: "web/a drained".into(),
            event: Some(Event::Drained { backend: BackendId::new("web", "a") }),
            json: known.into(),
        };
        assert_eq!(heard("drained", known).unwrap(), Heard::Event(Box::new(told)));
        let note = r#"{"seq":4,"at_unix_ms":9,"kind":"note","text":"hm","severity":"warning","severity":"warning","text":"hm"}"#;
        let unknown = r#"{"seq":5,"at_unix_ms":9,"kind":"of_tomorrow","severity":"error","text":"oh"}"#;
        for (data, known) in [(note, true), (unknown, false)] {
            let Heard::Event(told) = heard("", data).unwrap() else { panic!("{data}") };
            assert_eq!(told.event.is_some(), known, "{data}");
        }
    }

    #[test]
    fn gaps_are_told_and_nonsense_is_an_error() {
        assert_eq!(heard("lost", r#"{"lost":12}"#).unwrap(), Heard::Lost(12));
        for (event, data) in [("lost", "{}"), ("note", "x"), ("note", r#"{"seq":1}"#)] {
            heard(event, data).unwrap_err();
        }
    }
}
