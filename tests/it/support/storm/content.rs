//! Bodies whose every byte follows from the id of their request.

use std::sync::LazyLock;

use super::chance::{Chance, mix};

/// A prime, so that the noise does not repeat in step with any buffer.
const PERIOD: usize = 65_521;

/// Noise that each body begins at a place of its own.
static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut chance = Chance::new(0, 0);
    (0..PERIOD).map(|_| chance.bits() as u8).collect()
});

/// Which of the two bodies of an exchange.
#[derive(Clone, Copy, Debug)]
pub enum Of {
    /// The request's.
    Request,
    /// The answer's.
    Answer,
}

/// What a body is to be.
#[derive(Clone, Copy, Debug)]
pub struct Content(u64);

impl Content {
    /// The content of a body of the exchange with this id.
    pub fn new(of: Of, id: u64) -> Self {
        Self(mix(id ^ ((of as u64) << 63)))
    }

    /// How long it is: mostly short, sometimes longer than any buffer.
    pub fn len(self) -> usize {
        let (kind, size) = (self.0 % 200, (self.0 >> 8) as usize);
        match kind {
            0 => 300_000 + size % 1_000_000,
            1..=15 => 3_000 + size % 100_000,
            16..=30 => 0,
            _ => 1 + size % 3_000,
        }
    }

    /// All of it.
    pub fn bytes(self) -> Vec<u8> {
        NOISE.iter().cycle().skip(self.start()).take(self.len()).copied().collect()
    }

    /// Whether these bytes stand at this place of it.
    pub fn has(self, mut at: usize, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let from = (self.start() + at) % PERIOD;
            let n = bytes.len().min(PERIOD - from);
            if bytes[..n] != NOISE[from..from + n] {
                return false;
            }
            (at, bytes) = (at + n, &bytes[n..]);
        }
        true
    }

    fn start(self) -> usize {
        (self.0 >> 32) as usize % PERIOD
    }
}

#[test]
fn a_body_is_told_from_every_other() {
    let body = |id| Content::new(Of::Answer, id);
    for id in 0..200 {
        let bytes = body(id).bytes();
        assert_eq!(bytes.len(), body(id).len());
        assert!(body(id).has(0, &bytes));
        if bytes.len() > 20 {
            assert!(body(id).has(7, &bytes[7..]));
            assert!(!body(id).has(8, &bytes[7..]) && !body(id + 1).has(0, &bytes));
            assert!(!Content::new(Of::Request, id).has(0, &bytes));
        }
    }
}
