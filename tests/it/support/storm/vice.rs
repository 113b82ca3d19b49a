//! What may go wrong at an upstream, and what of it a client may see.

use std::time::Duration;

use super::chance::Chance;
use super::content::{Content, Of};
use crate::support::script::{Script, Step, Witness};

/// A way to treat a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vice {
    /// None.
    None,
    /// Whole, but slow.
    Drips,
    /// Sends informational answers first.
    Hints,
    /// Answers before it has read the request.
    AnswersEarly,
    /// Breaks the connection instead of answering.
    ResetsBefore,
    /// Closes the connection instead of answering.
    ClosesBefore,
    /// Never answers.
    StallsBefore,
    /// Does not even read.
    IsDeaf,
    /// Breaks the connection within the head.
    ResetsInHead,
    /// Stops within the head.
    StallsInHead,
    /// Breaks the connection within the body.
    ResetsInBody,
    /// Closes the connection within the body: it has promised too much.
    ClosesInBody,
    /// Stops within the body.
    StallsInBody,
    /// Promises less than it sends.
    SendsTooMuch,
    /// Sends something that is no HTTP before its answer.
    GarbageBefore,
    /// Sends a further answer that nobody asked for.
    AnswersTwice,
    /// Closes the connection after its answer, without having said so.
    LeavesQuietly,
    /// Says after its answer that no other will come, and keeps the connection.
    HalfCloses,
}

/// What a client may see of a vice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Nothing.
    Nothing,
    /// No answer of the upstream's: evenkeel has to give one of its own.
    Answer,
    /// The rest of an answer.
    Rest,
    /// Nothing itself; but the connection may break under the next request.
    NextRequest,
}

/// How long upstreams that stall wait for the other side to give up.
const FOR_EVER: Duration = Duration::from_secs(8);

impl Vice {
    /// All but [`Self::None`].
    pub const ALL: [Self; 17] = [
        Self::Drips,
        Self::Hints,
        Self::AnswersEarly,
        Self::ResetsBefore,
        Self::ClosesBefore,
        Self::StallsBefore,
        Self::IsDeaf,
        Self::ResetsInHead,
        Self::StallsInHead,
        Self::ResetsInBody,
        Self::ClosesInBody,
        Self::StallsInBody,
        Self::SendsTooMuch,
        Self::GarbageBefore,
        Self::AnswersTwice,
        Self::LeavesQuietly,
        Self::HalfCloses,
    ];

    /// What it may cost.
    pub fn cost(self) -> Cost {
        match self {
            Self::None | Self::Drips | Self::Hints | Self::AnswersEarly | Self::SendsTooMuch | Self::AnswersTwice => {
                Cost::Nothing
            }
            Self::ResetsBefore
            | Self::ClosesBefore
            | Self::StallsBefore
            | Self::IsDeaf
            | Self::ResetsInHead
            | Self::StallsInHead
            | Self::GarbageBefore => Cost::Answer,
            Self::ResetsInBody | Self::ClosesInBody | Self::StallsInBody => Cost::Rest,
            Self::LeavesQuietly | Self::HalfCloses => Cost::NextRequest,
        }
    }

