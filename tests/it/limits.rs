//! Bounds: how large a request may be, how much there is of everything, and what happens beyond.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use evenkeel::balance::backend::Verdict;
use socket2::{Domain, Socket, Type};

use crate::support::eventually;
use crate::support::http::Head;
use crate::support::keel::{Keel, pool};
use crate::support::process::{cpu_ticks, starve};
use crate::support::script::{Gate, Script, Step, held, ok, stalls_before_the_head, status};
use crate::support::upstream::{Upstream, upstream};

const GET: &str = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";

/// One failure is enough to eject a backend.
const STRICT: &str = "{consecutive_failures: 1, base_ejection: 60s, max_ejection: 60s, max_ejected_percent: 100}";

/// Answers, and ends the connection, so that each request needs a new one.
fn ok_and_close(body: &str) -> Script {
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    vec![Step::ReadBody, Step::Send(head.into()), Step::Close]
}

#[test]
fn heads_up_to_their_limits_pass_and_larger_ones_do_not() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(format!("limits: {{header_bytes: 8KiB, headers: 10, uri_bytes: 256B}}\n{}", pool(&[&backend])));
    let uri = |len: usize| format!("GET /{} HTTP/1.1\r\nhost: test\r\n\r\n", "x".repeat(len - 1));
    let count = |fields: usize| format!("GET / HTTP/1.1\r\nhost: test\r\n{}\r\n", "x: 1\r\n".repeat(fields - 1));
    let size = |len: usize| {
        let rest = "GET / HTTP/1.1\r\nhost: test\r\nx: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n", "x".repeat(len - rest))
    };
    for (request, status) in
        [(uri(256), 200), (uri(257), 414), (count(10), 200), (count(11), 431), (size(8 * 1024), 200), (size(8 * 1024 + 1), 431)]
    {
        let mut client = keel.client();
        // A server may refuse and close before it has read everything.
        let _ = client.writer().write_all(request.as_bytes());
        assert_eq!(client.response().status, status, "{} bytes: {:?}", request.len(), &request[..60]);
    }
    assert_eq!(backend.hits(), 3);
}

#[test]
fn a_backend_that_takes_no_connection_is_504() {
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap();
    // Connections that nobody accepts, until there is no room for another one.
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        waiting.push(stream);
    }
    let yaml = format!(
        "pools:\n  - {{name: web, health_check: null, timeouts: {{connect: 300ms}}, backends: [\"http://{address}\"]}}\n"
    );
    let keel = Keel::serve(yaml);
    let response = keel.get("/");
    assert_eq!(response.status, 504);
    assert!(response.text().contains("no connection to the backend in time"), "{}", response.text());
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(format!("limits: {{max_connections: 4}}\n{}", pool(&[&backend])));
    let mut clients: Vec<_> = (0..4).map(|_| keel.client()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").text(), "ok");
    }
    let mut fifth = keel.client();
    fifth.send(GET);
    for client in &mut clients {
        assert_eq!(client.get("/").text(), "ok");
    }
    assert_eq!((keel.snapshot().connections, backend.hits()), (4, 8), "the fifth one waits");
    clients.pop();
    assert_eq!(fifth.response().text(), "ok");
}

#[test]
fn without_descriptors_new_connections_wait_and_nobody_spins() {
    let backend = upstream(ok("ok"));
    // Not asked whether it is ready: the descriptor of that connection would become free at a time of its own, for one of those
    // that wait.
    let keel = Keel::start(pool(&[&backend]));
    let mut before = keel.client();
    assert_eq!(before.get("/").text(), "ok");
    let starved = starve(keel.pid());
    let mut late: Vec<_> = (0..8).map(|_| keel.client()).collect();
    for client in &mut late {
        client.send(GET);
    }
    let ticks = cpu_ticks(keel.pid());
    thread::sleep(Duration::from_secs(1));
    let ticks = cpu_ticks(keel.pid()) - ticks;
    assert!(ticks < 50, "{ticks} ticks of processor time in a second without anything to do");
    assert_eq!(before.get("/").text(), "ok", "who is there is served");
    drop(starved);
    for client in &mut late {
        assert_eq!(client.response().text(), "ok");
    }
}

#[test]
fn an_own_lack_of_descriptors_is_503_and_blames_nobody() {
    let backend = upstream(ok_and_close("ok"));
    let check = "{type: tcp, interval: 100ms, timeout: 100ms, rise: 1, fall: 1}";
    let keel = Keel::serve(pool(&[&backend]).set("outlier_detection", STRICT).set("health_check", check));
    let mut client = keel.client();
    assert_eq!(client.get("/").text(), "ok");
    let mut starved = starve(keel.pid());
    let response = eventually("a lack of descriptors", || {
        let response = client.get("/");
        if response.status == 200 {
            // What was in use a moment ago is free now.
            starved.again();
        }
        (response.status != 200).then_some(response)
    });
    assert_eq!(response.status, 503);
    assert!(response.text().contains("out of file descriptors"), "{}", response.text());
    assert!(response.head.has("retry-after"), "{}", response.head.text);
    // Long enough for checks that cannot be made.
    thread::sleep(Duration::from_millis(500));
    drop(starved);
    assert_eq!(client.get("/").text(), "ok", "neither ejected nor unhealthy");
    let view = keel.view(&backend);
    assert_eq!((view.failures, view.health), (Vec::new(), Verdict::Healthy));
}

