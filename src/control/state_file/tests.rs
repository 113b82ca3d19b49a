use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use tempfile::TempDir;
use tokio::sync::broadcast;

use super::*;
use crate::balance::backend::{BackendId, Mode};
use crate::balance::strategy::StrategyKind;
use crate::command::Origin;
use crate::control::desk::book::{Mark, Pending};
use crate::control::desk::setting::Setting;
use crate::event::Stamped;

const NOW: u64 = 1_795_266_151_000;

struct Room {
    dir: TempDir,
    file: StateFile,
    events: broadcast::Receiver<Arc<Stamped>>,
}

impl Room {
    fn new() -> Self {
        let (dir, bus) = (tempfile::tempdir().unwrap(), EventBus::default());
        let events = bus.subscribe();
        Self { file: StateFile::new(dir.path().join("state.json"), bus), dir, events }
    }

    fn told(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.events.try_recv().ok()).map(|stamped| stamped.event.to_string()).collect()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn mark(at_unix_ms: u64) -> Mark {
    let by = Origin::Cli("alice".into());
    Mark { by, at_unix_ms, reason: Some("kernel update".into()), until_unix_ms: None, then_down: None }
}

/// One of each kind, with every term.
fn entries() -> Vec<Entry> {
    let (a, b) = (BackendId::new("web", "a"), BackendId::new("web", "b"));
    let pending = Pending { deadline_unix_ms: Some(NOW + 60_000), cut: true };
    vec![
        Entry { setting: Setting::Mode { backend: a, value: Mode::Drain }, mark: Mark { then_down: Some(pending), ..mark(NOW) } },
        Entry { setting: Setting::Weight { backend: b, value: 5 }, mark: Mark { until_unix_ms: Some(NOW + 1), ..mark(NOW) } },
        Entry { setting: Setting::Strategy { pool: "web".into(), value: StrategyKind::Random }, mark: mark(NOW) },
    ]
}

fn save(room: &Room, overrides: Vec<Entry>) {
    write(&room.file.path, &Content { version: VERSION, secret: None, overrides }).unwrap();
}

#[test]
fn what_is_written_is_read() {
    let mut room = Room::new();
    assert_eq!(room.file.load(NOW).overrides, [], "there is none yet");
    save(&room, entries());
    assert_eq!(room.file.load(NOW).overrides, entries());
    save(&room, entries());
    assert_eq!((room.told(), room.names()), (vec![], vec!["state.json".to_owned()]));
    let mode = fs::metadata(&room.file.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_is_over_is_left_out() {
    let mut room = Room::new();
    save(&room, entries());
    assert_eq!(room.file.load(NOW + 1).overrides.len(), 2);
    assert_eq!(room.told(), ["the override web/b weight 5 is dropped: its time is over"]);
    assert_eq!(room.file.load(NOW + LONGEST - 1).overrides.len(), 2);
    assert_eq!(room.file.load(NOW + LONGEST).overrides.len(), 0);
}

#[test]
fn what_makes_no_sense_is_set_aside() {
    for (content, why) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("{\"version\": 2, \"overrides\": 7}", "it is of version 2, and only version 1 is understood"),
        ("{\"overrides\": []}", "it is of version 0, and only version 1 is understood"),
        ("{\"version\": 1, \"overrides\": 7}", "invalid type: integer `7`, expected a sequence"),
    ] {
        let mut room = Room::new();
        fs::write(&room.file.path, content).unwrap();
        assert_eq!(room.file.load(NOW).overrides, []);
        let aside = format!("{}.corrupt-{}", room.file.path.display(), NOW / 1000);
        assert_eq!(fs::read_to_string(&aside).unwrap(), content);
        assert!(!room.file.path.exists());
        let file = room.file.path.display().to_string();
        let told = format!("the state file {file} cannot be used: {why}; it is set aside as {aside}; no overrides are restored");
        assert_eq!(room.told(), [told]);
    }
}

#[test]
fn a_directory_in_its_place_stays_there() {
    let mut room = Room::new();
    fs::create_dir(&room.file.path).unwrap();
    assert_eq!(room.file.load(NOW).overrides, []);
    let file = room.file.path.display().to_string();
    assert_eq!(
        room.told(),
        [format!("the state file {file} cannot be used: it is not a regular file; no overrides are restored")]
    );
    assert_eq!(room.names(), ["state.json"]);
}

#[tokio::test]
async fn the_book_is_kept_until_the_end() {
    let mut room = Room::new();
    let (book, kept) = watch::channel(Book::default());
    let (secret, stop) = (Secret::random().unwrap(), CancellationToken::new());
    let keeping = tokio::spawn(room.file.clone().keep(kept, secret.clone(), stop.clone()));
    book.send_replace(entries().into_iter().collect());
    stop.cancel();
    keeping.await.unwrap();
    assert_eq!(room.file.load(NOW), Kept { overrides: entries(), secret: Some(secret) });
    assert_eq!(room.told(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn trouble_is_told_once_and_so_is_its_end() {
    let mut room = Room::new();
    fs::create_dir(&room.file.path).unwrap();
    let (book, kept) = watch::channel(Book::default());
    let (secret, stop) = (Secret::random().unwrap(), CancellationToken::new());
    let keeping = tokio::spawn(room.file.clone().keep(kept, secret.clone(), stop.clone()));
    let next = room.events.recv().await.unwrap().event.to_string();
    let file = room.file.path.display().to_string();
    assert!(next.starts_with(&format!("the state file {file} cannot be written: ")), "{next}");
    book.send_replace(entries().into_iter().collect());
    tokio::time::sleep(RETRY * 3).await;
    assert_eq!(room.told(), Vec::<String>::new());
    fs::remove_dir(&room.file.path).unwrap();
    let next = room.events.recv().await.unwrap().event.to_string();
    assert_eq!(next, format!("the state file {file} is written again"));
    stop.cancel();
    keeping.await.unwrap();
    assert_eq!((room.file.load(NOW).overrides, room.names()), (entries(), vec!["state.json".to_owned()]));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A file that ends anywhere is all or nothing.
    #[test]
    fn a_part_of_a_file_is_set_aside(share in 0.0..1.0) {
        let room = Room::new();
        save(&room, entries());
        let whole = fs::read(&room.file.path).unwrap();
        // The last byte is a line's end.
        let length = (share * (whole.len() - 1) as f64) as usize;
        fs::write(&room.file.path, &whole[..length]).unwrap();
        prop_assert_eq!(room.file.load(NOW).overrides, []);
        prop_assert!(!room.file.path.exists());
    }

    #[test]
    fn no_bytes_are_fatal(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let room = Room::new();
        fs::write(&room.file.path, bytes).unwrap();
        prop_assert_eq!(room.file.load(NOW).overrides, []);
    }
}
