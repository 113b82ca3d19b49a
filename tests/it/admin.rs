//! The admin API.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::eventually;
use crate::support::keel::{BINARY, Keel, collect, config_dir, pool, run};
use crate::support::script::ok;
use crate::support::upstream::upstream;

fn json(keel: &Keel, path: &str) -> Value {
    let response = keel.ask_admin(path);
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    assert_eq!(response.head.get("content-type"), Some("application/json"));
    serde_json::from_slice(&response.body).unwrap()
}

#[test]
fn alive_and_ready() {
    let backend = upstream(ok("ok"));
    let check = "{type: tcp, interval: 100ms, timeout: 100ms, rise: 1, fall: 1}";
    let keel = Keel::serve(pool(&[&backend]).set("health_check", check));
    assert_eq!(keel.ask_admin("/healthz").status, 200);
    backend.dies();
    eventually("not ready without a backend", || (keel.ask_admin("/readyz").status == 503).then_some(()));
    assert_eq!(keel.ask_admin("/healthz").status, 200, "alive all the same");
    backend.comes_back();
    eventually("ready again", || (keel.ask_admin("/readyz").status == 200).then_some(()));
}

#[test]
fn the_report_is_exact() {
    let (up, down) = (upstream(ok("ok")), upstream(ok("ok")));
    down.dies();
    let check = "{type: tcp, interval: 100ms, timeout: 100ms, rise: 1, fall: 1}";
    let keel = Keel::serve(format!(
        "pools:\n  - name: api\n    hosts: [api.example.com]\n    health_check: {check}\n    backends: [\"{}\", \"{}\"]\n",
        up.url(),
        down.url()
    ));
    let expected = json!({"apps": [{"host": "api.example.com", "instances": [
        {"url": up.url(), "healthy": true},
        {"url": down.url(), "healthy": false},
    ]}]});
    eventually("the report", || (json(&keel, "/api/v1/loadBalancers/report") == expected).then_some(()));
}

#[test]
fn the_snapshot_tells_what_happened() {
    let backend = upstream(ok("four"));
    let keel = Keel::serve(pool(&[&backend]));
    let mut client = keel.client();
    for _ in 0..3 {
        client.get("/");
    }
    assert_eq!(client.send("GET / HTTP/1.1\r\n\r\n").response().status, 400);
    keel.comes_to_rest();
    let snapshot = keel.snapshot();
    assert_eq!(snapshot.listen, [keel.address.to_string()]);
    assert_eq!(snapshot.workers, 2);
    assert_eq!(snapshot.version, env!("CARGO_PKG_VERSION"));
    let view = keel.view(&backend);
    assert_eq!(view.requests_total, 3);
    assert_eq!(view.id.to_string(), format!("web/{}", backend.name()));
    eventually("three answers in the window", || (keel.view(&backend).windows[0].requests == 3).then_some(()));
    let window = &keel.view(&backend).windows[0];
    assert_eq!(window.classes, [0, 3, 0, 0, 0]);
    assert_eq!(window.bytes_out, 12);
    assert!(window.p50_us.is_some());
}

#[test]
fn what_is_not_there_is_404_and_what_may_not_be_done_is_405() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]));
    let missing = keel.ask_admin("/api/v1/nothing");
    assert_eq!(missing.status, 404);
    let request = format!("DELETE /api/v1/snapshot HTTP/1.1\r\nhost: {}\r\n\r\n", keel.admin);
    assert_eq!(Client::to(keel.admin).send(request).response().status, 405);
}

#[test]
fn a_foreign_host_is_refused() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]));
    for (host, welcome) in [
        (keel.admin.to_string(), true),
        (format!("localhost:{}", keel.admin.port()), true),
        ("rebound.example.com".to_owned(), false),
        (format!("rebound.example.com:{}", keel.admin.port()), false),
    ] {
        let request = format!("GET /api/v1/snapshot HTTP/1.1\r\nhost: {host}\r\n\r\n");
        let status = Client::to(keel.admin).send(request).response().status;
        assert_eq!(status == 200, welcome, "{host}: {status}");
    }
}

