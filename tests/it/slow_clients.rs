//! Clients that take their time: how much they have, and what they cost others.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use crate::support::keel::{Keel, pool};
use crate::support::process::resident;
use crate::support::script::{Script, Step, ok, raw, status};
use crate::support::upstream::upstream;
use crate::support::{DEADLINE, eventually};

const GET: &str = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";

/// One failure is enough to eject a backend.
const STRICT: &str = "{consecutive_failures: 1, base_ejection: 60s, max_ejection: 60s, max_ejected_percent: 100}";

/// 200 with a body of so many bytes.
fn large(bytes: usize) -> Script {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
    raw([head.into_bytes(), vec![b'x'; bytes]].concat())
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
fn a_backend_is_not_blamed_for_an_answer_that_waits_for_the_request() {
    // It answers while it reads, as far as it can.
    let beginning = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    let backend = upstream(vec![Step::Send(beginning.into()), Step::ReadBody, Step::Send("whole!".into())]);
    let settings = pool(&[&backend]).set("timeouts", "{stream_idle: 300ms}").set("outlier_detection", STRICT);
    let keel = Keel::serve(settings);
    for (what, body) in [("stalls", "4\r\nhalf\r\n"), ("breaks the rules", "4\r\nhalf\r\nno chunk\r\n")] {
        let mut client = keel.client();
        client.send("POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n").head();
        assert_eq!(client.some().unwrap(), b"half");
        client.send(body);
        assert!(client.try_response().is_err(), "{what}");
        keel.comes_to_rest();
        assert_eq!(keel.view(&backend).failures, [], "a request that {what}");
    }
    assert_eq!(keel.get("/").text(), "halfwhole!", "not ejected");
}

#[test]
fn a_request_that_its_client_leaves_unfinished_ends_although_the_answer_has_begun() {
    let beginning = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    let backend = upstream(vec![Step::Send(beginning.into()), Step::Stall]);
    let keel = Keel::serve(pool(&[&backend]).set("timeouts", "{stream_idle: 1h}"));
    let mut client = keel.client();
    client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf").head();
    drop(client);
    keel.comes_to_rest();
    assert_eq!(keel.view(&backend).failures, []);
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
    let bytes = 6 << 20;
    let backend = upstream(large(bytes));
    let keel = Keel::serve(pool(&[&backend]).set("timeouts", "{stream_idle: 500ms}"));
    let mut stream = TcpStream::connect(keel.address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(GET.as_bytes()).unwrap();
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0;
    while total < bytes {
        thread::sleep(Duration::from_millis(20));
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0, "cut after {total} bytes");
        total += n;
    }
}

#[test]
fn a_body_that_comes_in_tiny_pieces_costs_little_more_than_its_bytes() {
    let (whole, backend) = (4000, upstream(ok("ok")));
    let keel = Keel::serve(pool(&[&backend]));
    let mut client = keel.client();
    client.send(format!("PUT / HTTP/1.1\r\nhost: test\r\ncontent-length: {whole}\r\n\r\n"));
    let before = resident(keel.pid());
    for _ in 1..whole {
        client.send("x");
        // Long enough for each of them to be read on its own.
        thread::sleep(Duration::from_micros(500));
    }
    let more = resident(keel.pid()).saturating_sub(before);
    client.send("x");
    assert_eq!(client.response().text(), "ok");
    assert_eq!(backend.request().body.len(), whole);
    assert!(more < 4 << 20, "{more} bytes more");
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
                    attackers.retain_mut(then);
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
