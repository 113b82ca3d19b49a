use std::os::unix::fs::symlink;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;

const CONFIG: &str = "pools: [{name: web, backends: ['http://h:1']}]";

/// How long a change may take to be noticed.
const SOON: Duration = Duration::from_secs(20);

/// How long to see that nothing comes.
const A_WHILE: Duration = Duration::from_millis(1200);

struct Room {
    source: Source,
    asks: mpsc::Receiver<Ask>,
    dir: tempfile::TempDir,
}

impl Room {
    /// A watched file `config.yaml`, loaded once.
    fn new(prepare: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        let source = Source::new(dir.path().join("config.yaml"));
        source.load().unwrap();
        let (desk, asks) = mpsc::channel(1);
        tokio::spawn(source.clone().watch(desk));
        Self { source, asks, dir }
    }

    /// The next ask, obeyed: whether the file was valid.
    async fn asked(&mut self) -> bool {
        let ask = timeout(SOON, self.asks.recv()).await.unwrap().unwrap();
        assert_eq!((ask.command, ask.by, ask.force), (Command::Reload, Origin::File, false));
        let valid = self.source.load().is_ok();
        ask.reply.send(Ok(String::new())).unwrap();
        valid
    }

    async fn is_not_asked(&mut self) {
        assert!(timeout(A_WHILE, self.asks.recv()).await.is_err());
    }
}

fn write(file: &Path, comment: &str) {
    fs::write(file, format!("{CONFIG} # {comment}")).unwrap();
}

#[tokio::test]
async fn what_is_written_in_place_or_by_renaming_is_noticed_once() {
    let mut room = Room::new(|dir| write(&dir.join("config.yaml"), "1"));
    let file = room.dir.path().join("config.yaml");
    room.is_not_asked().await;
    write(&file, "2");
    assert!(room.asked().await);
    let other = room.dir.path().join("other");
    write(&other, "3");
    fs::rename(&other, &file).unwrap();
    assert!(room.asked().await);
    write(&file, "3");
    room.is_not_asked().await;
}

#[tokio::test]
async fn a_turned_link_is_noticed() {
    // As Kubernetes mounts a config map.
    let version = |dir: &Path, name: &str| {
        fs::create_dir(dir.join(name)).unwrap();
        write(&dir.join(name).join("config.yaml"), name);
    };
    let mut room = Room::new(|dir| {
        version(dir, "v1");
        symlink("v1", dir.join("..data")).unwrap();
        symlink("..data/config.yaml", dir.join("config.yaml")).unwrap();
    });
    let dir = room.dir.path().to_owned();
    version(&dir, "v2");
    symlink("v2", dir.join("..new")).unwrap();
    fs::rename(dir.join("..new"), dir.join("..data")).unwrap();
    assert!(room.asked().await);
}

#[tokio::test]
async fn a_file_that_goes_or_breaks_is_told_once_and_so_is_its_return() {
    let mut room = Room::new(|dir| write(&dir.join("config.yaml"), "1"));
    let file = room.dir.path().join("config.yaml");
    fs::remove_file(&file).unwrap();
    assert!(!room.asked().await);
    room.is_not_asked().await;
    write(&file, "1");
    assert!(room.asked().await);
    fs::write(&file, "pools: 5").unwrap();
    assert!(!room.asked().await);
    room.is_not_asked().await;
}

#[tokio::test]
async fn what_is_no_file_is_left_alone() {
    let mut room = Room::new(|dir| write(&dir.join("config.yaml"), "1"));
    let file = room.dir.path().join("config.yaml");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    room.is_not_asked().await;
}
