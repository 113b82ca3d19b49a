//! One backend behind one evenkeel: bytes go in at one end, and what comes out at the other is seen to the byte.

use std::fmt::Display;
use std::io::Write;

use super::client::{Client, Response};
use super::keel::{Keel, pool};
use super::script::{Script, raw};
use super::upstream::{Upstream, upstream};

/// See the module.
pub struct Pair {
    /// The backend.
    pub backend: Upstream,
    /// In front of it.
    pub keel: Keel,
}

/// Fields that evenkeel adds to each request.
const ADDED: [&str; 5] = ["x-forwarded-for: ", "x-forwarded-proto: ", "x-forwarded-host: ", "via: ", "x-request-id: "];

impl Pair {
    /// A backend that plays this script, in a config of defaults.
    #[track_caller]
    pub fn new(script: Script) -> Self {
        Self::with("", script)
    }

    /// As [`Self::new`], with lines of YAML for the top of the config.
    #[track_caller]
    pub fn with(settings: impl Display, script: Script) -> Self {
        let backend = upstream(script);
        let keel = Keel::serve(format!("{settings}{}", pool(&[&backend]).set("outlier_detection", "null")));
        Self { backend, keel }
    }

    /// Sends bytes over a connection of their own and gives the answer.
    #[track_caller]
    pub fn ask(&self, request: impl AsRef<[u8]>) -> Response {
        self.keel.client().send(request).response()
    }

    /// All that the backend gets when a client sends this request, to the byte.
    #[track_caller]
    pub fn forwards(&self, request: impl AsRef<[u8]>) -> String {
        self.ask(request);
        String::from_utf8(self.backend.take_received()).unwrap()
    }

    /// As [`Self::forwards`], without the fields that evenkeel adds.
    #[track_caller]
    pub fn passes_on(&self, request: impl AsRef<[u8]>) -> String {
        let text = self.forwards(request);
        text.split_inclusive("\r\n").filter(|line| !ADDED.iter().any(|field| line.starts_with(field))).collect()
    }

    /// What a client gets that sends `request`, to the end of the connection, while the backend answers with these bytes.
    #[track_caller]
    pub fn returns_for(&self, request: impl AsRef<[u8]>, answer: impl AsRef<[u8]>) -> String {
        self.backend.plays(raw(answer));
        to_the_end(self.keel.client().send(request))
    }

    /// As [`Self::returns_for`], for a plain `GET`.
    #[track_caller]
    pub fn returns(&self, answer: impl AsRef<[u8]>) -> String {
        self.returns_for("GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n", answer)
    }

    /// Each of these is answered with `status`, the last answer on its connection, and the backend never hears of it.
    #[track_caller]
    pub fn refuses<R: AsRef<[u8]>>(&self, status: u16, requests: impl IntoIterator<Item = R>) {
        for request in requests {
            let shown = String::from_utf8_lossy(request.as_ref()).into_owned();
            let mut client = self.keel.client();
            // A server may refuse and close before it has read everything.
            let _ = client.writer().write_all(request.as_ref());
            let response = client.try_response().unwrap_or_else(|error| panic!("{shown:?}: {error}"));
            assert_eq!(response.status, status, "{shown:?}");
            assert!(client.is_at_end(), "{shown:?}: the connection goes on");
            assert_eq!(String::from_utf8_lossy(&self.backend.take_received()), "", "{shown:?} went on");
        }
    }
}

/// All that still comes, to the end of the connection.
#[track_caller]
pub fn to_the_end(client: &mut Client) -> String {
    let mut all = Vec::new();
    loop {
        let piece = client.some().unwrap();
        if piece.is_empty() {
            return String::from_utf8(all).unwrap();
        }
        all.extend(piece);
    }
}
