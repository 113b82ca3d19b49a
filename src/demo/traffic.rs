//! Traffic for the demo: clients that arrive independently of each other, at a rate that swings.

use std::f64::consts::TAU;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::dice::Dice;

/// Length of one swing.
const PERIOD: Duration = Duration::from_secs(40);

/// How far the rate swings, as a part of its average.
const SWING: f64 = 2.0 / 3.0;

/// Most requests under way at once; arrivals beyond them turn back.
const CROWD: u32 = 512;

/// After this a client gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Distinct items that are asked for.
const ITEMS: u64 = 500;

/// Clients of one proxy.
#[derive(Debug)]
pub struct Traffic {
    proxy: SocketAddr,
    average: f64,
    dice: Dice,
    room: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Traffic {
    /// Clients that send `average` requests per second, which is greater than 0.
    pub fn new(proxy: SocketAddr, average: f64, seed: u64) -> Self {
        Self { proxy, average, dice: Dice::new(seed), room: Arc::new(Semaphore::new(CROWD as usize)), idle: Arc::default() }
    }

    /// Sends until `stop`, then waits for the answers under way.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.keep_arriving()).await;
        let _ = self.room.acquire_many(CROWD).await;
    }

    /// Nobody waits for the answer to the one before.
    async fn keep_arriving(&self) {
        let start = Instant::now();
        let mut next = start;
        loop {
            let gap = self.dice.exponential(1.0 / rate(self.average, next - start));
            // What a stopped process has missed is not made up for.
            next = (next + Duration::from_secs_f64(gap)).max(Instant::now().checked_sub(Duration::from_secs(1)).unwrap_or(start));
            sleep_until(next).await;
            self.arrive();
        }
    }

    fn arrive(&self) {
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else { return };
        let path = if self.dice.chance(0.2) { "/".to_owned() } else { format!("/items/{}", self.dice.below(ITEMS)) };
        let (proxy, idle) = (self.proxy, Arc::clone(&self.idle));
        tokio::spawn(async move {
            let _place = place;
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            if let Ok(Ok(Some(connection))) = timeout(PATIENCE, visit(kept, proxy, &path)).await {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
        });
    }
}

/// Requests per second at this time.
fn rate(average: f64, elapsed: Duration) -> f64 {
    average * (1.0 + SWING * (TAU * elapsed.as_secs_f64() / PERIOD.as_secs_f64()).sin())
}

/// One request and its answer; gives the connection back if it can carry another one.
async fn visit(kept: Option<Connection>, proxy: SocketAddr, path: &str) -> io::Result<Option<Connection>> {
    let mut connection = match kept {
        Some(connection) => connection,
        None => Connection::open(proxy).await?,
    };
    Ok(connection.get(path).await?.then_some(connection))
}

/// A kept-alive client connection that understands as much of HTTP/1.1 as the demo speaks.
#[derive(Debug)]
struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    async fn open(proxy: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(proxy).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a request and reads its answer; whether the connection can be used again.
    async fn get(&mut self, path: &str) -> io::Result<bool> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: demo\r\nuser-agent: evenkeel-demo\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await?;

        let (mut length, mut close) = (None, false);
        let mut line = String::new();
        loop {
            line.clear();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.trim_end().is_empty() {
                break;
            }
            let Some((name, value)) = line.split_once(':') else { continue };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse::<u64>().ok();
            } else if name.eq_ignore_ascii_case("connection") {
                close = value.trim().eq_ignore_ascii_case("close");
            }
        }
        // Without a length the end of the answer is the end of the connection, or this client does not see it.
        let Some(length) = length else { return Ok(false) };
        let mut body = (&mut self.stream).take(length);
        let read = tokio::io::copy_buf(&mut body, &mut tokio::io::sink()).await?;
        Ok(read == length && !close)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What a client makes of this answer: whether it would use the connection again, if the answer is whole.
    async fn judged(answer: &str) -> io::Result<bool> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = Connection::open(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        server.write_all(answer.as_bytes()).await.unwrap();
        server.shutdown().await.unwrap();
        client.get("/").await
    }

    #[tokio::test]
    async fn connections_are_kept_when_the_answer_allows() {
        assert!(judged("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes").await.unwrap());
        assert!(!judged("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: Close\r\n\r\nno").await.unwrap());
        assert!(!judged("HTTP/1.1 200 OK\r\n\r\nto the end").await.unwrap());
        assert!(!judged("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbroken").await.unwrap());
        judged("HTTP/1.1 200 OK\r\n").await.unwrap_err();
    }

    #[test]
    fn the_rate_swings_around_its_average() {
        let at = |seconds| rate(360.0, Duration::from_secs(seconds)).round();
        let swing = [at(0), at(10), at(20), at(30), at(40)].map(f64::round);
        assert!(swing.iter().zip([360.0, 600.0, 360.0, 120.0, 360.0]).all(|(a, b)| (a - b).abs() < 1e-9), "{swing:?}");
    }
}
