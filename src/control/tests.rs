use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::*;
use crate::balance::backend::{Mode, Verdict};
use crate::balance::snapshot::Phase;
use crate::command::{Ask, Command, Origin, Terms};
use crate::config::AdminListen;

/// A backend on loopback that answers every connection with 204; its port.
async fn backend() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        }
    });
    port
}

/// What it takes to run over a pool `web` with these ports, admin API on `admin`.
fn setup(ports: &[u16], admin: &str, shutdown: &Shutdown) -> Setup {
    let names: Vec<_> = ports.iter().map(ToString::to_string).collect();
    let mut settings = fixture::settings("web", &names.iter().map(String::as_str).collect::<Vec<_>>());
    settings.checked = true;
    std::iter::zip(&mut settings.backends, ports).for_each(|(spec, port)| spec.port = *port);
    let mut config = fixture::config(vec![settings]);
    config.admin = Some(AdminListen::Tcp(admin.parse().unwrap()));
    Setup {
        running: watch::Sender::new(Running::new(config, Vec::new(), || 0)),
        source: None,
        bus: EventBus::default(),
        shutdown: shutdown.clone(),
        tally: Arc::new(Tally::new(1)),
        reports: mpsc::channel(1).1,
        losses: Arc::default(),
        secret: Secret::random().unwrap(),
        inherited: Inherited::default(),
    }
}

async fn status(admin: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(admin).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer[9..12].to_owned()
}

#[tokio::test]
async fn the_control_plane_checks_obeys_shows_and_answers() {
    let shutdown = Shutdown::default();
    let setup = setup(&[backend().await, backend().await], "127.0.0.1:0", &shutdown);
    let mut events = setup.bus.subscribe();
    let name = setup.running.borrow().pools[0].backends()[0].spec.id.clone();
    let mut control = start(setup).await.unwrap();
    let admin = control.admin.clone().unwrap();
    assert_eq!(events.recv().await.unwrap().event, Event::AdminListening { address: admin.clone() });

    let healthy = |snapshot: &Arc<Snapshot>| snapshot.pools[0].backends.iter().all(|b| b.health == Verdict::Healthy);
    let snapshot = control.snapshots.wait_for(healthy).await.unwrap().clone();
    assert_eq!((snapshot.phase, snapshot.pools[0].eligible()), (Phase::Starting, 2));
    assert!(snapshot.pools[0].backends[0].checks[0].detail.starts_with("204 in "));

    assert_eq!(status(&admin, "/readyz").await, "503");
    control.set_serving();
    assert_eq!(status(&admin, "/readyz").await, "200");

    let (reply, answer) = oneshot::channel();
    let command = Command::SetMode { backend: name.clone(), mode: Mode::Drain, cut: false, then_down: None };
    control.desk.send(Ask { command, by: Origin::Dashboard, terms: Terms::default(), force: false, reply }).await.unwrap();
    assert_eq!(answer.await.unwrap().unwrap(), format!("{name} up -> drain"));
    let drained = |snapshot: &Arc<Snapshot>| snapshot.backend(&name).unwrap().mode == Mode::Drain;
    control.snapshots.wait_for(drained).await.unwrap();

    shutdown.begin(1000);
    assert_eq!(status(&admin, "/readyz").await, "503");
    assert_eq!(status(&admin, "/healthz").await, "200");
    control.stop().await;
    assert!(TcpStream::connect(&admin).await.is_err());
}

#[tokio::test]
async fn a_taken_admin_address_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = start(setup(&[1], &address, &Shutdown::default())).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("the admin API cannot listen on {address}: address already in use;")), "{error}");
}
