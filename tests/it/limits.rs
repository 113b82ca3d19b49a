//! Bounds: what clients may send, how long they may take, how much there is of everything, and what happens beyond.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use evenkeel::balance::backend::Verdict;
use socket2::{Domain, Socket, Type};

use crate::support::keel::{Keel, pool};
use crate::support::process::{cpu_ticks, resident, starve};
use crate::support::script::{Gate, Script, Step, held, ok, raw, status};
use crate::support::upstream::{Upstream, upstream};
use crate::support::{DEADLINE, eventually};

const GET: &str = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";

/// One failure is enough to eject a backend.
const STRICT: &str = "{consecutive_failures: 1, base_ejection: 60s, max_ejection: 60s, max_ejected_percent: 100}";

/// Answers, and ends the connection, so that each request needs a new one.
fn ok_and_close(body: &str) -> Script {
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    vec![Step::ReadBody, Step::Send(head.into()), Step::Close]
}

/// 200 with a body of so many bytes.
fn large(bytes: usize) -> Script {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
    raw([head.into_bytes(), vec![b'x'; bytes]].concat())
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
fn a_client_that_says_too_little_is_closed() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(format!("timeouts: {{client_header: 300ms, client_idle: 300ms}}\n{}", pool(&[&backend])));
    for beginning in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: test\r\n"] {
        let mut client = keel.client();
        assert!(client.send(beginning).is_at_end(), "{beginning:?}");
    }
    let mut client = keel.client();
    assert_eq!(client.get("/").text(), "ok");
    assert!(client.is_at_end(), "idle between requests");
    assert_eq!(backend.hits(), 1);
}

