//! Sockets through a Unix socket, some at a time, each batch with a byte that it travels on.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// Sockets per batch; the system takes 253.
const BATCH: usize = 64;

/// A batch.
const SOCKETS: u8 = b's';
/// There are no more.
const END: u8 = b'.';

/// Sends copies of the sockets.
pub(super) async fn send(stream: &UnixStream, sockets: &[OwnedFd]) -> io::Result<()> {
    for batch in sockets.chunks(BATCH) {
        send_one(stream, SOCKETS, batch).await?;
    }
    send_one(stream, END, &[]).await
}

async fn send_one(stream: &UnixStream, word: u8, sockets: &[OwnedFd]) -> io::Result<()> {
    let sockets: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
    let send = || {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(BATCH))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !sockets.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&sockets));
        }
        sendmsg(stream, &[IoSlice::new(&[word])], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    };
    stream.async_io(Interest::WRITABLE, send).await
}

/// Receives what [`send`] has sent.
pub(super) async fn receive(stream: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    let mut sockets = Vec::new();
    loop {
        let receive = || {
            let mut word = [0];
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(BATCH))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let message = recvmsg(stream, &mut [IoSliceMut::new(&mut word)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
            for part in control.drain() {
                if let RecvAncillaryMessage::ScmRights(batch) = part {
                    sockets.extend(batch);
                }
            }
            Ok((message.bytes > 0).then_some(word[0]))
        };
        match stream.async_io(Interest::READABLE, receive).await? {
            Some(SOCKETS) => {}
            Some(END) => return Ok(sockets),
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn any_number_of_sockets_passes_through() {
        for count in [0, 1, BATCH, BATCH + 1] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let sockets: Vec<OwnedFd> = (0..count).map(|_| listener.try_clone().unwrap().into()).collect();
            let (old, new) = UnixStream::pair().unwrap();
            let (sent, received) = tokio::join!(send(&old, &sockets), receive(&new));
            sent.unwrap();
            let addresses = received.unwrap().into_iter().map(|socket| TcpListener::from(socket).local_addr().unwrap());
            assert_eq!(addresses.collect::<Vec<_>>(), vec![listener.local_addr().unwrap(); count]);
        }
    }

    #[tokio::test]
    async fn an_end_in_the_middle_is_an_error() {
        let (old, new) = UnixStream::pair().unwrap();
        send_one(&old, SOCKETS, &[TcpListener::bind("127.0.0.1:0").unwrap().into()]).await.unwrap();
        drop(old);
        assert_eq!(receive(&new).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
