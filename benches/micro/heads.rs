//! Heads: what is stripped from them and what is added on their way.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use evenkeel::internals::{client_ip, forward_head, read_answer};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};

use crate::Case;
use crate::stopwatch::timed;

/// What a browser sends.
const BROWSER: [(&str, &str); 9] = [
    ("host", "shop.example.org"),
    ("connection", "keep-alive"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br"),
    ("cookie", "session=8f14e45fceea167a5a36dedd4bea2543; theme=dark"),
    ("cache-control", "max-age=0"),
    ("referer", "http://shop.example.org/things"),
];

/// What proxies before us add; and one who would like to have fields of ours removed.
const CHAIN: [(&str, &str); 6] = [
    ("host", "shop.example.org"),
    ("x-forwarded-for", "203.0.113.7, 10.0.0.3, 10.0.0.2"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop.example.org"),
    ("x-request-id", "6f1c0a52-7d7f-4a43-9a0a-0f8d5f6f7b11"),
    ("connection", "x-secret, x-forwarded-for"),
];

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Tue, 01 Jul 2025 10:00:00 GMT\r\n\
    Content-Type: text/html; charset=utf-8\r\nContent-Length: 5\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\
    ETag: \"5d8c72a5\"\r\n\r\nhello";

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

pub(crate) fn cases() -> Vec<Case> {
    let forward = |fields: &'static [(&str, &str)]| {
        move || {
            let parts = request(fields);
            let trusted = ["10.0.0.0/8".parse().expect("it is a network")];
            let mut out = Vec::with_capacity(4096);
            timed(move |_| {
                out.clear();
                forward_head(black_box(&mut out), black_box(&parts), PEER, &trusted).expect("it keeps the rules");
            })
        }
    };
    let find_client = || {
        let headers = headers(&CHAIN);
        let trusted = ["10.0.0.0/8".parse().expect("it is a network")];
        timed(move |_| _ = black_box(client_ip(PEER, black_box(&headers), &trusted)))
    };
    let answer = || timed(|_| _ = black_box(read_answer(black_box([ANSWER]).into_iter(), &Method::GET)));
    vec![
        Case { name: "head forward browser".to_owned(), limit: Some(7_306), prepare: Box::new(forward(&BROWSER)) },
        Case { name: "head forward chain".to_owned(), limit: Some(6_667), prepare: Box::new(forward(&CHAIN)) },
        Case { name: "head client-of-chain".to_owned(), limit: Some(3_522), prepare: Box::new(find_client) },
        Case { name: "head answer".to_owned(), limit: Some(8_359), prepare: Box::new(answer) },
    ]
}

/// The head of a browser's request.
pub(crate) fn browser() -> Parts {
    request(&BROWSER)
}

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn request(fields: &[(&'static str, &'static str)]) -> Parts {
    let (mut parts, ()) = Request::get("/things/42?page=3").body(()).expect("it is a request").into_parts();
    parts.headers = headers(fields);
    parts
}
