//! What clients ask, and what they may get instead of an answer.

use std::time::Instant;

use super::content::{Content, Of};

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A GET.
    Get,
    /// A HEAD.
    Head,
    /// A POST whose length is known.
    Post,
    /// A POST in chunks.
    PostInChunks,
    /// A PUT whose length is known.
    Put,
}

impl Kind {
    /// The method.
    pub fn method(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post | Self::PostInChunks => "POST",
            Self::Put => "PUT",
        }
    }

    /// Whether evenkeel may send it again, and has kept enough of it.
    pub fn may_be_sent_again(self, id: u64) -> bool {
        match self {
            Self::Get | Self::Head => true,
            Self::Post | Self::PostInChunks => false,
            Self::Put => Content::new(Of::Request, id).len() < 32 << 10,
        }
    }
}

/// A request that has been sent, at least in part.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Its id.
    pub id: u64,
    /// What it is.
    pub kind: Kind,
    /// When it began to be sent.
    pub since: Instant,
}

/// What a client got instead of a whole answer from an upstream.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// An answer of evenkeel's own.
    Own {
        /// Its status.
        status: u16,
        /// Its text; none in answer to HEAD.
        text: String,
    },
    /// An answer that broke off, perhaps before a byte of it came.
    Broken {
        /// Whether its head has come.
        begun: bool,
        /// How it ended.
        #[expect(dead_code, reason = "for whoever reads the report")]
        error: String,
    },
    /// An answer shorter than it should be, and yet whole.
    Short,
}
