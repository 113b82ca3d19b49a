//! The real binary: `evenkeel serve` with a config of its own, and everything it says.

use std::fmt::{self, Display};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use evenkeel::balance::snapshot::{BackendView, Snapshot};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::client::{Client, Response, get};
use super::upstream::Upstream;
use super::{before_deadline, eventually};

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_evenkeel");

/// A pool named `web`, as YAML. Without health checks unless they are set.
pub struct Pool {
    backends: Vec<String>,
    settings: Vec<(&'static str, String)>,
}

/// A pool of these backends.
pub fn pool(backends: &[&Upstream]) -> Pool {
    let backends = backends.iter().map(|b| b.url()).collect();
    Pool { backends, settings: vec![("health_check", "null".into())] }
}

impl Pool {
    /// Sets a key.
    pub fn set(mut self, key: &'static str, value: impl Display) -> Self {
        self.settings.retain(|(k, _)| *k != key);
        self.settings.push((key, value.to_string()));
        self
    }

    /// Sets the weights of its backends.
    pub fn weights(mut self, weights: &[u32]) -> Self {
        for (backend, weight) in self.backends.iter_mut().zip(weights) {
            *backend = format!("{{url: \"{backend}\", weight: {weight}}}");
        }
        self
    }
}

impl Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "pools:\n  - name: web")?;
        for (key, value) in &self.settings {
            writeln!(f, "    {key}: {value}")?;
        }
        writeln!(f, "    backends:")?;
        self.backends.iter().try_for_each(|backend| writeln!(f, "      - {backend}"))
    }
}

/// A directory with a config in it: the rest of the file, on ports of the system's choice.
pub fn config_dir(admin: &str, rest: impl Display) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.yaml");
    let admin = admin.replace("DIR", dir.path().to_str().unwrap());
    fs::write(&path, config("127.0.0.1:0", &admin, rest)).unwrap();
    (dir, path)
}

fn config(listen: &str, admin: &str, rest: impl Display) -> String {
    format!("listen: {listen}\nworkers: 2\nadmin: {{listen: \"{admin}\"}}\n{rest}")
}

/// A running `evenkeel serve`; killed when dropped.
pub struct Keel {
    /// Where it takes traffic.
    pub address: SocketAddr,
    /// Where its admin API is.
    pub admin: SocketAddr,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    dir: TempDir,
}

impl Keel {
    /// Starts one over this pool (or any other rest of a config) and waits until it is ready.
    #[track_caller]
    pub fn serve(rest: impl Display) -> Self {
        let keel = Self::start(rest);
        eventually("ready", || (keel.ask_admin("/readyz").status == 200).then_some(()));
        keel
    }

    /// Starts one and waits until it listens.
    #[track_caller]
    pub fn start(rest: impl Display) -> Self {
        let (dir, path) = config_dir("127.0.0.1:0", rest);
        let mut command = Command::new(BINARY);
        Self::spawn(command.arg("serve").arg("-c").arg(path).stdin(Stdio::null()).stdout(Stdio::null()), dir)
    }

    /// Starts what this command makes of it and waits until it listens. The directory goes when it is dropped.
    #[track_caller]
    pub fn spawn(command: &mut Command, dir: TempDir) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = collect(child.stderr.take().unwrap());
        let unset = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut keel = Self { address: unset, admin: unset, child, lines, dir };
        keel.address = keel.address_after("listening on ");
        keel.admin = keel.address_after("admin API on ");
        keel
    }

    /// Writes another rest of its config.
    pub fn rewrite(&self, rest: impl Display) {
        self.rewrite_on("127.0.0.1:0", rest);
    }

    /// Writes other listeners and another rest of its config.
    pub fn rewrite_on(&self, listen: &str, rest: impl Display) {
        // At once, as a careful editor does it.
        let (file, new) = (self.dir.path().join("config.yaml"), self.dir.path().join("config.new"));
        fs::write(&new, config(listen, "127.0.0.1:0", rest)).unwrap();
        fs::rename(new, file).unwrap();
    }

    /// Asks for a reload by a signal and waits for what comes of it.
    #[track_caller]
    pub fn reload(&self) -> String {
        let told = || self.lines().into_iter().filter(|line| line.contains("by signal")).collect::<Vec<_>>();
        let before = told().len();
        self.signal(Signal::HUP);
        eventually("an outcome of the reload", || told().get(before).cloned())
    }

    /// A connection to the proxy.
    pub fn client(&self) -> Client {
        Client::to(self.address)
    }

    /// `GET path` through the proxy, on a connection of its own.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        get(self.address, path)
    }

    /// `GET path` at the admin API.
    #[track_caller]
    pub fn ask_admin(&self, path: &str) -> Response {
        Client::to(self.admin).send(format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.admin)).response()
    }

    /// How things are, taken after this call began.
    #[track_caller]
    pub fn snapshot(&self) -> Snapshot {
        let now = evenkeel::clock::unix_ms();
        eventually("a fresh snapshot", || {
            let snapshot: Snapshot = serde_json::from_slice(&self.ask_admin("/api/v1/snapshot").body).unwrap();
            (snapshot.at_unix_ms >= now).then_some(snapshot)
        })
    }

    /// How a backend of the only pool is.
    #[track_caller]
    pub fn view(&self, backend: &Upstream) -> BackendView {
        let pool = self.snapshot().pools.remove(0);
        pool.backends.into_iter().find(|b| b.url == backend.url()).expect("a backend of the pool")
    }

    /// Waits until no request is in flight.
    #[track_caller]
    pub fn comes_to_rest(&self) {
        eventually("nothing in flight", || self.snapshot().pools.iter().all(|p| p.in_flight == 0).then_some(()));
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for its end and gives its exit code (`None`: a signal killed it).
    #[track_caller]
    pub fn exit_code(&mut self) -> Option<i32> {
        eventually("the end of the process", || self.child.try_wait().unwrap()).code()
    }

    /// Everything it has said so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for a line that contains this.
    #[track_caller]
    pub fn line(&self, with: &str) -> String {
        let found = before_deadline(|| self.lines().into_iter().find(|line| line.contains(with)));
        found.unwrap_or_else(|| panic!("waited in vain: a line with {with:?} among {:#?}", self.lines()))
    }

    #[track_caller]
    fn address_after(&self, words: &str) -> SocketAddr {
        let line = self.line(words);
        let rest = &line[line.find(words).expect("it was found by these words") + words.len()..];
        let end = rest.find([' ', ',']).unwrap_or(rest.len());
        rest[..end].parse().unwrap()
    }
}

impl Drop for Keel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one run of the binary that ends by itself had to say.
pub struct Run {
    /// Exit code; `None` when a signal killed it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs the binary to its end.
pub fn run(args: &[&str]) -> Run {
    let output = Command::new(BINARY).args(args).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Gathers the lines of a stream while it lasts.
pub fn collect(stream: impl std::io::Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            sink.lock().unwrap().push(line);
        }
    });
    lines
}
