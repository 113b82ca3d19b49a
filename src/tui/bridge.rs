//! The way from the runtime to the dashboard's threads: signals, the end, and the answers to what was asked for.

use std::io;
use std::sync::mpsc::Sender;

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Order;
use super::terminal;
use super::update::Msg;
use crate::command::{Command, CommandError, Terms};

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

/// Puts a command before an instance. Returns at once; what is returned waits for the answer and passes it on.
pub(super) fn send(
    orders: &mpsc::Sender<Order>,
    (token, command, terms, force): (u64, Command, Terms, bool),
    tx: Sender<Msg>,
) -> impl Future<Output = ()> + Send + 'static {
    let (reply, answer) = oneshot::channel();
    let sent = orders.try_send(Order { command, terms, force, reply });
    let orders = orders.clone();
    async move {
        let sent = match sent {
            Err(TrySendError::Full(order)) => orders.send(order).await.is_ok(),
            sent => sent.is_ok(),
        };
        let gone = || Err(CommandError::Gone.to_string());
        let result = if sent { answer.await.unwrap_or_else(|_| gone()) } else { gone() };
        let _ = tx.send(Msg::Answered { token, result });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    async fn answer_of(orders: &mpsc::Sender<Order>) -> Result<String, String> {
        let (tx, rx) = channel();
        send(orders, (7, Command::Undo, Terms::default(), true), tx).await;
        match rx.recv().unwrap() {
            Msg::Answered { token: 7, result } => result,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn every_command_is_answered() {
        let (orders, mut asked) = mpsc::channel::<Order>(1);
        let (reply, _unheard) = oneshot::channel();
        let ahead = Order { command: Command::Redo, terms: Terms::default(), force: false, reply };
        orders.try_send(ahead).unwrap();
        let clerk = tokio::spawn(async move {
            assert_eq!(asked.recv().await.unwrap().command, Command::Redo, "there was no room");
            let order = asked.recv().await.unwrap();
            assert_eq!((&order.command, order.force), (&Command::Undo, true));
            order.reply.send(Ok("done".to_owned())).unwrap();
            drop(asked.recv().await.unwrap());
        });
        let gone = Err(CommandError::Gone.to_string());
        assert_eq!(answer_of(&orders).await, Ok("done".to_owned()));
        assert_eq!(answer_of(&orders).await, gone, "the order was dropped");
        clerk.await.unwrap();
        assert_eq!(answer_of(&orders).await, gone, "nobody is there");
    }
}
