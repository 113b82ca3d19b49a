//! The admin API.

use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::eventually;
use crate::support::keel::{Keel, pool};
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
