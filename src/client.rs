//! A client of the admin API of a running evenkeel: what the verbs and `attach` speak through.
//!
//! Each call has a connection of its own: calls are rare, and a connection kept would only add a way to fail.

mod address;
mod call;
mod error;
mod events;
mod sse;
mod token;
mod wire;

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

pub use self::address::Address;
pub use self::call::Call;
pub use self::error::Error;
pub use self::events::{Events, Heard, Told};
pub use self::token::Token;
use crate::balance::snapshot::Snapshot;
use crate::command::{Applied, Command, Origin, Terms};

/// How long a whole answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where to call, and in whose name.
#[derive(Clone, Debug)]
pub struct Client {
    address: Address,
    origin: Origin,
    token: Option<Token>,
}

impl Client {
    /// Nothing is sent yet.
    pub const fn new(address: Address, origin: Origin, token: Option<Token>) -> Self {
        Self { address, origin, token }
    }

    /// Where it calls.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The JSON that a call is answered with.
    pub async fn call(&self, call: &Call) -> Result<String, Error> {
        self.in_time(async { wire::text(self, wire::ask(self, call).await?).await }).await
    }

    /// How things are now.
    pub async fn snapshot(&self) -> Result<Snapshot, Error> {
        self.read(&self.call(&Call::snapshot()).await?)
    }

    /// Has something done, and says what that was.
    pub async fn send(&self, command: &Command, terms: &Terms, force: bool) -> Result<Applied, Error> {
        self.applied(&self.call(&Call::command(command, terms, force)).await?)
    }

    /// What happens from now on; with `since`, first what has happened after the event of that number and is still
    /// remembered.
    pub async fn events(&self, since: Option<u64>) -> Result<Events, Error> {
        self.stream(&Call::events(since)).await
    }

    /// What has happened after the event `since` and is still remembered; then the stream ends.
    pub async fn past_events(&self, since: u64) -> Result<Events, Error> {
        self.stream(&Call::past_events(since)).await
    }

    /// What a command did, from the JSON of its answer.
    pub fn applied(&self, json: &str) -> Result<Applied, Error> {
        #[derive(Deserialize)]
        struct Answer {
            applied: Applied,
        }
        self.read::<Answer>(json).map(|answer| answer.applied)
    }

    /// Makes something of an answer's JSON.
    pub fn read<T: DeserializeOwned>(&self, json: &str) -> Result<T, Error> {
        serde_json::from_str(json).map_err(|error| Error::strange(&self.address, error))
    }

    async fn stream(&self, call: &Call) -> Result<Events, Error> {
        let answer = self.in_time(wire::ask(self, call)).await?;
        Ok(Events::new(answer, self.address.clone()))
    }

    async fn in_time<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        timeout(PATIENCE, answer).await.map_err(|_| Error::Silent { address: self.address.clone(), patience: PATIENCE })?
    }
}

#[cfg(test)]
mod tests;
