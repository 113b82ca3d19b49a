//! The admin API's connections: so many at a time, none for ever in a request's head, and a short farewell at the end.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;

use super::caller::Peer;
use super::listen::Bound;

/// Connections at a time; more wait.
const CONNECTIONS: usize = 256;
/// Until a request's head is complete, and between the requests of a connection.
const HEAD: Duration = Duration::from_secs(30);
/// How long answers under way may take once the API stops.
const FAREWELL: Duration = Duration::from_millis(500);
/// Before the next try when no connection could be accepted.
const SHORTAGE: Duration = Duration::from_millis(100);

/// Either kind of connection.
type Stream = Either<TcpStream, UnixStream>;

impl Bound {
    async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                let here = stream.local_addr()?;
                Ok((Either::Left(stream), Peer::tcp(from.ip(), here.ip())))
            }
            Self::Unix(listener, _) => Ok((Either::Right(listener.accept().await?.0), Peer::Unix)),
        }
    }
}

/// Serves until `stop`; then what is under way may finish within half a second.
pub(super) async fn run(bound: Bound, router: Router, stop: CancellationToken) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let seat = Arc::clone(&seats).acquire_owned().await;
            (seat, bound.accept().await)
        };
        tokio::select! {
            (seat, accepted) = next => match accepted {
                Ok((stream, peer)) => {
                    let served = serve(stream, router.clone().layer(Extension(peer)), stop.clone());
                    connections.spawn(async move {
                        let _seat = seat;
                        served.await;
                    });
                }
                // Too many files are open, or the caller has left already.
                Err(_) => sleep(SHORTAGE).await,
            },
            Some(_) = connections.join_next() => {}
            () = stop.cancelled() => break,
        }
    }
    drop(bound);
    let farewell = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(FAREWELL, farewell).await;
}

async fn serve(stream: Stream, router: Router, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    // An error is a caller that has left, or sends what is no HTTP and has been told.
    tokio::select! {
        _ = &mut connection => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
