//! Sticky sessions: a cookie keeps a client at its backend, and tells nobody anything.

use std::collections::BTreeMap;
use std::fs;

use evenkeel::clock;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::Response;
use crate::support::eventually;
use crate::support::keel::{Keel, pool};
use crate::support::script::{Gate, held, ok};
use crate::support::upstream::{Upstream, upstream};

/// Two backends, and a state file that keeps the secret of the cookies.
struct Room {
    backends: [Upstream; 2],
    dir: TempDir,
}

impl Room {
    fn new() -> Self {
        Self { backends: [upstream(ok("a")), upstream(ok("b"))], dir: tempfile::tempdir().unwrap() }
    }

    fn serve(&self, sticky: &str) -> Keel {
        let [a, b] = &self.backends;
        let file = self.dir.path().join("state.json");
        Keel::serve(format!("state_file: {}\n{}", file.display(), pool(&[a, b]).set("sticky", sticky)))
    }

    /// Has the operator drain the first backend before the next start.
    fn drain_first(&self) {
        let file = self.dir.path().join("state.json");
        let written = eventually("a state file", || fs::read_to_string(&file).ok());
        let mut content: Value = serde_json::from_str(&written).unwrap();
        let name = self.backends[0].url().replace("http://", "");
        content["overrides"] = json!([{"what": "mode", "pool": "web", "backend": name, "value": "drain",
                                       "by": "dashboard", "at_unix_ms": clock::unix_ms()}]);
        fs::write(&file, content.to_string()).unwrap();
    }
}

fn ask(keel: &Keel, cookie: Option<&str>) -> Response {
    let cookie = cookie.map(|cookie| format!("cookie: {cookie}\r\n")).unwrap_or_default();
    keel.client().send(format!("GET / HTTP/1.1\r\nhost: test\r\n{cookie}\r\n")).response()
}

/// The cookie that an answer sets, as a client sends it back.
fn set(answer: &Response) -> Option<String> {
    Some(answer.head.get("set-cookie")?.strip_suffix("; Path=/; HttpOnly; SameSite=Lax").unwrap().to_owned())
}

/// A cookie of each backend, by what the backend says.
fn cookies(keel: &Keel) -> BTreeMap<String, String> {
    (0..8).map(|_| ask(keel, None)).map(|answer| (answer.text(), set(&answer).unwrap())).collect()
}

#[test]
fn a_client_comes_back_to_its_backend() {
    let room = Room::new();
    let keel = room.serve("{cookie: lb}");
    let cookies = cookies(&keel);
    assert_eq!(cookies.len(), 2, "new clients go wherever the strategy says");
    for (backend, cookie) in &cookies {
        let name = room.backends[0].url().replace("http://", "");
        assert!(cookie.starts_with("lb=") && !cookie.contains(&name), "{cookie} tells nothing");
        for _ in 0..5 {
            let answer = ask(&keel, Some(&format!("theme=dark; {cookie}; x=y")));
            assert_eq!((&answer.text(), set(&answer)), (backend, None));
        }
    }
    let seen = room.backends.iter().flat_map(Upstream::requests);
    let seen: Vec<_> = seen.filter_map(|request| request.head.get("cookie").map(str::to_owned)).collect();
    assert_eq!(seen, ["theme=dark; x=y"; 10], "the cookie is ours alone");
}

#[test]
fn a_forged_or_stale_cookie_is_none() {
    let room = Room::new();
    let keel = room.serve("{cookie: lb}");
    let real = cookies(&keel)["a"].clone();
    let stranger = Room::new();
    let stale = cookies(&stranger.serve("{cookie: lb}"))["a"].clone();
    for cookie in ["lb=", "lb=a", &format!("{real}0"), &real.replace("lb", "LB"), &stale] {
        let answers: Vec<_> = (0..4).map(|_| ask(&keel, Some(cookie))).collect();
        assert!(answers.iter().all(|answer| answer.status == 200 && set(answer).is_some()), "{cookie}");
        assert!(answers.iter().any(|answer| answer.text() == "b"), "{cookie} chooses nobody");
    }
}

#[test]
fn a_session_stays_while_its_backend_drains_if_it_is_to() {
    for (sticky, goes_to) in [("{cookie: lb, on_drain: keep}", "a"), ("{cookie: lb, on_drain: move}", "b")] {
        let room = Room::new();
        let keel = room.serve(sticky);
        let cookies = cookies(&keel);
        room.drain_first();
        drop(keel);
        let keel = room.serve(sticky);
        let answer = ask(&keel, Some(&cookies["a"]));
        assert_eq!(answer.text(), goes_to, "the cookie outlives the process");
        assert_eq!(set(&answer), (goes_to == "b").then(|| cookies["b"].clone()));
        assert!((0..4).all(|_| ask(&keel, None).text() == "b"), "new clients go elsewhere");
    }
}

#[test]
fn a_session_moves_on_when_its_backend_fails() {
    let room = Room::new();
    let keel = room.serve("{cookie: lb}");
    let cookies = cookies(&keel);
    room.backends[0].dies();
    let answer = ask(&keel, Some(&cookies["a"]));
    assert_eq!((answer.text(), set(&answer)), ("b".to_owned(), Some(cookies["b"].clone())));
}

#[test]
fn a_session_moves_on_when_its_backend_is_full() {
    let [a, b] = [upstream(ok("a")), upstream(ok("b"))];
    let backends = format!("[{{url: \"{}\", max_in_flight: 1}}, \"{}\"]", a.url(), b.url());
    let keel =
        Keel::serve(format!("pools:\n  - {{name: web, health_check: null, sticky: {{cookie: lb}}, backends: {backends}}}\n"));
    let cookies = cookies(&keel);
    let gate = Gate::default();
    a.plays(held(&gate, "a"));
    let mut first = keel.client();
    first.send(format!("GET /first HTTP/1.1\r\nhost: test\r\ncookie: {}\r\n\r\n", cookies["a"]));
    a.wait_for("the first", |request| request.head.start_line().contains("/first"));
    let answer = ask(&keel, Some(&cookies["a"]));
    assert_eq!((answer.text(), set(&answer)), ("b".to_owned(), Some(cookies["b"].clone())));
    gate.open();
    assert_eq!(first.response().text(), "a");
}
