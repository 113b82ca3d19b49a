//! The API over real listeners, with a real desk behind it.

mod change;
mod guard;
mod look;
mod plan;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;
use crate::balance::pool::Pool;
use crate::config::{AdminListen, Config, Token};
use crate::control::desk::ControlDesk;
use crate::control::fixture;
use crate::inherited::Inherited;
use crate::shutdown::Shutdown;

const LOOPBACK: &str = "127.0.0.1:0";

/// An API over a pool `web` with the backends `api-1` and `api-2`.
struct Admin {
    address: String,
    phase: PhaseWatch,
    shutdown: Shutdown,
    pool: Arc<Pool>,
    bus: EventBus,
    stop: CancellationToken,
    task: JoinHandle<()>,
    _publisher: watch::Sender<Arc<Snapshot>>,
}

impl Admin {
    async fn start(listen: AdminListen, token: Option<Token>) -> Self {
        Self::start_from(listen, token, None).await
    }

    /// As [`Self::start`], with a config file.
    async fn start_from(listen: AdminListen, token: Option<Token>, file: Option<&Path>) -> Self {
        let bound = Bound::bind(&listen, &mut Inherited::default()).await.unwrap();
        let config = fixture::config(vec![fixture::settings("web", &["api-1", "api-2"])]);
        let running = fixture::running(Config { admin_token: token, ..config });
        let (publisher, snapshots) = watch::channel(Arc::new(fixture::snapshot(&running)));
        let (shutdown, stop, bus) = (Shutdown::default(), CancellationToken::new(), EventBus::default());
        let (phase, pool) = (PhaseWatch::new(shutdown.clone()), Arc::clone(&running.pools[0]));
        let (desk, asks) = mpsc::channel(1);
        tokio::spawn(ControlDesk::new(fixture::reloader(Arc::clone(&running), &bus), bus.clone()).run(asks));
        let view = View {
            snapshots,
            // Without a sampler the last snapshot has to do.
            fresh: mpsc::channel(1).0,
            phase: phase.clone(),
            running: watch::channel(running).1,
            file: file.map(Into::into),
            desk,
            bus: bus.clone(),
        };
        let address = bound.to_string();
        let task = tokio::spawn(serve(bound, view, stop.clone()));
        Self { address, phase, shutdown, pool, bus, stop, task, _publisher: publisher }
    }

    async fn on_loopback() -> Self {
        Self::start(AdminListen::Tcp(LOOPBACK.parse().unwrap()), None).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    async fn call(&self, method: &str, path: &str, fields: &[(&str, &str)], body: &str) -> Answer {
        call(self.connect().await, method, path, fields, body).await
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.call("GET", path, &[("host", "localhost")], "").await;
        (answer.status, answer.body)
    }

    /// Status, and what was applied or the code of the error.
    async fn change(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        self.call(method, path, &[("host", "localhost")], body).await.gist()
    }

    /// The line of the last event.
    fn last_event(&self) -> String {
        self.bus.after(0).events.last().map(|stamped| stamped.event.to_string()).unwrap_or_default()
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn gist(&self) -> (u16, String) {
        let json: Value = serde_json::from_str(&self.body).unwrap();
        let gist = json["applied"].as_str().or(json["error"]["code"].as_str());
        (self.status, gist.unwrap_or_else(|| panic!("{json}")).to_owned())
    }

    fn message(&self) -> String {
        let json: Value = serde_json::from_str(&self.body).unwrap();
        json["error"]["message"].as_str().unwrap().to_owned()
    }
}

/// The answer to one request.
async fn call(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in fields {
        write!(request, "{name}: {value}\r\n").unwrap();
    }
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.unwrap();
    read(stream).await
}

/// An answer, up to the end of the connection.
async fn read(mut stream: impl AsyncRead + Unpin) -> Answer {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer { status: head[9..12].parse().unwrap(), head: head.to_lowercase(), body: body.to_owned() }
}

#[tokio::test]
async fn a_unix_socket_answers_any_host_and_stops_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    let admin = Admin::start(AdminListen::Unix(path.clone()), None).await;
    let stream = UnixStream::connect(&path).await.unwrap();
    assert_eq!(call(stream, "GET", "/healthz", &[("host", "whatever")], "").await.body, "ok\n");
    let stream = UnixStream::connect(&path).await.unwrap();
    call(stream, "PUT", "/api/v1/pools/web/strategy", &[], r#"{"strategy": "random"}"#).await;
    assert_eq!(admin.last_event(), "web strategy round_robin -> random by api:unix");
    let _idle = UnixStream::connect(&path).await.unwrap();
    admin.stop.cancel();
    admin.task.await.unwrap();
    assert!(!Path::new(&path).exists());
}

/// A file with a token in it.
fn token(dir: &Path) -> Token {
    use std::os::unix::fs::OpenOptionsExt;
    let path: PathBuf = dir.join("token");
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
    std::io::Write::write_all(&mut &file, b"open-sesame-open-sesame\n").unwrap();
    Token::read(&path).unwrap()
}