/// Status and JSON of a call that brings a body along.
fn call(keel: &Keel, method: &str, path: &str, body: &str) -> (u16, Value) {
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {length}\r\n\r\n", keel.admin);
    let response = Client::to(keel.admin).send(head + body).response();
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

#[test]
fn a_change_is_done_told_and_undone() {
    let (a, b) = (upstream(ok("a")), upstream(ok("b")));
    let keel = Keel::serve(pool(&[&a, &b]));
    let state = format!("/api/v1/pools/web/backends/{}/state", a.name().replace(':', "%3A"));
    let (status, applied) = call(&keel, "PUT", &state, r#"{"state": "drain", "reason": "deploy 12"}"#);
    assert_eq!((status, applied), (200, json!({"applied": format!("web/{} up -> drain", a.name())})));
    assert_eq!(keel.get("/").text(), "b");
    keel.line(&format!("web/{} up -> drain by api:127.0.0.1, 0 in flight: deploy 12", a.name()));
    let (status, error) = call(&keel, "PUT", &state.replace(&a.name().replace(':', "%3A"), &b.name()), r#"{"state": "down"}"#);
    assert_eq!((status, &error["error"]["code"]), (409, &json!("last_eligible")));
    assert_eq!(call(&keel, "POST", "/api/v1/undo", "").0, 200);
    eventually("back", || (keel.get("/").text() == "a").then_some(()));
}

#[test]
fn events_are_streamed_with_what_came_before() {
    let (a, b) = (upstream(ok("a")), upstream(ok("b")));
    let mut keel = Keel::serve(pool(&[&a, &b]));
    let mut stream = TcpStream::connect(keel.admin).unwrap();
    let request = format!("GET /api/v1/events?since=0 HTTP/1.1\r\nhost: {}\r\n\r\n", keel.admin);
    stream.write_all(request.as_bytes()).unwrap();
    let lines = collect(stream);
    let hears = |what: &str| {
        eventually(what, || lines.lock().unwrap().iter().find(|line| line.contains(what)).cloned());
    };
    hears("event: admin_listening");
    call(&keel, "PUT", "/api/v1/pools/web/strategy", r#"{"strategy": "random"}"#);
    hears(r#""text":"web strategy least_connections -> random by api:127.0.0.1""#);
    keel.signal(Signal::TERM);
    hears("event: shutdown_ended");
    assert_eq!(keel.exit_code(), Some(0));
}

#[test]
fn a_backend_that_is_down_is_explained() {
    let (up, down) = (upstream(ok("up")), upstream(ok("down")));
    down.dies();
    let check = "{path: /, interval: 100ms, timeout: 100ms, rise: 1, fall: 1}";
    let keel = Keel::serve(pool(&[&up, &down]).set("health_check", check));
    let pool = eventually("unhealthy", || {
        let explanation = json(&keel, "/api/v1/explain?method=POST&url=http%3A%2F%2Fanything%2Fpath");
        (explanation["pool"]["excluded"][0]["eligibility"] == "unhealthy").then(|| explanation["pool"].clone())
    });
    assert_eq!(pool["pick"]["backend"], json!(up.name()));
    assert_eq!(pool["excluded"][0]["checks"][0]["detail"], "refused");
}

#[test]
fn an_address_for_others_needs_a_token() {
    let backend = upstream(ok("ok"));
    let rest = pool(&[&backend]).to_string();
    let (_dir, path) = config_dir("0.0.0.0:0", &rest);
    let refused = run(&["check", "-c", path.to_str().unwrap()]);
    assert_eq!(refused.code, Some(2));
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("admin.listen: 0.0.0.0:0 can be reached from other machines; write token_file"), "{said}");

    let (dir, path) = config_dir("0.0.0.0:0\", token_file: \"DIR/token", &rest);
    let token = dir.path().join("token");
    fs::write(&token, "open-sesame-open-sesame\n").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let keel = Keel::spawn(Command::new(BINARY).arg("serve").arg("-c").arg(path), dir);
    let port = keel.admin.port();
    let ask = |authorization: &str| {
        let request = format!("GET /api/v1/snapshot HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{authorization}\r\n");
        Client::to(([127, 0, 0, 1], port).into()).send(request).response().status
    };
    assert_eq!(ask(""), 401);
    assert_eq!(ask("authorization: Bearer open-sesame-open-sesamf\r\n"), 401);
    assert_eq!(ask("authorization: Bearer open-sesame-open-sesame\r\n"), 200);
    keel.line("admin API refused a call from 127.0.0.1: unauthorized");
    assert!(keel.lines().iter().all(|line| !line.contains("sesame")));
}
