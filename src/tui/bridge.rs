//! The way from the control plane's runtime to the dashboard's threads: signals, the end, and the desk's answers.

use std::io;
use std::sync::mpsc::Sender;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::terminal;
use super::update::Msg;
use crate::command::{Ask, Command, CommandError, Desk, Origin, Terms};

/// Passes on when the terminal changes its size, the process resumes after a stop, and evenkeel is done.
pub(super) async fn watch(finished: CancellationToken, tx: Sender<Msg>) -> io::Result<()> {
    let mut changed = signal(SignalKind::window_change())?;
    let mut resumed = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
    // The size may have changed before we were listening.
    let mut message = resize()?;
    loop {
        let last = matches!(message, Msg::Finished);
        if tx.send(message).is_err() || last {
            return Ok(());
        }
        message = tokio::select! {
            biased;
            () = finished.cancelled() => Msg::Finished,
            _ = resumed.recv() => Msg::Resumed,
            _ = changed.recv() => resize()?,
        };
    }
}

fn resize() -> io::Result<Msg> {
    let (columns, rows) = terminal::size()?;
    Ok(Msg::Resize(columns, rows))
}

/// Puts a command before the desk. Returns at once; what is returned waits for the answer and passes it on.
pub(super) fn send(
    desk: Desk,
    (token, command, force): (u64, Command, bool),
    tx: Sender<Msg>,
) -> impl Future<Output = ()> + Send + 'static {
    let (reply, answer) = oneshot::channel();
    let sent = desk.try_send(Ask { command, by: Origin::Dashboard, terms: Terms::default(), force, reply });
    async move {
        let sent = match sent {
            Err(TrySendError::Full(ask)) => desk.send(ask).await.is_ok(),
            sent => sent.is_ok(),
        };
        let result = if sent { answer.await.unwrap_or(Err(CommandError::Gone)) } else { Err(CommandError::Gone) };
        let _ = tx.send(Msg::Answered { token, result });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use tokio::sync::mpsc;

    use super::*;

    async fn answer_of(desk: Desk) -> Result<String, CommandError> {
        let (tx, rx) = channel();
        send(desk, (7, Command::Undo, true), tx).await;
        match rx.recv().unwrap() {
            Msg::Answered { token: 7, result } => result,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn every_command_is_answered() {
        let (desk, mut asks) = mpsc::channel::<Ask>(1);
        let (reply, _unheard) = oneshot::channel();
        let ahead = Ask { command: Command::Redo, by: Origin::Dashboard, terms: Terms::default(), force: false, reply };
        desk.try_send(ahead).unwrap();
        let clerk = tokio::spawn(async move {
            assert_eq!(asks.recv().await.unwrap().command, Command::Redo, "the desk was full");
            let ask = asks.recv().await.unwrap();
            assert_eq!((&ask.command, &ask.by, ask.force), (&Command::Undo, &Origin::Dashboard, true));
            ask.reply.send(Ok("done".to_owned())).unwrap();
            drop(asks.recv().await.unwrap());
        });
        assert_eq!(answer_of(desk.clone()).await, Ok("done".to_owned()));
        assert_eq!(answer_of(desk.clone()).await, Err(CommandError::Gone), "the ask was dropped");
        clerk.await.unwrap();
        assert_eq!(answer_of(desk).await, Err(CommandError::Gone), "nobody is there");
    }
}
