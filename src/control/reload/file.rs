//! The config file: reading it, and noticing that it has changed.
//!
//! It is looked at every [`LOOK`], by name: what the system says of it first, and what it holds when that has changed. This
//! sees editors that write in place or rename, symbolic links that are turned (as Kubernetes does), bind mounts and network
//! file systems, on some of which notifications never come; and it costs a system call. A change counts when two looks
//! [`SETTLE`] apart find the same, so that a half-written file is left alone, and only if the content is another one than was
//! tried last.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::time::sleep;
use xxhash_rust::xxh3::xxh3_64;

use crate::command::{Ask, Command, Desk, Origin, Terms};
use crate::config::{self, Loaded, Problem};

/// How often to look.
const LOOK: Duration = Duration::from_millis(250);

/// How long a file must stay the same before it counts.
const SETTLE: Duration = Duration::from_millis(200);

/// A file that was written so recently may be written again without its times showing it.
const RECENT: Duration = Duration::from_secs(2);

/// A config file. Clones are the same.
#[derive(Clone, Debug)]
pub struct Source {
    file: Arc<Path>,
    /// What was read when it was last loaded, as a hash.
    tried: Arc<AtomicU64>,
}

impl Source {
    /// A file that has not been read yet.
    pub fn new(file: PathBuf) -> Self {
        Self { file: file.into(), tried: Arc::default() }
    }

    /// Where it is.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Reads and checks it.
    ///
    /// # Errors
    /// Every problem.
    pub fn load(&self) -> Result<Loaded, Vec<Problem>> {
        let text = config::read(&self.file);
        self.tried.store(fingerprint(&text), Relaxed);
        config::parse(&self.file, &text?)
    }

    /// Asks the desk for a reload whenever the file has changed. Ends with the desk. A pipe is read once and never again.
    pub async fn watch(self, desk: Desk) {
        let mut known = None;
        loop {
            sleep(LOOK).await;
            let look = Look::at(&self.file);
            if known == Some(look) && !look.is_recent() {
                continue;
            }
            if look.is_other_than_file() || !self.has_changed() {
                known = Some(look);
                continue;
            }
            sleep(SETTLE).await;
            if Look::at(&self.file) == look && self.has_changed() {
                let (reply, answer) = oneshot::channel();
                let (command, terms) = (Command::Reload, Terms::default());
                if desk.send(Ask { command, by: Origin::File, terms, force: false, reply }).await.is_err() {
                    return;
                }
                // What came of it is an event.
                let _ = answer.await;
                known = Some(look);
            }
        }
    }

    /// Whether it holds something else than was tried last.
    fn has_changed(&self) -> bool {
        fingerprint(&config::read(&self.file)) != self.tried.load(Relaxed)
    }
}

fn fingerprint(text: &Result<String, Vec<Problem>>) -> u64 {
    match text {
        Ok(text) => xxh3_64(text.as_bytes()),
        Err(problems) => problems.iter().fold(1, |sum, problem| sum ^ xxh3_64(problem.message.as_bytes())),
    }
}

/// What the system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Which one it is, how long, and when it was last changed.
    File { device: u64, inode: u64, bytes: u64, modified: Option<SystemTime>, changed: (i64, i64) },
    /// Something that is no file: reading it might wait, or take away what it holds.
    Other,
    /// There is nothing, or it is not ours to see.
    Missing,
}

impl Look {
    fn at(path: &Path) -> Self {
        let Ok(metadata) = fs::metadata(path) else { return Self::Missing };
        if metadata.is_file() { Self::of(&metadata) } else { Self::Other }
    }

    fn of(file: &Metadata) -> Self {
        Self::File {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.len(),
            modified: file.modified().ok(),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }

    fn is_recent(self) -> bool {
        let Self::File { modified: Some(modified), .. } = self else { return false };
        modified.elapsed().is_ok_and(|age| age < RECENT)
    }

    fn is_other_than_file(self) -> bool {
        self == Self::Other
    }
}

#[cfg(test)]
mod tests;
