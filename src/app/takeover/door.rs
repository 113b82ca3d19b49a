//! The old process's side: doors that a new process knocks at, one for each address that takes traffic.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use socket2::{Domain, Socket, Type};
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{READY, is_same_user, name, wire};
use crate::event::{Event, EventBus, Severity};
use crate::running::Follow;

/// New processes that may wait at a door.
const BACKLOG: i32 = 4;

/// What a successor gets.
#[derive(Debug)]
pub(in crate::app) struct Estate {
    /// Whose listeners.
    pub(in crate::app) running: Follow,
    /// The admin API's.
    pub(in crate::app) admin: Option<OwnedFd>,
}

impl Estate {
    fn copies(&self) -> io::Result<Vec<OwnedFd>> {
        let listeners = Arc::clone(&self.running.borrow().listeners);
        let mut copies = Vec::new();
        for listener in &*listeners {
            copies.extend(listener.copies()?);
        }
        if let Some(admin) = &self.admin {
            copies.push(admin.try_clone()?);
        }
        Ok(copies)
    }
}

/// Doors at the addresses that take traffic, whichever they are. They close when this is dropped.
#[derive(Debug)]
pub(in crate::app) struct Doors {
    keeping: JoinSet<()>,
    successors: mpsc::Receiver<UnixStream>,
}

impl Doors {
    /// Opens them. Needs a tokio runtime.
    pub(in crate::app) fn open(estate: Estate, bus: EventBus) -> Self {
        let (ready, successors) = mpsc::channel(1);
        let mut keeping = JoinSet::new();
        keeping.spawn(keep(Arc::new(estate), bus, ready));
        Self { keeping, successors }
    }

    /// Waits for a successor that serves.
    pub(in crate::app) async fn taken_over(&mut self) -> Option<UnixStream> {
        self.successors.recv().await
    }

    /// Closes them, so that the successor can open its own.
    pub(in crate::app) async fn close(mut self) {
        self.keeping.shutdown().await;
    }
}

/// Keeps a door open at each address, also when a reload changes them.
async fn keep(estate: Arc<Estate>, bus: EventBus, ready: mpsc::Sender<UnixStream>) {
    let mut running = estate.running.clone();
    let (mut addresses, mut answering) = (Vec::new(), JoinSet::new());
    loop {
        let wanted = running.borrow_and_update().addresses();
        if wanted != addresses {
            answering.shutdown().await;
            for address in &wanted {
                match open(*address) {
                    Ok(door) => drop(answering.spawn(answer(door, Arc::clone(&estate), bus.clone(), ready.clone()))),
                    Err(error) => {
                        note(&bus, Severity::Warning, format!("no other process can take over {address}: {error}"));
                    }
                }
            }
            addresses = wanted;
        }
        if running.changed().await.is_err() {
            return;
        }
    }
}

fn open(address: SocketAddr) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&name(address)?)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    UnixListener::from_std(socket.into())
}

async fn answer(door: UnixListener, estate: Arc<Estate>, bus: EventBus, ready: mpsc::Sender<UnixStream>) {
    while let Ok((mut stream, _)) = door.accept().await {
        if !is_same_user(&stream) {
            continue;
        }
        note(&bus, Severity::Info, "a new process has asked for the listening sockets".to_owned());
        match hand_over(&mut stream, &estate).await {
            Ok(()) => drop(ready.send(stream).await),
            Err(_) => {
                note(&bus, Severity::Warning, "the new process has not become ready; going on without it".to_owned());
            }
        }
    }
}

/// Hands the sockets over and waits until the successor serves.
async fn hand_over(stream: &mut UnixStream, estate: &Estate) -> io::Result<()> {
    wire::send(stream, &estate.copies()?).await?;
    match stream.read_u8().await? {
        READY => Ok(()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn note(bus: &EventBus, severity: Severity, text: String) {
    bus.publish(Event::Note { text, severity });
}
