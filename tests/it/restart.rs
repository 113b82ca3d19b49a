//! Life under a service manager, and restarts that nobody notices.

mod sockets;
mod takeover;
mod told;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use crate::support::{DEADLINE, eventually};

/// Clients that make a new connection for each request, and count.
struct Traffic {
    stop: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Four clients, until they are stopped or one of them fails.
    fn to(address: SocketAddr) -> Self {
        let (stop, served) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let client = |_| {
            let (stop, served) = (Arc::clone(&stop), Arc::clone(&served));
            thread::spawn(move || {
                while !stop.load(Relaxed) {
                    request(address);
                    served.fetch_add(1, Relaxed);
                }
            })
        };
        let clients = (0..4).map(client).collect();
        Self { stop, served, clients }
    }

    /// Waits until many more have been served.
    fn flows(&self) {
        let before = self.served.load(Relaxed);
        eventually("served requests", || {
            let failed = self.clients.iter().any(JoinHandle::is_finished);
            (failed || self.served.load(Relaxed) >= before + 50).then_some(())
        });
    }

    /// Ends it.
    ///
    /// # Panics
    /// A request has failed.
    fn stop(self) {
        self.stop.store(true, Relaxed);
        for client in self.clients {
            client.join().expect("every request is served");
        }
    }
}

/// One request on a connection of its own; panics unless it is answered as it should be.
fn request(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).expect("not refused");
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").expect("not reset");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok"), "{answer:?}");
    let _ = stream.shutdown(Shutdown::Both);
}
