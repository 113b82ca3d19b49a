//! The least HTTP that a check needs: one GET, and the status of its answer.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::CheckError;

/// Bytes of an answer's head (with the informational ones before it).
const MAX_HEAD: usize = 16 * 1024;
const MAX_FIELDS: usize = 128;

/// An answer, as far as it has come when its head is complete.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The final status.
    pub(super) status: u16,
    /// Whether the body comes in chunks.
    pub(super) chunked: bool,
    /// What has come after the head.
    pub(super) body: Vec<u8>,
}

/// Asks for `path` and returns the answer as soon as its head is complete.
pub(super) async fn get(stream: &mut TcpStream, authority: &str, path: &str) -> Result<Answer, CheckError> {
    let version = env!("CARGO_PKG_VERSION");
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: evenkeel/{version}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(if head.is_empty() { CheckError::Closed } else { CheckError::NotHttp });
        }
        if let Some(answer) = final_answer(&head)? {
            return Ok(answer);
        }
        if head.len() >= MAX_HEAD {
            return Err(CheckError::HeadTooLarge);
        }
    }
}

/// The first answer that is not informational, once its head is complete.
fn final_answer(mut bytes: &[u8]) -> Result<Option<Answer>, CheckError> {
    loop {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        match response.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => match response.code {
                Some(100 | 102..=199) => bytes = &bytes[length..],
                code => {
                    let chunked = response.headers.iter().any(|field| field.name.eq_ignore_ascii_case("transfer-encoding"));
                    return Ok(code.map(|status| Answer { status, chunked, body: bytes[length..].to_vec() }));
                }
            },
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(CheckError::HeadTooLarge),
            Err(_) => return Err(CheckError::NotHttp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_begins_after_the_head() {
        let answer = final_answer(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nTransfer-encoding: chunked\r\n\r\n2\r\nno");
        assert_eq!(answer.unwrap(), Some(Answer { status: 503, chunked: true, body: b"2\r\nno".to_vec() }));
    }

    #[test]
    fn statuses() {
        let cases: [(&str, Result<Option<u16>, &str>); 7] = [
            ("HTTP/1.1 200 OK\r\n\r\n", Ok(Some(200))),
            ("HTTP/1.0 503\r\nA: b\r\n\r\nbody", Ok(Some(503))),
            ("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", Ok(Some(204))),
            ("HTTP/1.1 100 Continue\r\n\r\n", Ok(None)),
            ("HTTP/1.1 200 OK\r\nA: b\r\n", Ok(None)),
            ("", Ok(None)),
            ("SSH-2.0-OpenSSH_9.6\r\n", Err("not HTTP")),
        ];
        for (bytes, want) in cases {
            assert_eq!(
                final_answer(bytes.as_bytes()).map(|answer| answer.map(|a| a.status)).map_err(|error| error.to_string()),
                want.map_err(str::to_owned),
                "{bytes:?}"
            );
        }
    }
}
