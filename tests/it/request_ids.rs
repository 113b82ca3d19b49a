//! Every request has an id, its own or ours, by which it can be found again.

use std::collections::BTreeSet;

use crate::support::keel::{Keel, pool};
use crate::support::script::ok;
use crate::support::upstream::{Upstream, upstream};

#[test]
fn request_ids_are_kept_if_they_are_fit() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]));
    let long = "x".repeat(1000);
    for id in ["mine-1", "not fit \u{e9}", &long] {
        keel.client().send(format!("GET / HTTP/1.1\r\nhost: test\r\nx-request-id: {id}\r\n\r\n")).response();
    }
    let ids = request_ids(&backend);
    assert_eq!(ids[0], "mine-1");
    assert!(ids.iter().all(|id| id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic())), "{ids:?}");
}

#[test]
fn no_two_request_ids_are_the_same() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]));
    // Kept open, so that the connections are spread over the workers.
    let mut clients: Vec<_> = (0..8).map(|_| keel.client()).collect();
    for n in 0..8 {
        for client in &mut clients {
            client.get("/");
        }
        // Brings its own, so that one worker makes fewer than the others.
        clients[0].send(format!("GET / HTTP/1.1\r\nhost: test\r\nx-request-id: mine-{n}\r\n\r\n")).response();
    }
    let unique: BTreeSet<_> = request_ids(&backend).into_iter().collect();
    assert_eq!(unique.len(), 72, "{unique:#?}");
}

fn request_ids(backend: &Upstream) -> Vec<String> {
    backend.requests().iter().map(|r| r.head.get("x-request-id").unwrap().to_owned()).collect()
}
