use super::*;
use crate::balance::backend::Mode;

const STATE: &str = "/api/v1/pools/web/backends/api-1/state";
const WEIGHT: &str = "/api/v1/pools/web/backends/api-1/weight";
const STRATEGY: &str = "/api/v1/pools/web/strategy";

fn done(text: &str) -> (u16, String) {
    (200, text.to_owned())
}

#[tokio::test]
async fn every_change_is_one_command() {
    let admin = Admin::on_loopback().await;
    let drain = r#"{"state": "drain", "for": "1m30s", "reason": "deploy 12"}"#;
    assert_eq!(admin.change("PUT", STATE, drain).await, done("web/api-1 up -> drain"));
    assert_eq!(admin.last_event(), "web 2 -> 1 of 2 eligible");
    let told: Vec<_> = admin.bus.after(0).events.iter().map(|stamped| stamped.event.to_string()).collect();
    assert_eq!(told[0], "web/api-1 up -> drain by api:127.0.0.1, 0 in flight, for 1m30s: deploy 12");
    assert_eq!(admin.change("PUT", STATE, r#"{"state": "up"}"#).await, done("web/api-1 drain -> up"));
    assert_eq!(admin.change("PUT", WEIGHT, r#"{"weight": 5}"#).await, done("web/api-1 weight 1 -> 5"));
    assert_eq!(admin.change("PUT", WEIGHT, r#"{"weight": null}"#).await, done("web/api-1 weight 5 -> 1"));
    assert_eq!(admin.change("PUT", STRATEGY, r#"{"strategy": "random"}"#).await, done("web strategy round_robin -> random"));
    assert_eq!(admin.change("POST", "/api/v1/undo", "").await, done("web strategy random -> round_robin"));
    assert_eq!(admin.change("POST", "/api/v1/redo", "{}").await, done("web strategy round_robin -> random"));
    assert_eq!(admin.change("PUT", STRATEGY, r#"{"strategy": null}"#).await, done("web strategy random -> round_robin"));
}

#[tokio::test]
async fn names_in_the_path_are_decoded() {
    let admin = Admin::on_loopback().await;
    let path = STATE.replace("web", "%77eb").replace("api-1", "api%2D1");
    assert_eq!(admin.change("PUT", &path, r#"{"state": "drain"}"#).await, done("web/api-1 up -> drain"));
    let broken = admin.change("PUT", &STATE.replace("web", "%ff"), r#"{"state": "drain"}"#).await;
    assert_eq!(broken, (400, "bad_request".into()));
}

#[tokio::test]
async fn authors_have_names() {
    let admin = Admin::on_loopback().await;
    let ask = async |author, body| admin.call("PUT", WEIGHT, &[("x-evenkeel-origin", author)], body).await.gist();
    ask("cli:alice", r#"{"weight": 2}"#).await;
    assert_eq!(admin.last_event(), "web/api-1 weight 1 -> 2 by cli:alice");
    ask("attach:alice@host", r#"{"weight": 3}"#).await;
    assert_eq!(admin.last_event(), "web/api-1 weight 2 -> 3 by attach:alice@host");
    for nobody in ["dashboard", "api:10.0.0.1", "signal", "cli:", "cli:a b", "alice"] {
        assert_eq!(ask(nobody, r#"{"weight": 4}"#).await, (400, "bad_request".into()), "{nobody}");
    }
    assert_eq!(admin.change("POST", "/api/v1/undo", "").await, (409, "nothing_to_undo".into()), "their change, not ours");
}

#[tokio::test]
async fn refusals_have_codes_and_change_nothing() {
    let admin = Admin::on_loopback().await;
    let long = format!(r#"{{"state": "drain", "reason": "{}"}}"#, "a".repeat(201));
    let unknown = STATE.replace("api-1", "api1");
    for (method, path, body, status, code) in [
        ("PUT", STATE, r#"{"state": "dwon"}"#, 400, "bad_request"),
        ("PUT", STATE, r#"{"state": "drain", "froce": true}"#, 400, "bad_request"),
        ("PUT", STATE, r#"{"state": "drain", "cut": true}"#, 400, "bad_request"),
        ("PUT", STATE, r#"{"state": "drain", "for": "10"}"#, 400, "bad_request"),
        ("PUT", STATE, &long, 400, "bad_request"),
        ("PUT", STATE, "", 400, "bad_request"),
        ("PUT", STATE, "[]", 400, "bad_request"),
        ("PUT", WEIGHT, "[null, null]", 400, "bad_request"),
        ("PUT", WEIGHT, r#"{"weight": 257}"#, 400, "bad_request"),
        ("PUT", WEIGHT, "{}", 400, "bad_request"),
        ("PUT", &unknown, r#"{"state": "drain"}"#, 404, "no_backend"),
        ("PUT", "/api/v1/pools/wbe/strategy", r#"{"strategy": null}"#, 404, "no_pool"),
        ("POST", "/api/v1/undo", "", 409, "nothing_to_undo"),
        ("POST", "/api/v1/redo", "", 409, "nothing_to_redo"),
        ("POST", "/api/v1/undo", "no", 400, "bad_request"),
        ("POST", "/api/v1/reload", "", 422, "not_reloaded"),
        ("GET", "/api/v1/undo", "", 405, "method_not_allowed"),
        ("GET", STATE, "", 405, "method_not_allowed"),
        ("POST", STATE, r#"{"state": "drain"}"#, 405, "method_not_allowed"),
    ] {
        assert_eq!(admin.change(method, path, body).await, (status, code.to_owned()), "{method} {path} {body}");
    }
    assert!(admin.pool.backends().iter().all(|backend| backend.live.mode() == Mode::Up));
    let answer = admin.call("PUT", &unknown, &[], r#"{"state": "drain"}"#).await;
    assert_eq!(answer.message(), "there is no backend web/api1; did you mean web/api-1?");
    let answer = admin.call("PUT", "/api/v1/pools/webs/strategy", &[], r#"{"strategy": null}"#).await;
    assert_eq!(answer.message(), "there is no pool webs; did you mean web?");
}

#[tokio::test]
async fn the_last_one_goes_by_force_only() {
    let admin = Admin::on_loopback().await;
    let other = STATE.replace("api-1", "api-2");
    admin.change("PUT", &other, r#"{"state": "down"}"#).await;
    assert_eq!(admin.change("PUT", STATE, r#"{"state": "down"}"#).await, (409, "last_eligible".into()));
    let forced = admin.change("PUT", STATE, r#"{"state": "down", "force": true, "cut": true}"#).await;
    assert_eq!(forced, done("web/api-1 up -> down"));
}

#[tokio::test]
async fn undo_refuses_when_the_world_has_moved_on() {
    let admin = Admin::on_loopback().await;
    admin.change("PUT", WEIGHT, r#"{"weight": 2}"#).await;
    admin.call("PUT", WEIGHT, &[("x-evenkeel-origin", "cli:bob")], r#"{"weight": 3}"#).await;
    let answer = admin.call("POST", "/api/v1/undo", &[], "").await;
    assert_eq!(answer.gist(), (409, "moved_on".into()));
    assert!(answer.message().ends_with("by cli:bob"), "{}", answer.message());
}

#[tokio::test]
async fn a_body_is_bounded_in_size() {
    let admin = Admin::on_loopback().await;
    let large = format!(r#"{{"state": "drain"{}}}"#, " ".repeat(64 << 10));
    assert_eq!(admin.change("PUT", STATE, &large).await, (413, "too_large".into()));
    assert_eq!(admin.last_event(), "admin API refused a call from 127.0.0.1: too_large");
    assert_eq!(admin.pool.backends()[0].live.mode(), Mode::Up);
}

#[tokio::test(start_paused = true)]
async fn a_body_is_bounded_in_time() {
    let admin = Admin::on_loopback().await;
    let mut stream = admin.connect().await;
    let request = format!("PUT {STATE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 99\r\n\r\n{{");
    stream.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(read(stream).await.gist(), (408, "timeout".into()));
}
