//! The file behind `--log-file`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;

/// A file that is appended to and can be opened anew after something else has moved it away. Clones are the same file.
#[derive(Clone, Debug)]
pub struct LogFile {
    path: PathBuf,
    file: Arc<ArcSwap<File>>,
}

impl LogFile {
    /// Opens or creates the file.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: Arc::new(ArcSwap::from_pointee(append(path)?)) })
    }

    /// Opens the path again; later lines go there. On an error they go where they went before.
    pub fn reopen(&self) -> io::Result<()> {
        self.file.store(Arc::new(append(&self.path)?));
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&**self.file.load()).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn appends_and_follows_a_rotation() {
        let dir = tempfile::tempdir().unwrap();
        let (path, rotated) = (dir.path().join("events.log"), dir.path().join("events.log.1"));
        fs::write(&path, "before\n").unwrap();
        let log = LogFile::open(&path).unwrap();
        log.clone().write_all(b"one\n").unwrap();

        fs::rename(&path, &rotated).unwrap();
        log.clone().write_all(b"two\n").unwrap();
        log.reopen().unwrap();
        log.clone().write_all(b"three\n").unwrap();

        assert_eq!(fs::read_to_string(&rotated).unwrap(), "before\none\ntwo\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
    }

    #[test]
    fn a_failed_reopen_keeps_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let (path, rotated) = (dir.path().join("events.log"), dir.path().join("events.log.1"));
        let log = LogFile::open(&path).unwrap();
        fs::rename(&path, &rotated).unwrap();
        fs::create_dir(&path).unwrap();

        log.reopen().unwrap_err();
        log.clone().write_all(b"still here\n").unwrap();
        assert_eq!(fs::read_to_string(&rotated).unwrap(), "still here\n");
    }
}
