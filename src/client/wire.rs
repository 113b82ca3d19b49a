//! One call over one connection.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::{Address, Call, Client, Error};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(2);

/// Longest answer that is read; a snapshot of a thousand backends has about 10 MB.
const LARGEST: usize = 64 << 20;

/// The head of an answer, and the connection that its body comes over.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response<Incoming>,
    pub(super) connection: AbortOnDropHandle<()>,
}

/// Sends a call and waits for a head that says yes. A no is read to its end and becomes an error.
pub(super) async fn ask(client: &Client, call: &Call) -> Result<Answer, Error> {
    let address = &client.address;
    let (mut sender, connection) = connect(address).await?;
    let response = sender.send_request(request(client, call)?).await;
    let answer = Answer { response: response.map_err(|error| Error::broken(address, error))?, connection };
    if answer.response.status().is_success() {
        return Ok(answer);
    }
    let status = answer.response.status().as_u16();
    Err(Error::refused(address, status, text(client, answer).await?))
}

/// The body of an answer.
pub(super) async fn text(client: &Client, Answer { response, connection }: Answer) -> Result<String, Error> {
    let address = &client.address;
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    drop(connection);
    let bytes = body.map_err(|error| Error::broken(address, error))?.to_bytes();
    String::from_utf8(bytes.into()).map_err(|_| Error::strange(address, "no text"))
}

fn request(client: &Client, call: &Call) -> Result<Request<Full<Bytes>>, Error> {
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(&call.target)
        .header(HOST, client.address.host())
        .header(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"))
        .header("X-Evenkeel-Origin", client.origin.to_string());
    if let Some(token) = &client.token {
        request = request.header(AUTHORIZATION, token.header());
    }
    if !call.body.is_empty() {
        request = request.header(CONTENT_TYPE, call.body_type);
    }
    request.body(Full::from(call.body.clone())).map_err(|error| Error::broken(&client.address, error))
}

type Connected = (SendRequest<Full<Bytes>>, AbortOnDropHandle<()>);

async fn connect(address: &Address) -> Result<Connected, Error> {
    let connected = async {
        match address {
            Address::Tcp(authority) => Ok(open(address, TcpStream::connect(authority).await?).await),
            Address::Unix(path) => Ok(open(address, UnixStream::connect(path).await?).await),
        }
    };
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {} s", CONNECT.as_secs()));
    let connected = timeout(CONNECT, connected).await.unwrap_or_else(|_| Err(late()));
    connected.map_err(|error| Error::unreachable(address, &error))?
}

async fn open(address: &Address, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Connected, Error> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| Error::broken(address, error))?;
    // Its end shows in the answer.
    let running = tokio::spawn(async move { _ = connection.await });
    Ok((sender, AbortOnDropHandle::new(running)))
}
