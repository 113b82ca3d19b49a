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
    let result = place(orders, Order::Do { command, terms, force, reply }, answer);
    async move { drop(tx.send(Msg::Answered { token, result: result.await })) }
}

/// Asks an instance what a reload would change there.
pub(super) fn plan(orders: &mpsc::Sender<Order>, from: usize, tx: Sender<Msg>) -> impl Future<Output = ()> + Send + 'static {
    let (reply, answer) = oneshot::channel();
    let result = place(orders, Order::Plan { reply }, answer);
    async move { drop(tx.send(Msg::Planned { from, result: result.await })) }
}

/// Places an order at once, where there is room, and waits for its answer.
fn place<T: Send + 'static>(
    orders: &mpsc::Sender<Order>,
    order: Order,
    answer: oneshot::Receiver<Result<T, String>>,
) -> impl Future<Output = Result<T, String>> + Send + 'static {
    let sent = orders.try_send(order);
    let orders = orders.clone();
    async move {
        let sent = match sent {
            Err(TrySendError::Full(order)) => orders.send(order).await.is_ok(),
            sent => sent.is_ok(),
        };
        let gone = || Err(CommandError::Gone.to_string());
        if sent { answer.await.unwrap_or_else(|_| gone()) } else { gone() }
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
        let ahead = Order::Do { command: Command::Redo, terms: Terms::default(), force: false, reply };
        orders.try_send(ahead).unwrap();
        let clerk = tokio::spawn(async move {
            assert!(matches!(asked.recv().await, Some(Order::Do { command: Command::Redo, .. })), "there was no room");
            let Some(Order::Do { command: Command::Undo, force: true, reply, .. }) = asked.recv().await else { panic!("undo") };
            reply.send(Ok("done".to_owned())).unwrap();
            drop(asked.recv().await.unwrap());
        });
        let gone = Err(CommandError::Gone.to_string());
        assert_eq!(answer_of(&orders).await, Ok("done".to_owned()));
        assert_eq!(answer_of(&orders).await, gone, "the order was dropped");
        clerk.await.unwrap();
        assert_eq!(answer_of(&orders).await, gone, "nobody is there");
    }
}
