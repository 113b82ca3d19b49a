//! The text of server-sent events, put together from pieces that end anywhere.

/// Longest event that is taken, in bytes.
const LONGEST: usize = 1 << 20;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// Its name; empty when it has none.
    pub(super) event: String,
    /// What it says.
    pub(super) data: String,
}

/// An event is longer than any that evenkeel sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// What has been read of the event to come.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    message: Message,
}

impl Parser {
    /// Reads on, and hands over every event that is complete now. Comments keep the connection alive and say nothing.
    pub(super) fn read(&mut self, piece: &[u8], mut whole: impl FnMut(Message)) -> Result<(), TooLong> {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.len() + self.message.data.len() > LONGEST {
                return Err(TooLong);
            }
            if part.ends_with(b"\n")
                && let Some(message) = self.end_of_line()
            {
                whole(message);
            }
        }
        Ok(())
    }

    fn end_of_line(&mut self) -> Option<Message> {
        let line = String::from_utf8_lossy(&self.line);
        let line = line.trim_end_matches(['\r', '\n']);
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        let mut whole = None;
        match field {
            "" if line.is_empty() => {
                whole = Some(std::mem::take(&mut self.message)).filter(|message| !message.data.is_empty());
            }
            "event" => value.clone_into(&mut self.message.event),
            "data" => {
                if !self.message.data.is_empty() {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
            }
            _ => {}
        }
        self.line.clear();
        whole
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = ": hello\n\nid: 7\nevent: drained\ndata: {\"seq\":7}\n\nevent:lost\r\ndata:{\"lost\":3}\r\n\r\ndata: a\ndata: b\nodd\n\n\ndata: cut";

    fn read(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let (mut parser, mut all) = (Parser::default(), Vec::new());
        for piece in pieces {
            parser.read(piece, |Message { event, data }| all.push((event, data))).unwrap();
        }
        all
    }

    #[test]
    fn what_is_complete_is_handed_over() {
        let pair = |event: &str, data: &str| (event.to_owned(), data.to_owned());
        let want = [pair("drained", r#"{"seq":7}"#), pair("lost", r#"{"lost":3}"#), pair("", "a\nb")];
        assert_eq!(read(&[TEXT.as_bytes()]), want);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = Parser::default();
        let piece = vec![b'x'; 64 << 10];
        assert_eq!((0..20).find(|_| parser.read(&piece, |_| {}).is_err()), Some(16));
        let mut parser = Parser::default();
        let line = format!("data: {}\n", "x".repeat(64 << 10));
        assert!((0..20).any(|_| parser.read(line.as_bytes(), |_| {}).is_err()));
    }

    proptest! {
        #[test]
        fn pieces_may_end_anywhere(cuts in prop::collection::vec(0..TEXT.len(), 0..8)) {
            let mut cuts = cuts;
            cuts.extend([0, TEXT.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|ends| &TEXT.as_bytes()[ends[0]..ends[1]]).collect();
            prop_assert_eq!(read(&pieces), read(&[TEXT.as_bytes()]));
        }
    }
}
