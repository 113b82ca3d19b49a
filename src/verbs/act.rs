//! The verbs that change something.

use std::time::Duration;

use serde_json::{Value, json};

use super::wait::Emptying;
use super::watch::Watch;
use super::{Desk, Failure, name, say, wait};
use crate::balance::backend::{BackendId, Mode};
use crate::cli::{Down, Drain, Strategy, Then, Up, Weight};
use crate::client::Call;
use crate::command::{Command, Terms, ThenDown};
use crate::telemetry::line::Escaped;

/// Has a command obeyed and tells what it did.
pub(super) async fn command(desk: &Desk, command: &Command, terms: &Terms, force: bool) -> Result<(), Failure> {
    let json = desk.call(&Call::command(command, terms, force)).await?;
    if desk.json {
        say(json);
    } else {
        say(Escaped(&desk.client.applied(&json)?));
    }
    Ok(())
}

/// `up`: with `--wait-healthy` only once it can serve.
pub(super) async fn up(desk: &Desk, Up { backend, wait_healthy, terms }: &Up) -> Result<(), Failure> {
    let id = name::backend(&desk.client, backend).await?;
    let up = mode(&id, Mode::Up, false);
    let Some(patience) = *wait_healthy else { return command(desk, &up, &terms.for_command(), terms.force).await };
    let watch = Watch::new(desk, &id, patience);
    wait::until_fit(&watch).await?;
    command(desk, &up, &terms.for_command(), terms.force).await?;
    let waited_ms = wait::until_eligible(&watch).await?;
    outcome(desk, &id, "takes requests", json!({ "backend": id.to_string(), "eligible": true, "waited_ms": waited_ms }));
    Ok(())
}

/// `drain`: with `--wait` until it is empty. That it goes down afterwards is up to the instance, which does it even if nobody
/// waits any longer.
pub(super) async fn drain(desk: &Desk, Drain { backend, wait, then, cut, terms }: &Drain) -> Result<(), Failure> {
    if *cut && *then != Some(Then::Down) {
        return Err(Failure::Usage("--cut goes with --then down only".to_owned()));
    }
    let id = name::backend(&desk.client, backend).await?;
    let on = terms.for_command();
    let after_ms = wait.map(|time| time.as_millis() as u64);
    let then_down = (*then == Some(Then::Down)).then_some(ThenDown { after_ms, cut: *cut });
    let drain = Command::SetMode { backend: id.clone(), mode: Mode::Drain, cut: false, then_down };
    command(desk, &drain, &on, terms.force).await?;
    let Some(patience) = *wait else { return Ok(()) };
    match then {
        None => until_empty(desk, &id, Emptying::Draining, patience).await,
        Some(Then::Down) => until_empty(desk, &id, Emptying::GoingDown { cut: *cut }, patience).await,
        Some(Then::Up) => {
            until_empty(desk, &id, Emptying::Draining, patience).await?;
            command(desk, &mode(&id, Mode::Up, false), &on, terms.force).await
        }
    }
}

/// `down`: with `--wait` until it is empty.
pub(super) async fn down(desk: &Desk, Down { backend, cut, wait, terms }: &Down) -> Result<(), Failure> {
    let id = name::backend(&desk.client, backend).await?;
    command(desk, &mode(&id, Mode::Down, *cut), &terms.for_command(), terms.force).await?;
    match *wait {
        Some(patience) => until_empty(desk, &id, Emptying::Down, patience).await,
        None => Ok(()),
    }
}

/// `weight`.
pub(super) async fn weight(desk: &Desk, Weight { backend, weight, terms }: &Weight) -> Result<(), Failure> {
    let backend = name::backend(&desk.client, backend).await?;
    command(desk, &Command::SetWeight { backend, weight: weight.0 }, &terms.for_command(), terms.force).await
}

/// `strategy`.
pub(super) async fn strategy(desk: &Desk, Strategy { pool, strategy, terms }: &Strategy) -> Result<(), Failure> {
    let strategy = Command::SetStrategy { pool: pool.as_str().into(), strategy: strategy.0 };
    command(desk, &strategy, &terms.for_command(), terms.force).await
}

/// Waits until a backend that takes nothing new is empty.
async fn until_empty(desk: &Desk, id: &BackendId, how: Emptying, patience: Duration) -> Result<(), Failure> {
    let waited_ms = wait::until_empty(desk, id, how, patience).await?;
    outcome(desk, id, "is empty", json!({ "backend": id.to_string(), "empty": true, "waited_ms": waited_ms }));
    Ok(())
}

fn mode(backend: &BackendId, mode: Mode, cut: bool) -> Command {
    Command::SetMode { backend: backend.clone(), mode, cut, then_down: None }
}

/// Tells what waiting has come to.
fn outcome(desk: &Desk, id: &BackendId, text: &str, json: Value) {
    if desk.json { say(json) } else { say(format_args!("{} {text}", Escaped(&id.to_string()))) }
}