    /// Treats the request with this id so. `to_head` when no body may be sent.
    pub fn script(self, id: u64, to_head: bool, witness: Witness, chance: &mut Chance) -> Script {
        let mut answer = Answer::new(id, to_head, self, chance);
        let read = [Step::ReadBody, Step::Show(witness), Step::Pause(chance.up_to(Duration::from_millis(15)))];
        let pause = Step::Pause(chance.up_to(Duration::from_millis(15)));
        let in_head = chance.below(answer.head.len() as u64) as usize;
        let in_body = answer.body.len() * chance.below(100) as usize / 100;
        let act = match self {
            Self::None | Self::SendsTooMuch | Self::Hints => vec![Step::Send(answer.all())],
            Self::Drips => {
                let rest = answer.head.split_off(answer.head.len().min(30));
                vec![Step::Trickle(answer.head), Step::Send(rest), pause, Step::Send(answer.body)]
            }
            Self::AnswersEarly => {
                let [read, show, _] = read;
                return vec![pause, Step::Send(answer.all()), read, show, Step::Close];
            }
            Self::ResetsBefore => vec![Step::Reset],
            Self::ClosesBefore => vec![Step::Close],
            Self::StallsBefore => vec![Step::Stall],
            Self::IsDeaf => return vec![Step::Pause(FOR_EVER), Step::Close],
            Self::ResetsInHead | Self::StallsInHead => {
                answer.head.truncate(in_head);
                let end = if self == Self::ResetsInHead { Step::Reset } else { Step::Stall };
                vec![Step::Send(answer.head), pause, end]
            }
            Self::ResetsInBody | Self::ClosesInBody | Self::StallsInBody => {
                answer.body.truncate(in_body);
                let end = match self {
                    Self::ResetsInBody => Step::Reset,
                    Self::ClosesInBody => Step::Close,
                    _ => Step::Stall,
                };
                vec![Step::Send(answer.all()), pause, end]
            }
            Self::GarbageBefore => vec![Step::Send(b"\0\x01 what is this?\r\n".to_vec()), Step::Send(answer.all())],
            Self::AnswersTwice => {
                let twice = answer.all();
                vec![Step::Send(twice.repeat(2))]
            }
            Self::LeavesQuietly => vec![Step::Send(answer.all()), pause, Step::Close],
            Self::HalfCloses => vec![Step::Send(answer.all()), pause, Step::HalfClose],
        };
        read.into_iter().chain(act).chain(answer.closes.then_some(Step::Close)).collect()
    }
}

/// An answer on the wire.
struct Answer {
    head: Vec<u8>,
    body: Vec<u8>,
    /// Whether its end is the connection's, or the connection's end is announced.
    closes: bool,
}

impl Answer {
    fn new(id: u64, to_head: bool, vice: Vice, chance: &mut Chance) -> Self {
        let content = Content::new(Of::Answer, id).bytes();
        // An end that is the connection's cannot come too early, and what follows it belongs to it.
        let needs_an_end = !matches!(vice, Vice::None | Vice::Drips | Vice::Hints);
        let closes = !needs_an_end && chance.per_mille(100) || vice == Vice::AnswersEarly;
        let framing = chance.below(if closes && vice != Vice::AnswersEarly { 3 } else { 2 });
        let promised = if vice == Vice::SendsTooMuch { content.len() / 2 } else { content.len() };
        let length = || format!("content-length: {promised}\r\n");
        let (framing, body) = match framing {
            _ if to_head => (length(), Vec::new()),
            // A chunked body says itself where it ends.
            0 if vice != Vice::SendsTooMuch => ("transfer-encoding: chunked\r\n".to_owned(), chunks(&content, chance)),
            2 => (String::new(), content),
            _ => (length(), content),
        };
        let hints = if vice == Vice::Hints { "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n" } else { "" };
        let close = if closes { "connection: close\r\n" } else { "" };
        let head = format!("{hints}HTTP/1.1 200 OK\r\nx-id: {id}\r\n{close}{framing}\r\n");
        Self { head: head.into(), body, closes }
    }

    fn all(&mut self) -> Vec<u8> {
        [std::mem::take(&mut self.head), std::mem::take(&mut self.body)].concat()
    }
}

/// The bytes in chunks of random sizes.
pub fn chunks(mut bytes: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut chunks = Vec::with_capacity(bytes.len() + 100);
    while !bytes.is_empty() {
        let (chunk, rest) = bytes.split_at(bytes.len().min(1 + chance.below(30_000) as usize));
        chunks.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunks.extend(chunk);
        chunks.extend(b"\r\n");
        bytes = rest;
    }
    chunks.extend(b"0\r\n\r\n");
    chunks
}
