use std::io::Read;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::demo::temper::Absence;

static AT_ONCE: Temper = Temper { median_ms: 0.0, ..Temper::STEADY };
static FAILS: Temper = Temper { errors: 1.0, ..AT_ONCE };
static BREAKS: Temper = Temper { breaks: 1.0, ..AT_ONCE };
static COMES_AND_GOES: Temper =
    Temper { absence: Some(Absence { present: Duration::from_secs(27), away: Duration::from_secs(8) }), ..AT_ONCE };

fn start(temper: &'static Temper) -> SocketAddr {
    let backend = Backend::open("b1".into(), temper, Arc::new(Dice::new(1))).unwrap();
    let address = backend.address();
    tokio::spawn(backend.serve());
    address
}

/// Everything that comes back.
async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: b1\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn steady_answers_with_its_name() {
    let address = start(&AT_ONCE);
    let answer = get(address, "/").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nb1 says hello\n"), "{answer}");
}

#[tokio::test]
async fn who_comes_early_is_not_refused() {
    let backend = Backend::open("b1".into(), &AT_ONCE, Arc::new(Dice::new(1))).unwrap();
    let mut stream = TcpStream::connect(backend.address()).await.unwrap();
    tokio::spawn(backend.serve());
    stream.write_all(b"GET / HTTP/1.1\r\nhost: b1\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("b1 says hello\n"), "{answer}");
}

#[tokio::test]
async fn flaky_fails_and_breaks_but_stays_healthy() {
    let (fails, breaks) = (start(&FAILS), start(&BREAKS));
    assert!(get(fails, "/").await.starts_with("HTTP/1.1 500 "));
    assert_eq!(get(breaks, "/").await, "");
    for address in [fails, breaks] {
        assert!(get(address, HEALTH_PATH).await.starts_with("HTTP/1.1 200 "));
    }
}

/// Connects without the runtime, so that the paused clock stands still meanwhile.
#[tokio::test(start_paused = true)]
async fn nomad_goes_away_and_comes_back_to_the_same_port() {
    let address = start(&COMES_AND_GOES);
    tokio::task::yield_now().await;
    let mut kept = std::net::TcpStream::connect(address).unwrap();

    tokio::time::advance(Duration::from_secs(28)).await;
    tokio::task::yield_now().await;
    assert_eq!(std::net::TcpStream::connect(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    kept.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    match kept.read(&mut [0]) {
        Ok(read) => assert_eq!(read, 0),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }

    tokio::time::advance(Duration::from_secs(8)).await;
    tokio::task::yield_now().await;
    std::net::TcpStream::connect(address).unwrap();
}
