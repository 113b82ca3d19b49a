use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;
use crate::balance::backend::BackendId;

const TIMEOUT: Duration = Duration::from_millis(200);

fn spec(port: u16) -> Spec {
    let id = BackendId::new("web", "a");
    Spec { id, host: "127.0.0.1".into(), port, weight: 1, max_in_flight: None, backup: false }
}

fn check(kind: CheckKind) -> HealthCheck {
    HealthCheck { kind, timeout: TIMEOUT, ..HealthCheck::default() }
}

fn http() -> HealthCheck {
    check(CheckKind::Http { path: "/health?deep".into(), expect_status: vec![(200, 399), (404, 404)] })
}

/// Checks a server that takes one connection, reads one request and answers with these bytes; returns the request too.
async fn answered(bytes: &'static [u8]) -> (String, String) {
    let (finding, request) = found(bytes).await;
    (finding.to_string(), request)
}

async fn found(bytes: &'static [u8]) -> (Finding, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 1024];
        let length = stream.read(&mut request).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        String::from_utf8(request[..length].to_vec()).unwrap()
    });
    let finding = probe(&spec(port), &http()).await;
    let request = server.await.unwrap();
    assert_eq!(finding.passed(), finding.result.is_ok());
    (finding, request.replace(&port.to_string(), "PORT"))
}

#[tokio::test]
async fn a_check_asks_like_this() {
    let (finding, request) = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert!(finding.starts_with("200 in "), "{finding}");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        request,
        format!(
            "GET /health?deep HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nUser-Agent: evenkeel/{version}\r\nConnection: close\r\n\r\n"
        )
    );
}

#[tokio::test]
async fn reasons_are_words() {
    let cases: [(&[u8], &str); 4] = [
        (b"HTTP/1.1 503 Down\r\n\r\n", "503, want 200-399, 404"),
        (b"", "closed without an answer"),
        (b"220 smtp.example ESMTP\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nCut: sho", "not HTTP"),
    ];
    for (bytes, reason) in cases {
        assert_eq!(answered(bytes).await.0, reason);
    }
}

#[tokio::test]
async fn the_body_of_a_wrong_answer_is_kept() {
    let cases: [(&[u8], Option<&str>); 3] = [
        (b"HTTP/1.1 503 Down\r\nContent-Length: 11\r\n\r\nno database", Some("no database")),
        (b"HTTP/1.1 503 Down\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine", None),
    ];
    for (bytes, body) in cases {
        assert_eq!(found(bytes).await.0.body.as_deref(), body);
    }
}

#[tokio::test]
async fn an_endless_head_is_given_up() {
    let head = format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(17 * 1024));
    assert_eq!(answered(head.leak().as_bytes()).await.0, "the answer's head is too large");
}

#[tokio::test]
async fn nobody_listening_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    assert_eq!(probe(&spec(port), &http()).await.to_string(), "refused");
    assert_eq!(probe(&spec(port), &check(CheckKind::Tcp)).await.to_string(), "refused");
}

#[tokio::test]
async fn silence_times_out_for_http_and_passes_for_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(probe(&spec(port), &http()).await.to_string(), "timeout after 200ms");
    let finding = probe(&spec(port), &check(CheckKind::Tcp)).await;
    assert!(finding.to_string().starts_with("connected in "), "{finding}");
}

#[test]
fn latency_is_told_in_whole_milliseconds() {
    let told = |us| Finding { result: Ok(Passed::Status(200)), took: Duration::from_micros(us), body: None }.to_string();
    assert_eq!([told(300), told(1000), told(3900)], ["200 in <1 ms", "200 in 1 ms", "200 in 3 ms"]);
}
