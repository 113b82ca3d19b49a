//! Stopping in order, and at once.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::client::Client;
use crate::support::keel::{Keel, pool};
use crate::support::script::{Gate, held, held_midway, ok, stalls_before_the_head, switches_protocols};
use crate::support::upstream::{Upstream, upstream};
use crate::support::{DEADLINE, eventually};

const GET: &str = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";

/// As many clients as asked for, each with a request that its backend has received.
fn busy(keel: &Keel, backend: &Upstream, clients: usize) -> Vec<Client> {
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            let mut client = keel.client();
            client.send(GET);
            client
        })
        .collect();
    eventually("every request at the backend", || (backend.hits() == clients.len()).then_some(()));
    clients
}

#[test]
fn what_is_in_flight_is_finished() {
    for signal in [Signal::TERM, Signal::INT] {
        let gate = Gate::default();
        let backend = upstream(held(&gate, "slow"));
        let mut keel = Keel::serve(pool(&[&backend]));
        let clients = busy(&keel, &backend, 20);
        keel.signal(signal);
        keel.line("shutting down");
        eventually("no longer ready", || (keel.ask_admin("/readyz").status == 503).then_some(()));
        eventually("no new connections", || TcpStream::connect(keel.address).is_err().then_some(()));
        gate.open();
        for mut client in clients {
            let response = client.response();
            assert_eq!(response.text(), "slow");
            assert_eq!(response.head.get("connection"), Some("close"), "the client learns that this was the last one");
        }
        assert_eq!(keel.exit_code(), Some(0));
        keel.line("every request was finished");
    }
}

#[test]
fn an_answer_under_way_is_finished() {
    let gate = Gate::default();
    let backend = upstream(held_midway(&gate, "first ", "last"));
    let mut keel = Keel::serve(pool(&[&backend]));
    let mut client = keel.client();
    client.send(GET).head();
    assert_eq!(client.some().unwrap(), b"first ");
    keel.signal(Signal::TERM);
    keel.line("shutting down");
    gate.open();
    assert_eq!(client.some().unwrap(), b"last");
    assert_eq!(keel.exit_code(), Some(0));
}

#[test]
fn idle_connections_do_not_hold_it_up() {
    let backend = upstream(ok("ok"));
    let mut keel = Keel::serve(format!("shutdown: {{grace: 1h}}\n{}", pool(&[&backend])));
    let mut clients: Vec<_> = (0..4).map(|_| keel.client()).collect();
    clients.iter_mut().skip(1).for_each(|client| assert_eq!(client.get("/").text(), "ok"));
    keel.signal(Signal::TERM);
    assert_eq!(keel.exit_code(), Some(0));
    assert!(clients.iter_mut().all(Client::is_at_end));
}

#[test]
fn who_is_connected_may_ask_once_more() {
    let backend = upstream(ok("ok"));
    let mut keel = Keel::serve(pool(&[&backend]));
    let mut clients = [keel.client(), keel.client(), keel.client()];
    assert_eq!(clients[1].get("/").head.get("connection"), None);
    clients[2].get("/");
    eventually("all accepted", || (keel.snapshot().connections == 3).then_some(()));
    keel.signal(Signal::TERM);
    keel.line("shutting down");
    for client in &mut clients[..2] {
        let answer = client.get("/");
        assert_eq!((answer.text().as_str(), answer.head.get("connection")), ("ok", Some("close")));
    }
    assert_eq!(keel.exit_code(), Some(0));
    assert!(clients.iter_mut().all(Client::is_at_end));
}

#[test]
fn a_request_head_under_way_is_waited_for() {
    let backend = upstream(ok("ok"));
    let mut keel = Keel::serve(pool(&[&backend]));
    let mut clients = [keel.client(), keel.client()];
    clients[1].get("/");
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nhost:");
    }
    eventually("both accepted", || (keel.snapshot().connections == 2).then_some(()));
    keel.signal(Signal::TERM);
    keel.line("shutting down");
    // Longer than an idle client is waited for.
    thread::sleep(Duration::from_millis(1500));
    for client in &mut clients {
        let answer = client.send(" test\r\n\r\n").response();
        assert_eq!((answer.text().as_str(), answer.head.get("connection")), ("ok", Some("close")));
    }
    assert_eq!(keel.exit_code(), Some(0));
}

