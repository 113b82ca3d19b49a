use std::net::TcpListener as Reserved;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::oneshot;

use super::*;
use crate::balance::backend::{BackendId, Mode};
use crate::command::Terms;

fn client(address: Address) -> Client {
    Client::new(address, Origin::Cli("alice".into()), None)
}

/// Answers one call with these bytes and tells what it was sent.
async fn server(answer: String) -> (Client, oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        talk(stream, &answer, tell).await;
    });
    (client(Address::Tcp(address.to_string())), told)
}

async fn talk(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, answer: &str, tell: oneshot::Sender<String>) {
    let mut heard = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let n = stream.read(&mut piece).await.unwrap();
        heard.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&heard);
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        if n == 0 || body == Some(length) {
            break;
        }
    }
    let _ = tell.send(String::from_utf8(heard).unwrap());
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn drain() -> Command {
    Command::SetMode { backend: BackendId::new("web", "a"), mode: Mode::Drain, cut: false, then_down: None }
}

#[tokio::test]
async fn a_command_is_sent_in_the_callers_name_and_its_answer_understood() {
    let (client, told) = server(answer("200 OK", r#"{"applied":"web/a up -> drain","of_tomorrow":1}"#)).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("token"), "s3cret").unwrap();
    let client = Client { token: Some(Token::read(&dir.path().join("token")).unwrap()), ..client };
    assert_eq!(client.send(&drain(), &Terms::default(), false).await.unwrap(), "web/a up -> drain");
    let told = told.await.unwrap();
    let (head, body) = told.split_once("\r\n\r\n").unwrap();
    assert_eq!(head.lines().next(), Some("PUT /api/v1/pools/web/backends/a/state HTTP/1.1"));
    let host = format!("host: {}", client.address());
    for field in [&*host, "x-evenkeel-origin: cli:alice", "authorization: Bearer s3cret", "content-type: application/json"] {
        assert!(head.lines().any(|line| line == field), "{field} is not in\n{head}");
    }
    assert_eq!(body, r#"{"state":"drain"}"#);
}

#[tokio::test]
async fn a_no_is_told_in_the_instances_words() {
    let no = json!({ "error": { "code": "last_eligible", "message": "web/a is the last" } }).to_string();
    let (client, _told) = server(answer("409 Conflict", &no)).await;
    let error = client.send(&drain(), &Terms::default(), false).await.unwrap_err();
    assert_eq!((error.code(), error.to_string()), (Some("last_eligible"), "web/a is the last".to_owned()));
    let Error::Refused { status: 409, json, .. } = error else { panic!("{error:?}") };
    assert_eq!(json, no);
}

#[tokio::test]
async fn other_programs_and_broken_connections_are_told_apart() {
    for (sent, says) in [
        (answer("502 Bad Gateway", "<html>"), "(status 502)"),
        (answer("200 OK", "<html>"), "is it another version, or another program?"),
        (answer("200 OK", r#"{"applied":7}"#), "does not understand"),
        ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), "broke"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_owned(), "broke"),
        (String::new(), "broke"),
    ] {
        let (client, _told) = server(sent.clone()).await;
        let said = client.send(&drain(), &Terms::default(), false).await.unwrap_err().to_string();
        assert!(said.contains(says) && said.contains("127.0.0.1:"), "{sent:?}: {said}");
    }
}

#[tokio::test]
async fn where_nobody_listens_the_way_out_is_named() {
    let reserved = Reserved::bind("127.0.0.1:0").unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let error = client(Address::Tcp(address.to_string())).snapshot().await.unwrap_err();
    let want =
        format!("no evenkeel answers at {address}: connection refused; is it running, and is admin.listen set? (--admin ADDR)");
    assert_eq!(error.to_string(), want);
    let error = client(Address::Unix("/nowhere/ek.sock".into())).snapshot().await.unwrap_err();
    assert!(error.to_string().starts_with("no evenkeel answers at unix:/nowhere/ek.sock: no such file"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_not_waited_for_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ek.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let error = client(Address::Unix(path)).snapshot().await.unwrap_err();
    assert!(error.to_string().ends_with("has not answered within 10 s"), "{error}");
}

#[tokio::test]
async fn events_come_over_a_socket_in_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ek.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let (tell, told) = oneshot::channel();
    let note = json!({ "seq": 8, "at_unix_ms": 1, "kind": "note", "severity": "info", "text": "hm" });
    let text = format!(": hello\n\nevent: lost\ndata: {{\"lost\":2}}\n\nid: 8\nevent: note\ndata: {note}\n\n");
    let chunks = text.as_bytes().chunks(7).map(|piece| format!("{:x}\r\n{}\r\n", piece.len(), piece.escape_ascii()));
    let chunks: String = chunks.map(|chunk| chunk.replace("\\n", "\n").replace("\\\"", "\"")).collect();
    let answer = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    tokio::spawn(async move { talk(listener.accept().await.unwrap().0, &answer, tell).await });
    let mut events = client(Address::Unix(path)).events(Some(5)).await.unwrap();
    assert!(told.await.unwrap().starts_with("GET /api/v1/events?since=5 HTTP/1.1\r\nhost: localhost\r\n"));
    assert_eq!(events.next().await.unwrap().unwrap(), Heard::Lost(2));
    let Heard::Event(told) = events.next().await.unwrap().unwrap() else { panic!("an event") };
    assert_eq!((told.seq, &*told.text, told.json), (8, "hm", note.to_string()));
    assert!(events.next().await.is_none(), "the stream has ended in good order");
}
