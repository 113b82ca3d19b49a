//! The state file: overrides survive a restart.
//!
//! The file is JSON with a version, mode 0600. It is read once, at the start, and replaced as a whole a moment after each
//! change of the [`Book`]: a temporary file beside it is written, synced and renamed, so that whoever dies in the middle
//! leaves the file of before. What is older than a day, or whose time is over, is left out when it is read; a file that
//! makes no sense is set aside as `FILE.corrupt-<unix time>`, and the start goes on without it.
//!
//! Writing ends when the process begins to shut down: from then on the file belongs to the one that comes after.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::desk::book::{Book, Entry};
use crate::event::{Event, EventBus, Severity};
use crate::secret::Secret;

/// How the file is written today.
const VERSION: u64 = 1;

/// Longest that an override is kept, in milliseconds.
const LONGEST: u64 = 24 * 60 * 60 * 1000;

/// Most that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// Between two tries to write a file that cannot be written.
const RETRY: Duration = Duration::from_secs(5);

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    version: u64,
    /// Makes cookies that outlive the process.
    #[serde(default)]
    secret: Option<Secret>,
    overrides: Vec<Entry>,
}

/// What there was before a restart.
#[derive(Debug, Default, PartialEq)]
pub struct Kept {
    /// The overrides that still count.
    pub overrides: Vec<Entry>,
    /// What cookies were made with.
    pub secret: Option<Secret>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is not a regular file")]
    NotAFile,
    #[error("it is larger than {} MiB", LARGEST >> 20)]
    TooLarge,
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("it is of version {0}, and only version {VERSION} is understood")]
    Version(u64),
}

/// See the module.
#[derive(Clone, Debug)]
pub struct StateFile {
    path: Arc<Path>,
    bus: EventBus,
}

impl StateFile {
    /// The state file at a path. Trouble with it is published.
    pub fn new(path: PathBuf, bus: EventBus) -> Self {
        Self { path: path.into(), bus }
    }

    /// What was in force before, as far as it still counts `now`, in milliseconds since the Unix epoch.
    pub fn load(&self, now: u64) -> Kept {
        let Content { overrides, secret, .. } = match read(&self.path) {
            Ok(content) => content,
            Err(Unusable::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Kept::default(),
            Err(why) => {
                self.set_aside(&why, now);
                return Kept::default();
            }
        };
        let (overrides, dropped): (Vec<_>, Vec<_>) = overrides.into_iter().partition(|entry| is_alive(entry, now));
        for entry in dropped {
            let text = format!("the override {} is dropped: its time is over", entry.setting);
            self.tell(text, Severity::Info);
        }
        Kept { overrides, secret }
    }

    /// Writes the book, and the secret with it, whenever it has changed, until `stop`; then a last time if need be.
    pub async fn keep(self, mut book: watch::Receiver<Book>, secret: Secret, stop: CancellationToken) {
        // The first write tells at once whether the file can be written.
        book.mark_changed();
        let mut fails = false;
        while stop.run_until_cancelled(wait(&mut book, fails)).await == Some(true) {
            fails = !self.write(&mut book, &secret, fails).await;
        }
        if fails || book.has_changed().unwrap_or(true) {
            self.write(&mut book, &secret, fails).await;
        }
    }

    /// Writes the book. Says whether that worked, and tells of it if it is news.
    async fn write(&self, book: &mut watch::Receiver<Book>, secret: &Secret, failed_before: bool) -> bool {
        let overrides = book.borrow_and_update().entries().cloned().collect();
        let content = Content { version: VERSION, secret: Some(secret.clone()), overrides };
        let path = Arc::clone(&self.path);
        let written = spawn_blocking(move || write(&path, &content));
        let written = written.await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        let file = self.path.display();
        match &written {
            Err(error) if !failed_before => {
                let text = format!("the state file {file} cannot be written: {error}; overrides will not survive a restart");
                self.tell(text, Severity::Error);
            }
            Ok(()) if failed_before => self.tell(format!("the state file {file} is written again"), Severity::Info),
            _ => {}
        }
        written.is_ok()
    }

    fn set_aside(&self, why: &Unusable, now: u64) {
        let file = self.path.display();
        let mut aside = self.path.as_os_str().to_owned();
        aside.push(format!(".corrupt-{}", now / 1000));
        let aside = Path::new(&aside);
        // Whatever else may be there by mistake, a directory above all, stays where it is.
        let moved =
            if fs::metadata(&self.path).is_ok_and(|meta| meta.is_file()) { fs::rename(&self.path, aside) } else { Ok(()) };
        let kept = match moved {
            Ok(()) if aside.exists() => format!("; it is set aside as {}", aside.display()),
            Ok(()) => String::new(),
            Err(error) => format!("; it cannot be set aside: {error}"),
        };
        self.tell(format!("the state file {file} cannot be used: {why}{kept}; no overrides are restored"), Severity::Error);
    }

    fn tell(&self, text: String, severity: Severity) {
        self.bus.publish(Event::Note { text, severity });
    }
}

/// Waits for a change of the book, and while the file cannot be written not for too long. False when there is none to come.
async fn wait(book: &mut watch::Receiver<Book>, fails: bool) -> bool {
    let changed = async { book.changed().await.is_ok() };
    if fails { tokio::time::timeout(RETRY, changed).await.unwrap_or(true) } else { changed.await }
}

fn is_alive(Entry { mark, .. }: &Entry, now: u64) -> bool {
    now.saturating_sub(mark.at_unix_ms) < LONGEST && mark.until_unix_ms.is_none_or(|until| until > now)
}

fn read(path: &Path) -> Result<Content, Unusable> {
    if !fs::metadata(path)?.is_file() {
        return Err(Unusable::NotAFile);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Unusable::TooLarge);
    }
    let value: serde_json::Value = serde_json::from_slice(&bytes)?;
    // The version first: another one may mean anything by the rest.
    let version = value.get("version").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if version != VERSION {
        return Err(Unusable::Version(version));
    }
    Ok(serde_json::from_value(value)?)
}

fn write(path: &Path, content: &Content) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".{}.tmp", process::id()));
    let fresh = Path::new(&fresh);
    let written = replace(path, fresh, content);
    if written.is_err() {
        // What is half written is of no use; it may not even be there.
        let _ = fs::remove_file(fresh);
    }
    written
}

fn replace(path: &Path, fresh: &Path, content: &Content) -> io::Result<()> {
    let _ = fs::remove_file(fresh);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(fresh)?;
    let mut json = serde_json::to_vec_pretty(content)?;
    json.push(b'\n');
    file.write_all(&json)?;
    file.sync_all()?;
    fs::rename(fresh, path)?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests;