#[test]
fn a_head_that_comes_byte_by_byte_does_not_gain_time() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(format!("timeouts: {{client_header: 300ms}}\n{}", pool(&[&backend])));
    let mut client = keel.client();
    let mut writer = client.writer();
    client.send("GET / HTTP/1.1\r\nx: ");
    let dripping = thread::spawn(move || {
        while writer.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    // In good order, or with a reset by the bytes that came too late.
    assert!(client.some().map_or(true, |rest| rest.is_empty()));
    dripping.join().unwrap();
}

#[test]
fn a_request_body_that_stalls_is_408_and_nobody_is_blamed() {
    let backend = upstream(ok("ok"));
    let yaml = format!("timeouts: {{request_body_idle: 300ms}}\n{}", pool(&[&backend]).set("outlier_detection", STRICT));
    let keel = Keel::serve(yaml);
    for (framing, beginning) in [("content-length: 10", "half"), ("transfer-encoding: chunked", "4\r\nhalf\r\n")] {
        let mut client = keel.client();
        client.send(format!("POST / HTTP/1.1\r\nhost: test\r\n{framing}\r\n\r\n{beginning}"));
        assert_eq!(client.response().status, 408, "{framing}");
        assert!(client.is_at_end(), "what is left of the body cannot be told from a request");
    }
    keel.comes_to_rest();
    assert_eq!(keel.view(&backend).failures, []);
    assert_eq!(keel.get("/").status, 200, "not ejected");
}

#[test]
fn a_request_body_may_be_slow_as_long_as_it_comes() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(format!("timeouts: {{request_body_idle: 500ms, client_header: 500ms}}\n{}", pool(&[&backend])));
    let mut client = keel.client();
    client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 20\r\n\r\n");
    for _ in 0..20 {
        thread::sleep(Duration::from_millis(50));
        client.send("x");
    }
    assert_eq!(client.response().text(), "ok");
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
fn a_client_that_does_not_read_is_let_go() {
    let backend = upstream(large(64 << 20));
    let keel = Keel::serve(pool(&[&backend]).set("timeouts", "{stream_idle: 300ms}").set("outlier_detection", STRICT));
    let mut client = keel.client();
    client.send(GET).head();
    keel.comes_to_rest();
    let mut read = 0;
    while let Ok(piece) = client.some()
        && !piece.is_empty()
    {
        read += piece.len();
    }
    assert!(read < 64 << 20, "the answer was too large to fit anywhere");
    let view = keel.view(&backend);
    assert_eq!(view.failures, [], "not the backend's fault");
}

#[test]
fn a_client_may_read_slowly_as_long_as_it_reads() {
    let (bytes, piece) = (6 << 20, 64 << 10);
    let backend = upstream(large(bytes));
    let keel = Keel::serve(format!(
        "timeouts: {{client_header: 300ms, client_idle: 300ms}}\n{}",
        pool(&[&backend]).set("timeouts", "{stream_idle: 500ms}")
    ));
    let mut stream = TcpStream::connect(keel.address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    // The second request waits in the socket for as long as the first answer takes.
    stream.write_all(GET.repeat(2).as_bytes()).unwrap();
    let mut buffer = vec![0; piece];
    let mut total = 0;
    while total < 2 * bytes {
        thread::sleep(Duration::from_millis(20));
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0, "cut after {total} bytes");
        total += n;
    }
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
    let keel = Keel::serve(pool(&[&backend]));
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
    let keel = Keel::serve(pool(&backends.each_ref()).set("strategy", "round_robin"));
    let mut client = keel.client();
    let first = client.get("/").text();
    let _starved = starve(keel.pid());
    let second = client.get("/").text();
    assert_ne!(first, second);
    assert_eq!(client.get("/").text(), first);
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
    let in_line: Vec<_> = paths.filter(|path| path != "/pushy").collect();
    assert_eq!(in_line, (0..20).map(|n| format!("/{n}")).collect::<Vec<_>>());
    let all = backend.requests().len();
    let last = backend.requests().iter().position(|r| r.head.start_line().contains("/19 ")).unwrap();
    assert!(last < 30, "number 19 was served as the {last}. of {all}: others overtook");
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
    let mut second = keel.client();
    second.send(GET);
    queued(1);
    drop(second);
    queued(0);
    let mut third = keel.client();
    third.send(GET);
    queued(1);
    gate.open();
    assert_eq!((first.response().text(), third.response().text()), ("served".to_owned(), "served".to_owned()));
    assert_eq!(backend.hits(), 2, "nobody asks for a client that has left");
}

/// What clients that mean no good do: so many connections, each sending this and then going on like that.
struct Attack {
    name: &'static str,
    request: String,
    then: fn(&mut TcpStream) -> bool,
}

const ATTACKERS: usize = 100;

#[test]
fn slow_clients_cost_others_nothing_and_little_memory() {
    let attacks = [
        Attack { name: "slow head", request: "GET / HTTP/1.1\r\nhost: test\r\nx: ".into(), then: |s| s.write_all(b"x").is_ok() },
        Attack {
            name: "slow body",
            request: "POST /slow HTTP/1.1\r\nhost: test\r\ncontent-length: 100000\r\n\r\n".into(),
            then: |stream| stream.write_all(b"x").is_ok(),
        },
        Attack {
            name: "no body",
            request: "POST /slow HTTP/1.1\r\nhost: test\r\ncontent-length: 100000\r\n\r\n".into(),
            then: |_| true,
        },
        Attack {
            name: "slow read",
            request: "GET /large HTTP/1.1\r\nhost: test\r\n\r\n".into(),
            then: |s| s.read(&mut [0; 16]).is_ok_and(|n| n > 0),
        },
        Attack { name: "no read", request: "GET /large HTTP/1.1\r\nhost: test\r\n\r\n".into(), then: |_| true },
    ];
    let (small, bulky, slow) = (upstream(ok("ok")), upstream(large(8 << 20)), upstream(status(200)));
    let pools = [("small", "/", &small), ("large", "/large", &bulky), ("slow", "/slow", &slow)].map(|(name, prefix, backend)| {
        let backends = format!("backends: [\"{}\"]", backend.url());
        format!("  - {{name: {name}, path_prefix: {prefix}, health_check: null, timeouts: {{stream_idle: 1s}}, {backends}}}\n")
    });
    let timeouts = "timeouts: {client_header: 1s, request_body_idle: 1s}";
    let keel = Keel::serve(format!("{timeouts}\npools:\n{}", pools.concat()));
    let mut victim = keel.client();
    assert_eq!(victim.get("/").text(), "ok");
    for Attack { name, request, then } in attacks {
        let before = resident(keel.pid());
        let over = AtomicBool::new(false);
        let mut most = 0;
        thread::scope(|scope| {
            scope.spawn(|| {
                let connect = || {
                    let mut stream = TcpStream::connect(keel.address).unwrap();
                    stream.write_all(request.as_bytes()).unwrap();
                    stream
                };
                let mut attackers: Vec<_> = (0..ATTACKERS).map(|_| connect()).collect();
                while !over.load(Relaxed) {
                    attackers.retain_mut(|stream| then(stream));
                    thread::sleep(Duration::from_millis(20));
                }
            });
            for _ in 0..10 {
                for _ in 0..20 {
                    assert_eq!(victim.get("/").text(), "ok", "{name}");
                }
                most = most.max(resident(keel.pid()).saturating_sub(before));
                assert!(keel.snapshot().connections <= ATTACKERS as u64 + 1);
            }
            over.store(true, Relaxed);
        });
        assert!(most < (ATTACKERS << 20) as u64, "{name}: {most} bytes more");
        eventually("the attackers gone", || (keel.snapshot().connections == 1).then_some(()));
        keel.comes_to_rest();
    }
}
