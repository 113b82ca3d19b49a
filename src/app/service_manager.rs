//! Telling the service manager how it goes: the messages of `sd_notify(3)` to the socket that `NOTIFY_SOCKET` names.
//!
//! The watchdog is fed when a snapshot has arrived: a control plane that hangs takes none.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixDatagram;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::balance::snapshot::{PoolView, Snapshot};
use crate::event::{Event, Stamped};
use crate::telemetry::line::Escaped;

/// What a shutdown may take at most beyond its grace.
const PARTING: Duration = Duration::from_secs(10);

/// The way to the service manager.
#[derive(Debug)]
pub(super) struct ServiceManager {
    socket: UnixDatagram,
    /// It wants to hear of us at least this often.
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// The one that has started this process and wants to be told. Needs a tokio runtime.
    pub(super) fn from_env() -> io::Result<Option<Self>> {
        let Some(address) = env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty()) else { return Ok(None) };
        let variable = |name| env::var(name).ok();
        let watchdog = watchdog(variable("WATCHDOG_USEC").as_deref(), variable("WATCHDOG_PID").as_deref());
        Ok(Some(Self { socket: connect(address)?, watchdog }))
    }

    /// Says that traffic is accepted, and from then on what becomes of it. Ends with the control plane.
    pub(super) async fn inform(self, mut events: Receiver<Arc<Stamped>>, mut snapshots: watch::Receiver<Arc<Snapshot>>) {
        let (mut told, mut fed) = (status(&snapshots.borrow_and_update()), Instant::now());
        self.tell(&format!("READY=1\nSTATUS={told}")).await;
        loop {
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Ok(stamped) => for message in messages(&stamped.event) {
                        self.tell(&message).await;
                    },
                    // The next snapshot tells how things are.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
                changed = snapshots.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let status = status(&snapshots.borrow_and_update());
                    if status != told {
                        self.tell(&format!("STATUS={status}")).await;
                        told = status;
                    }
                    if self.watchdog.is_some_and(|period| fed.elapsed() >= period / 3) {
                        self.tell("WATCHDOG=1").await;
                        fed = Instant::now();
                    }
                }
            }
        }
    }

    async fn tell(&self, message: &str) {
        // A manager that does not listen is no reason not to serve.
        let _ = self.socket.send(message.as_bytes()).await;
    }
}

/// `@` at the beginning stands for the name space that is not the file system's.
fn connect(address: OsString) -> io::Result<UnixDatagram> {
    let mut address = address.into_vec();
    if let Some(first @ b'@') = address.first_mut() {
        *first = 0;
    }
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    socket.connect(&SockAddr::unix(OsString::from_vec(address))?)?;
    socket.set_nonblocking(true)?;
    UnixDatagram::from_std(socket.into())
}

/// How often the service manager wants to hear of the process, if it means this one.
fn watchdog(microseconds: Option<&str>, pid: Option<&str>) -> Option<Duration> {
    let ours = pid.is_none_or(|pid| pid == std::process::id().to_string());
    let period = Duration::from_micros(microseconds?.parse().ok()?);
    (ours && !period.is_zero()).then_some(period)
}