#[test]
fn connections_kept_for_later_are_given_up_for_one_that_is_needed_now() {
    let backends = ["a", "b"].map(|name| upstream(ok(name)));
    // Not asked whether it is ready: the descriptor of that connection would become free at a time of its own.
    let keel = Keel::start(pool(&backends.each_ref()).set("strategy", "round_robin"));
    let mut client = keel.client();
    let first = client.get("/").text();
    let _starved = starve(keel.pid());
    let second = if first == "a" { "b" } else { "a" };
    assert_eq!([client.get("/").text(), client.get("/").text()], [second, &first]);
}

/// A pool whose only backend takes one request at a time.
fn narrow(backend: &Upstream, queue: &str) -> String {
    let backends = format!("[{{url: \"{}\", max_in_flight: 1}}]", backend.url());
    format!("pools:\n  - {{name: web, health_check: null, queue: {queue}, backends: {backends}}}\n")
}

#[test]
fn waiting_in_the_queue_has_an_end() {
    let gate = Gate::default();
    let backend = upstream(held(&gate, "served"));
    let keel = Keel::serve(narrow(&backend, "{size: 10, timeout: 300ms}"));
    let mut first = keel.client();
    first.send(GET);
    eventually("the first request", || (backend.hits() == 1).then_some(()));
    let response = keel.get("/");
    assert_eq!(response.status, 503);
    assert!(response.text().contains("every backend stayed full"), "{}", response.text());
    assert!(response.head.has("retry-after"), "{}", response.head.text);
    gate.open();
    assert_eq!(first.response().text(), "served");
    assert_eq!(backend.hits(), 1);
}

#[test]
fn the_queue_is_served_in_order_whoever_comes_meanwhile() {
    let gate = Gate::default();
    let backend = upstream(held(&gate, "served"));
    let keel = Keel::serve(narrow(&backend, "{size: 100, timeout: 20s}"));
    let mut waiting: Vec<_> = (0..20)
        .map(|n| {
            let mut client = keel.client();
            client.send(format!("GET /{n} HTTP/1.1\r\nhost: test\r\n\r\n"));
            eventually("its place", || {
                let pool = keel.snapshot().pools.remove(0);
                (pool.in_flight + pool.queued == n + 1).then_some(())
            });
            client
        })
        .collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut pushy = keel.client();
                while !done.load(Relaxed) {
                    assert_eq!(pushy.get("/pushy").status, 200);
                }
            });
        }
        gate.open();
        for client in &mut waiting {
            assert_eq!(client.response().text(), "served");
        }
        done.store(true, Relaxed);
    });
    let paths = backend.requests().into_iter().map(|r| r.head.start_line().split(' ').nth(1).unwrap().to_owned());
    assert_eq!(paths.take(20).collect::<Vec<_>>(), (0..20).map(|n| format!("/{n}")).collect::<Vec<_>>());
}

#[test]
fn who_waits_for_room_goes_on_to_wait_for_the_first_check() {
    let (gate, sick) = (Gate::default(), Arc::new(AtomicBool::new(false)));
    let [busy, fresh] = ["busy", "fresh"].map(|name| upstream(ok(name)));
    let is_check = |head: &Head| head.start_line().contains("/health");
    let (room, ill) = (gate.clone(), Arc::clone(&sick));
    busy.improvises(move |head| {
        let verdict = if ill.load(Relaxed) { 503 } else { 200 };
        if is_check(head) { status(verdict) } else { held(&room, "busy") }
    });
    fresh.improvises(move |head| if is_check(head) { stalls_before_the_head() } else { ok("fresh") });
    let backends = format!("[{{url: \"{}\", max_in_flight: 1}}, \"{}\"]", busy.url(), fresh.url());
    let check = "{type: http, path: /health, interval: 100ms, timeout: 5s, rise: 1, fall: 1}";
    let keel = Keel::serve(format!("pools:\n  - {{name: web, health_check: {check}, backends: {backends}}}\n"));
    let [mut first, mut second] = [keel.client(), keel.client()];
    first.send(GET);
    eventually("the first request", || (keel.snapshot().pools[0].in_flight == 1).then_some(()));
    second.send(GET);
    // Its place in the queue is not to be seen as soon as all this has to happen.
    thread::sleep(Duration::from_millis(50));
    sick.store(true, Relaxed);
    // Nobody can take the second one now, but before long somebody will.
    assert_eq!(second.response().text(), "fresh");
    gate.open();
    assert_eq!(first.response().text(), "busy");
}

#[test]
fn a_place_in_the_queue_is_free_when_its_client_has_left() {
    let gate = Gate::default();
    let backend = upstream(held(&gate, "served"));
    let keel = Keel::serve(narrow(&backend, "{size: 1, timeout: 20s}"));
    let mut first = keel.client();
    first.send(GET);
    eventually("the first request", || (backend.hits() == 1).then_some(()));
    let queued = |n| eventually("the queue", || (keel.snapshot().pools[0].queued == n).then_some(()));
    let half_a_body = "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf";
    for request in [GET, half_a_body] {
        let mut second = keel.client();
        second.send(request);
        queued(1);
        drop(second);
        queued(0);
    }
    let mut third = keel.client();
    third.send(GET);
    queued(1);
    gate.open();
    assert_eq!((first.response().text(), third.response().text()), ("served".to_owned(), "served".to_owned()));
    assert_eq!(backend.hits(), 2, "nobody asks for a client that has left");
}
