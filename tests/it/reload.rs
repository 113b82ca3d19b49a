//! Another config while traffic flows: nobody loses anything, and what cannot be put in force changes nothing.

use std::fmt::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use crate::support::client::Client;
use crate::support::eventually;
use crate::support::keel::{Keel, pool};
use crate::support::script::{Gate, held_midway, ok, switches_protocols};
use crate::support::upstream::{Upstream, upstream};

const GET: &str = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";
const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nhost: test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";

/// Reloads, most of them by a signal.
const RELOADS: usize = 200;

/// One of so many configs over these backends. Of each dozen some are not valid.
fn version(n: usize, web: &[Upstream], long: &Upstream, chat: &Upstream) -> String {
    let [a, b, c] = [0, 1, 2].map(|index| web[index].url());
    let strategy = ["least_connections", "round_robin", "power_of_two", "consistent_hash"][n % 4];
    let mut text = format!("# {n}\npools:\n  - name: web\n    strategy: {strategy}\n");
    let backends = match n % 12 {
        0 => format!("[{{name: a, url: \"{a}\"}}, {{name: b, url: \"{b}\"}}, {{name: c, url: \"{c}\"}}]"),
        1 => format!("[{{name: a, url: \"{a}\"}}]"),
        2 => format!("[{{name: a, url: \"{b}\"}}, {{name: b, url: \"{a}\"}}]"),
        3 => format!("[{{name: b, url: \"{b}\", weight: 5}}, {{name: d, url: \"{c}\", max_in_flight: 3}}]"),
        4 => "[".to_owned(),
        5 => "[{name: a, url: 7}]".to_owned(),
        _ => format!("[{{name: c, url: \"{c}\", weight: {}}}, {{name: a, url: \"{a}\"}}]", 1 + n % 5),
    };
    writeln!(
        text,
        "    retry: {{attempts: 0}}\n    health_check: {}",
        if n.is_multiple_of(5) { "{interval: 1s}" } else { "null" }
    )
    .unwrap();
    writeln!(text, "    backends: {backends}").unwrap();
    // Now and then there is no pool any more for what runs on.
    if n % 12 != 7 {
        let (long, chat) = (long.url(), chat.url());
        writeln!(text, "  - {{name: long, path_prefix: /long, health_check: null, backends: [\"{long}\"]}}").unwrap();
        writeln!(text, "  - {{name: chat, path_prefix: /ws, health_check: null, backends: [\"{chat}\"]}}").unwrap();
    }
    text
}

#[test]
fn two_hundred_reloads_lose_nothing() {
    let web = ["a", "b", "c"].map(|name| upstream(ok(name)));
    let gate = Gate::default();
    let (long, chat) = (upstream(held_midway(&gate, "first ", "last")), upstream(switches_protocols()));
    let version = |n| version(n, &web, &long, &chat);
    let keel = Keel::serve(version(0));

    let mut download = keel.client();
    download.send("GET /long HTTP/1.1\r\nhost: test\r\n\r\n").head();
    assert_eq!(download.some().unwrap(), b"first ");
    let mut talk = keel.client();
    talk.send(HANDSHAKE).head();

    let (over, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for round in 0..4 {
            let (keel, over, served) = (&keel, &over, &served);
            scope.spawn(move || {
                let mut kept = keel.client();
                while !over.load(Relaxed) {
                    // Two keep their connection, two come anew each time.
                    let mut fresh = (round % 2 == 1).then(|| keel.client());
                    let response = fresh.as_mut().unwrap_or(&mut kept).get("/");
                    assert_eq!((response.status, response.body.len()), (200, 1));
                    served.fetch_add(1, Relaxed);
                }
            });
        }
        let stop = Stop(&over);
        for n in 1..=RELOADS {
            let noticed = || keel.lines().into_iter().filter(|line| line.contains("by file")).collect::<Vec<_>>();
            let before = noticed().len();
            keel.rewrite(version(n));
            let outcome = if n.is_multiple_of(20) {
                eventually("the change to be noticed", || noticed().get(before).cloned())
            } else {
                keel.reload()
            };
            let invalid = matches!(n % 12, 4 | 5);
            assert_eq!(outcome.contains("config not reloaded"), invalid, "{n}: {outcome}");
            assert!(!invalid || outcome.contains("config.yaml:"), "{outcome}");
            talk.send("hello");
            talk.hear("hello");
            let before = served.load(Relaxed);
            eventually("traffic", || (served.load(Relaxed) > before + 4).then_some(()));
        }
        drop(stop);
    });

    gate.open();
    assert_eq!(download.some().unwrap(), b"last");
    talk.finish();
    assert!(talk.is_at_end());
    keel.comes_to_rest();
    assert!(!keel.lines().iter().any(|line| line.contains("answered") || line.contains("panicked")), "{:#?}", keel.lines());
}