/// What the service manager has to know of an event. It hears of a reload when that is over, whatever came of it.
fn messages(event: &Event) -> Vec<String> {
    match event {
        Event::Reloaded { .. } | Event::ReloadRefused { .. } => vec![reloading(), "READY=1".to_owned()],
        Event::ShutdownBegan { grace_ms, .. } => {
            let patience = Duration::from_millis(*grace_ms) + PARTING;
            vec![format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={}", patience.as_micros())]
        }
        _ => Vec::new(),
    }
}

fn reloading() -> String {
    let now = clock_gettime(ClockId::Monotonic);
    format!("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1_000_000 + now.tv_nsec / 1_000)
}

/// How things are, in a line.
fn status(snapshot: &Snapshot) -> String {
    if let Some(left) = snapshot.drain_left_ms {
        let in_flight: u32 = snapshot.pools.iter().map(|pool| pool.in_flight).sum();
        return format!("draining: {in_flight} in flight, {} s left", left.div_ceil(1000));
    }
    let eligible: usize = snapshot.pools.iter().map(PoolView::eligible).sum();
    let of: usize = snapshot.pools.iter().map(|pool| pool.backends.len()).sum();
    let empty: Vec<_> = snapshot.pools.iter().filter(|pool| pool.eligible() == 0).map(|pool| &*pool.name).collect();
    let nobody = if empty.is_empty() { String::new() } else { format!("; nobody in {}", empty.join(", ")) };
    let problem = snapshot.config.as_ref().and_then(|config| config.problem.as_deref());
    let problem = problem.map(|problem| format!("; config: {}", Escaped(problem))).unwrap_or_default();
    format!("serving: {eligible} of {of} backends eligible{nobody}{problem}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;
    use crate::balance::backend::Mode;
    use crate::balance::snapshot::ConfigState;
    use crate::event::EventBus;
    use crate::tui::fixture::{pool, set_mode, snapshot};

    async fn heard(socket: &UnixDatagram) -> String {
        let mut message = [0; 256];
        let length = socket.recv(&mut message).await.unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn it_hears_of_readiness_changes_and_the_end_and_its_watchdog_is_fed() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        let (bus, (sampler, snapshots)) = (EventBus::default(), watch::channel(Arc::new(snapshot(vec![pool("web", 2)]))));
        let manager = ServiceManager { socket: ours, watchdog: Some(Duration::from_secs(30)) };
        let informing = tokio::spawn(manager.inform(bus.subscribe(), snapshots));
        assert_eq!(heard(&theirs).await, "READY=1\nSTATUS=serving: 2 of 2 backends eligible");

        let mut web = pool("web", 2);
        set_mode(&mut web.backends[0], Mode::Down);
        for _ in 0..2 {
            sampler.send_replace(Arc::new(snapshot(vec![web.clone()])));
            tokio::task::yield_now().await;
        }
        assert_eq!(heard(&theirs).await, "STATUS=serving: 1 of 2 backends eligible");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(theirs.try_recv(&mut [0]).is_err(), "without a snapshot the watchdog starves");
        sampler.send_replace(Arc::new(snapshot(vec![web])));
        assert_eq!(heard(&theirs).await, "WATCHDOG=1");

        bus.publish(Event::ShutdownBegan { reason: "SIGTERM".into(), grace_ms: 30_000, in_flight: 0 });
        assert_eq!(heard(&theirs).await, "STOPPING=1\nEXTEND_TIMEOUT_USEC=40000000");
        drop(sampler);
        informing.await.unwrap();
    }

    #[test]
    fn how_things_are() {
        let mut pools = vec![pool("web", 2), pool("api", 1)];
        assert_eq!(status(&snapshot(pools.clone())), "serving: 3 of 3 backends eligible");
        set_mode(&mut pools[1].backends[0], Mode::Drain);
        pools[0].in_flight = 7;
        let mut snapshot = snapshot(pools);
        assert_eq!(status(&snapshot), "serving: 2 of 3 backends eligible; nobody in api");
        let problem = Some("c.yaml:1:1  listen: wrong".to_owned());
        snapshot.config = Some(ConfigState { file: "c.yaml".into(), loaded_at_unix_ms: 0, problem });
        let expected = "serving: 2 of 3 backends eligible; nobody in api; config: c.yaml:1:1  listen: wrong";
        assert_eq!(status(&snapshot), expected);
        snapshot.drain_left_ms = Some(27_400);
        assert_eq!(status(&snapshot), "draining: 7 in flight, 28 s left");
    }

    #[tokio::test]
    async fn it_is_reached_by_path_and_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let theirs = UnixDatagram::bind(&path).unwrap();
        connect(path.clone().into()).unwrap().send(b"READY=1").await.unwrap();
        assert_eq!(heard(&theirs).await, "READY=1");

        let mut name = path.as_os_str().as_bytes().to_vec();
        name[0] = 0;
        let theirs = Socket::new(Domain::UNIX, Type::DGRAM, None).unwrap();
        theirs.bind(&SockAddr::unix(OsString::from_vec(name.clone())).unwrap()).unwrap();
        theirs.set_nonblocking(true).unwrap();
        let theirs = UnixDatagram::from_std(theirs.into()).unwrap();
        name[0] = b'@';
        connect(OsString::from_vec(name)).unwrap().send(b"READY=1").await.unwrap();
        assert_eq!(heard(&theirs).await, "READY=1");

        connect(dir.path().join("nobody").into()).unwrap_err();
    }

    #[test]
    fn a_watchdog_is_for_the_process_it_names() {
        let ours = std::process::id().to_string();
        let second = Some(Duration::from_secs(1));
        let cases = [
            (Some("1000000"), None, second),
            (Some("1000000"), Some(ours.as_str()), second),
            (Some("1000000"), Some("1"), None),
            (Some("0"), None, None),
            (Some("soon"), None, None),
            (None, None, None),
        ];
        for (microseconds, pid, expected) in cases {
            assert_eq!(watchdog(microseconds, pid), expected, "{microseconds:?} {pid:?}");
        }
    }
}