#[test]
fn the_grace_ends_what_does_not_end() {
    let backend = upstream(stalls_before_the_head());
    let mut keel = Keel::serve(format!("shutdown: {{grace: 300ms}}\n{}", pool(&[&backend])));
    let clients = busy(&keel, &backend, 2);
    keel.signal(Signal::TERM);
    assert_eq!(keel.exit_code(), Some(0));
    keel.line("2 requests were cut");
    drop(clients);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let backend = upstream(stalls_before_the_head());
    let mut keel = Keel::serve(format!("shutdown: {{grace: 1h}}\n{}", pool(&[&backend])));
    let clients = busy(&keel, &backend, 2);
    keel.signal(Signal::TERM);
    keel.line("shutting down");
    keel.signal(Signal::TERM);
    assert_eq!(keel.exit_code(), Some(130));
    drop(clients);
}

#[test]
fn a_tunnel_is_in_flight_too() {
    let backend = upstream(switches_protocols());
    let mut keel = Keel::serve(format!("shutdown: {{grace: 1h}}\n{}", pool(&[&backend])));
    let mut client = keel.client();
    client.send("GET / HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").head();
    keel.signal(Signal::TERM);
    keel.line("shutting down");
    client.send("still here");
    assert_eq!(client.some().unwrap(), b"still here");
    client.finish();
    assert!(client.is_at_end());
    assert_eq!(keel.exit_code(), Some(0));
}

#[test]
fn connections_that_come_at_the_last_moment_do_not_hold_it_up() {
    let backend = upstream(ok("ok"));
    let mut keel = Keel::serve(format!("shutdown: {{grace: 1h}}\n{}", pool(&[&backend])));
    let address = keel.address;
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Ok(mut stream) = TcpStream::connect(address) {
                    stream.set_read_timeout(Some(DEADLINE)).unwrap();
                    // Served or refused, either way it comes to an end.
                    let _ = stream.write_all(GET.as_bytes()).and_then(|()| stream.read(&mut [0; 1024]));
                }
            });
        }
        backend.wait_for("traffic", |_| backend.hits() > 100);
        keel.signal(Signal::TERM);
        assert_eq!(keel.exit_code(), Some(0));
    });
}

#[test]
fn a_connection_that_waits_for_others_to_go_is_served_in_the_end() {
    // Which worker gets a connection is up to the system.
    for _ in 0..6 {
        let gate = Gate::default();
        let backend = upstream(held(&gate, "served"));
        let mut keel = Keel::serve(format!("limits: {{max_connections: 1}}\n{}", pool(&[&backend])));
        let mut first = busy(&keel, &backend, 1).remove(0);
        let mut second = keel.client();
        second.send(GET);
        // It is accepted by now, and held back.
        thread::sleep(Duration::from_millis(50));
        assert_eq!(backend.hits(), 1);
        keel.signal(Signal::TERM);
        keel.line("shutting down");
        gate.open();
        assert_eq!([first.response().text(), second.response().text()], ["served", "served"]);
        assert_eq!(keel.exit_code(), Some(0));
    }
}

#[test]
fn signals_that_mean_something_else_do_not_stop_it() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]));
    for (signal, says) in [(Signal::HUP, "config reloaded by signal: nothing has changed"), (Signal::TSTP, "SIGTSTP refused")] {
        keel.signal(signal);
        keel.line(says);
        assert_eq!(keel.get("/").text(), "ok");
    }
    keel.signal(Signal::PIPE);
    keel.signal(Signal::USR1);
    assert_eq!(keel.get("/").text(), "ok");
}
