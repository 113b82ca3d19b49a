//! `explain`: which backend a request would go to, and why.

use super::{Desk, Failure, say, say_lines};
use crate::cli::Explain;
use crate::client::Call;
use crate::explain::Explanation;

/// Shows it for this request, as things are now. Nobody's turn is taken.
pub(super) async fn run(desk: &Desk, Explain { method, url, headers, client }: &Explain) -> Result<(), Failure> {
    let json = desk.call(&Call::explain(method, url, headers, *client)).await?;
    if desk.json {
        say(json);
    } else {
        say_lines(&desk.client.read::<Explanation>(&json)?.to_string());
    }
    Ok(())
}
