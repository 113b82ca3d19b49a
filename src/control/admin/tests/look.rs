use super::*;
use crate::balance::backend::Mode;

#[tokio::test]
async fn readiness_follows_the_phase_and_the_backends() {
    let admin = Admin::on_loopback().await;
    assert_eq!(admin.get("/readyz").await, (503, "starting\n".into()));
    admin.phase.set_serving();
    assert_eq!(admin.get("/readyz").await, (200, "ready\n".into()));
    admin.pool.backends().iter().for_each(|backend| backend.live.set_mode(Mode::Down));
    assert_eq!(admin.get("/readyz").await, (503, "no eligible backend\n".into()));
    admin.pool.backends()[0].live.set_mode(Mode::Up);
    admin.shutdown.begin(1000);
    assert_eq!(admin.get("/readyz").await, (503, "draining\n".into()));
    assert_eq!(admin.get("/healthz").await, (200, "ok\n".into()));
}

#[tokio::test]
async fn the_snapshot_is_json() {
    let admin = Admin::on_loopback().await;
    let (status, body) = admin.get("/api/v1/snapshot").await;
    let snapshot: Snapshot = serde_json::from_str(&body).unwrap();
    assert_eq!((status, snapshot.version.as_str()), (200, env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn errors_are_json() {
    let admin = Admin::on_loopback().await;
    let not_found = r#"{"error":{"code":"not_found","message":"there is nothing here"}}"#;
    assert_eq!(admin.get("/api/v2").await, (404, not_found.into()));
    let answer = admin.call("DELETE", "/api/v1/snapshot", &[("host", "localhost")], "").await;
    assert_eq!(answer.gist(), (405, "method_not_allowed".into()));
    assert!(answer.head.contains("\r\nallow: get,head"), "{}", answer.head);
}

#[tokio::test]
async fn an_explanation_takes_nobodys_turn() {
    let admin = Admin::on_loopback().await;
    let path = "/api/v1/explain?url=http%3A%2F%2Fa.org%2Fx&client=10.0.0.1";
    let picks = async || {
        let (status, body) = admin.get(path).await;
        assert_eq!(status, 200, "{body}");
        let explanation: crate::explain::Explanation = serde_json::from_str(&body).unwrap();
        explanation.pool.unwrap().pick.unwrap().to_string()
    };
    let first = picks().await;
    assert_eq!((picks().await, picks().await), (first.clone(), first));
    for query in ["", "?url=x", "?url=http://a&url=http://b", "?url=http://a&clinet=1", "?url=http://a&client=x"] {
        let (status, body) = admin.get(&format!("/api/v1/explain{query}")).await;
        assert_eq!(status, 400, "{query}: {body}");
    }
}

#[tokio::test]
async fn the_description_has_every_route_and_what_they_say() {
    let admin = Admin::on_loopback().await;
    let (status, body) = admin.get("/openapi.json").await;
    assert_eq!(status, 200);
    let document: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let mut outline = String::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses: Vec<_> = operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            writeln!(outline, "{method} {path}: {}", responses.join(" ")).unwrap();
            // Whatever is described is there.
            let answer = admin.call("TRACE", &path.replace(['{', '}'], ""), &[("host", "localhost")], "").await;
            let allow = answer.head.lines().find_map(|line| line.strip_prefix("allow: ")).unwrap_or_default().to_owned();
            assert!(allow.split(',').any(|allowed| allowed == method), "{method} {path}: {allow}");
        }
    }
    insta::assert_snapshot!(outline);
}