/// Ends the traffic, also when a check fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[test]
fn a_change_of_the_file_is_enough() {
    let (first, second) = (upstream(ok("first")), upstream(ok("second")));
    let keel = Keel::serve(pool(&[&first]));
    assert_eq!(keel.get("/").text(), "first");
    keel.rewrite(pool(&[&second]));
    keel.line("config reloaded by file: 1 added, 1 removed");
    assert_eq!(keel.get("/").text(), "second");

    keel.rewrite("pools: [{name: web, backend: []}]");
    let refused = keel.line("config not reloaded, asked by file");
    assert!(refused.contains("config.yaml:4:21  pools[0].backend: unknown key; did you mean backends?"), "{refused}");
    assert_eq!(keel.get("/").text(), "second");
    let state = keel.snapshot().config.unwrap();
    assert!(state.file.ends_with("config.yaml") && state.problem.unwrap().contains("pools[0].backends: missing"));
    keel.rewrite(pool(&[&second]));
    eventually("the file to be as what runs", || keel.snapshot().config.unwrap().problem.is_none().then_some(()));
}

#[test]
fn what_runs_at_a_removed_backend_may_finish() {
    let gate = Gate::default();
    let (leaving, staying) = (upstream(held_midway(&gate, "first ", "last")), upstream(ok("ok")));
    let keel = Keel::serve(pool(&[&leaving]));
    let mut client = keel.client();
    client.send(GET).head();
    assert_eq!(client.some().unwrap(), b"first ");
    keel.rewrite(pool(&[&staying]));
    keel.reload();
    let id = keel.line("removed from the config: 1 in flight");
    assert!(id.contains(&leaving.url()), "{id}");
    assert_eq!(keel.get("/").text(), "ok");
    assert_eq!(keel.snapshot().pools[0].in_flight, 1);
    gate.open();
    assert_eq!(client.some().unwrap(), b"last");
    keel.line("drained: nothing in flight");
    assert_eq!(client.get("/").text(), "ok");
}

#[test]
fn listeners_come_and_go() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]));
    let mut kept = keel.client();
    assert_eq!(kept.get("/").text(), "ok");
    // A port that was free a moment ago.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    keel.rewrite_on(&format!("[\"127.0.0.1:0\", \"{other}\"]"), pool(&[&backend]));
    assert!(keel.reload().contains("1 added"));
    assert_eq!(Client::to(other).get("/").text(), "ok");
    assert_eq!(keel.get("/").text(), "ok");
    keel.rewrite_on(&other.to_string(), pool(&[&backend]));
    assert!(keel.reload().contains("1 removed"));
    eventually("the old address to be free", || TcpStream::connect(keel.address).is_err().then_some(()));
    assert_eq!(kept.get("/").text(), "ok", "an open connection goes on");
    assert_eq!(Client::to(other).get("/").text(), "ok");
}

#[test]
fn what_waits_for_room_gets_it_from_a_new_backend() {
    let gate = Gate::default();
    let (full, room) = (upstream(held_midway(&gate, "first ", "last")), upstream(ok("ok")));
    let limited = |more: &str| {
        let full = full.url();
        format!(
            "pools:\n  - name: web\n    health_check: null\n    queue: {{timeout: 1h}}\n    \
             backends: [{{name: full, url: \"{full}\", max_in_flight: 1}}{more}]\n"
        )
    };
    let keel = Keel::serve(limited(""));
    let mut first = keel.client();
    first.send(GET).head();
    let mut second = keel.client();
    second.send(GET);
    eventually("one that waits", || (keel.snapshot().pools[0].queued == 1).then_some(()));
    keel.rewrite(limited(&format!(", {{name: room, url: \"{}\"}}", room.url())));
    keel.reload();
    assert_eq!(second.response().text(), "ok");
    gate.open();
}
