use std::path::Path;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

use super::*;
use crate::balance::backend::Mode;
use crate::balance::pool::Pool;
use crate::config::AdminListen;
use crate::control::fixture;
use crate::shutdown::Shutdown;

struct Admin {
    address: String,
    phase: PhaseWatch,
    shutdown: Shutdown,
    pool: Arc<Pool>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    _publisher: watch::Sender<Arc<Snapshot>>,
}

impl Admin {
    async fn start(listen: AdminListen) -> Self {
        let bound = Bound::bind(&listen).await.unwrap();
        let (publisher, snapshots) = watch::channel(Arc::new(Snapshot { version: "1.2.3".into(), ..Snapshot::default() }));
        let (shutdown, stop) = (Shutdown::default(), CancellationToken::new());
        let running = fixture::running(fixture::config(vec![fixture::settings("web", &["a"])]));
        let (phase, pool) = (PhaseWatch::new(shutdown.clone()), Arc::clone(&running.pools[0]));
        // Without a sampler the last snapshot has to do.
        let fresh = tokio::sync::mpsc::channel(1).0;
        let view = View { snapshots, fresh, phase: phase.clone(), running: watch::channel(running).1 };
        let address = bound.to_string();
        Self { address, phase, shutdown, pool, task: tokio::spawn(serve(bound, view, stop.clone())), stop, _publisher: publisher }
    }

    async fn on_loopback() -> Self {
        Self::start(AdminListen::Tcp("127.0.0.1:0".parse().unwrap())).await
    }

    async fn ask(&self, method: &str, path: &str, host: &str) -> (u16, String) {
        ask(TcpStream::connect(&self.address).await.unwrap(), method, path, host).await
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, "localhost").await
    }
}

/// Status and body of the answer to one request.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, method: &str, path: &str, host: &str) -> (u16, String) {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn readiness_follows_the_phase_and_the_backends() {
    let admin = Admin::on_loopback().await;
    assert_eq!(admin.get("/readyz").await, (503, "starting\n".into()));
    admin.phase.set_serving();
    assert_eq!(admin.get("/readyz").await, (200, "ready\n".into()));
    admin.pool.backends()[0].live.set_mode(Mode::Down);
    assert_eq!(admin.get("/readyz").await, (503, "no eligible backend\n".into()));
    admin.pool.backends()[0].live.set_mode(Mode::Up);
    admin.shutdown.begin(1000);
    assert_eq!(admin.get("/readyz").await, (503, "draining\n".into()));
    assert_eq!(admin.get("/healthz").await, (200, "ok\n".into()));
}

#[tokio::test]
async fn the_snapshot_is_json() {
    let admin = Admin::on_loopback().await;
    let (status, body) = admin.get("/api/v1/snapshot").await;
    let snapshot: Snapshot = serde_json::from_str(&body).unwrap();
    assert_eq!((status, snapshot.version.as_str()), (200, "1.2.3"));
}

#[tokio::test]
async fn errors_are_json() {
    let admin = Admin::on_loopback().await;
    let not_found = r#"{"error":{"code":"not_found","message":"there is nothing here"}}"#;
    assert_eq!(admin.get("/api/v2").await, (404, not_found.into()));
    let method = r#"{"error":{"code":"method_not_allowed","message":"this can only be read: use GET"}}"#;
    assert_eq!(admin.ask("DELETE", "/api/v1/snapshot", "localhost").await, (405, method.into()));
}

#[tokio::test]
async fn only_loopback_hosts_are_answered_over_tcp() {
    let admin = Admin::on_loopback().await;
    for host in ["localhost", "LocalHost:9900", "127.0.0.1", "127.8.9.10:1", "[::1]", "[::1]:80", "[::ffff:127.0.0.1]"] {
        assert_eq!(admin.ask("GET", "/healthz", host).await.0, 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]:80", "a b", ""] {
        let (status, body) = admin.ask("GET", "/healthz", host).await;
        assert_eq!(status, 403, "{host}");
        assert!(body.starts_with(r#"{"error":{"code":"host_not_allowed""#), "{body}");
    }
}

#[tokio::test]
async fn a_unix_socket_answers_any_host_and_stops_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    let admin = Admin::start(AdminListen::Unix(path.clone())).await;
    let stream = UnixStream::connect(&path).await.unwrap();
    assert_eq!(ask(stream, "GET", "/healthz", "whatever").await, (200, "ok\n".into()));
    let _idle = UnixStream::connect(&path).await.unwrap();
    admin.stop.cancel();
    admin.task.await.unwrap();
    assert!(!Path::new(&path).exists());
}
