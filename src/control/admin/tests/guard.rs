use super::*;

const TOKEN: &str = "open-sesame-open-sesame";

#[tokio::test]
async fn only_loopback_hosts_are_answered_over_tcp() {
    let admin = Admin::on_loopback().await;
    let ask = async |host| admin.call("GET", "/healthz", &[("host", host)], "").await;
    for host in ["localhost", "LocalHost:9900", "127.8.9.10:1", "[::1]:80"] {
        assert_eq!(ask(host).await.status, 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "10.0.0.1", "a b", ""] {
        assert_eq!(ask(host).await.gist(), (403, "host_not_allowed".into()), "{host}");
    }
    assert_eq!(admin.last_event(), "admin API refused a call from 127.0.0.1: host_not_allowed");
}

#[tokio::test]
async fn pages_from_elsewhere_are_refused() {
    let admin = Admin::on_loopback().await;
    let (path, body) = ("/api/v1/pools/web/strategy", r#"{"strategy": "random"}"#);
    let ask = async |origin| admin.call("PUT", path, &[("host", "localhost"), ("origin", origin)], body).await;
    for origin in ["http://evil.example", "https://localhost.evil.example:9900", "null", "http://10.0.0.1", "file://", ""] {
        let answer = ask(origin).await;
        assert_eq!(answer.gist(), (403, "origin_not_allowed".into()), "{origin}");
        assert!(!answer.head.contains("access-control"), "{}", answer.head);
    }
    assert_eq!(ask("http://localhost:9900").await.gist(), (200, "web strategy round_robin -> random".into()));
}

#[tokio::test]
async fn without_the_token_nothing_is_told_or_done() {
    let dir = tempfile::tempdir().unwrap();
    let admin = Admin::start(AdminListen::Tcp(LOOPBACK.parse().unwrap()), Some(token(dir.path()))).await;
    let ask = async |path: &str, authorization: &str| {
        admin.call("GET", path, &[("host", "localhost"), ("authorization", authorization)], "").await
    };
    for wrong in ["", "Bearer", "Bearer ", "Bearer open-sesame-open-sesamf", TOKEN, "Basic open-sesame-open-sesame"] {
        for path in ["/api/v1/snapshot", "/openapi.json", "/api/v1/events", "/nothing"] {
            let answer = ask(path, wrong).await;
            assert_eq!(answer.gist(), (401, "unauthorized".into()), "{path} {wrong}");
            assert!(answer.head.contains("\r\nwww-authenticate: bearer"), "{}", answer.head);
            assert!(!answer.body.contains("sesame"), "{}", answer.body);
        }
    }
    let undone = admin.change("PUT", "/api/v1/pools/web/strategy", r#"{"strategy": "random"}"#).await;
    assert_eq!(undone, (401, "unauthorized".into()));
    assert_eq!(admin.pool.strategy().name(), "round_robin");
    assert_eq!(admin.last_event(), "admin API refused a call from 127.0.0.1: unauthorized");

    assert_eq!(ask("/api/v1/snapshot", "Bearer open-sesame-open-sesame").await.status, 200);
    let described = ask("/openapi.json", "bearer  open-sesame-open-sesame").await;
    assert!(described.body.contains(r#""security":[{"token":[]}]"#), "{}", described.body);
    assert_eq!((ask("/healthz", "").await.status, ask("/readyz", "").await.status), (200, 503), "open to probes");
}
