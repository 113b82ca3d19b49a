//! `GET /metrics`, as a scraper sees it, and the dashboard that draws from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::support::client::Client;
use crate::support::eventually;
use crate::support::keel::{Keel, pool};
use crate::support::script::{ok, status};
use crate::support::upstream::upstream;

/// Every sample by its name and labels.
fn scrape(keel: &Keel) -> BTreeMap<String, f64> {
    let response = keel.ask_admin("/metrics");
    assert_eq!(response.status, 200);
    assert_eq!(response.head.get("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = response.text();
    let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').expect(line));
    samples.map(|(name, value)| (name.to_owned(), value.parse().expect(value))).collect()
}

/// Whether a sample may only grow.
fn is_counted(name: &str) -> bool {
    let family = name.split('{').next().unwrap();
    ["_total", "_bucket", "_sum", "_count"].iter().any(|end| family.ends_with(end))
}

#[test]
fn what_happened_is_counted_and_counts_never_go_back() {
    let backend = upstream(ok("hello"));
    let keel = Keel::serve(pool(&[&backend]).set("health_check", "{type: tcp, interval: 100ms, timeout: 100ms, rise: 1}"));
    let name = format!("pool=\"web\",backend=\"{}\"", backend.name());
    let mut client = keel.client();
    (0..3).for_each(|_| assert_eq!(client.get("/").status, 200));
    backend.plays(status(503));
    assert_eq!(client.get("/").status, 503);
    Client::to(keel.address).send("GET / HTTP/1.1\r\n\r\n").response();
    keel.comes_to_rest();
    let first = eventually("a scrape with a check", || {
        let samples = scrape(&keel);
        let checked = samples[&format!("evenkeel_health_checks_total{{{name},result=\"passed\"}}")] > 0.0;
        checked.then_some(samples)
    });
    for (sample, value) in [
        (format!("evenkeel_requests_total{{{name},class=\"2xx\"}}"), 3.0),
        (format!("evenkeel_requests_total{{{name},class=\"5xx\"}}"), 1.0),
        ("evenkeel_requests_total{pool=\"\",backend=\"\",class=\"4xx\"}".to_owned(), 1.0),
        ("evenkeel_own_answers_total{pool=\"\",reason=\"bad_request\"}".to_owned(), 1.0),
        (format!("evenkeel_backend_failures_total{{{name},reason=\"status_5xx\"}}"), 1.0),
        (format!("evenkeel_request_duration_seconds_count{{{name}}}"), 4.0),
        (format!("evenkeel_response_body_bytes_total{{{name}}}"), 22.0),
        (format!("evenkeel_backend_up{{{name}}}"), 1.0),
        ("evenkeel_phase{phase=\"serving\"}".to_owned(), 1.0),
    ] {
        assert_eq!(first.get(&sample), Some(&value), "{sample}");
    }
    (0..5).for_each(|_| drop(client.get("/")));
    keel.comes_to_rest();
    let second = scrape(&keel);
    for (name, before) in first.iter().filter(|(name, _)| is_counted(name)) {
        assert!(second[name] >= *before, "{name}: {before} became {}", second[name]);
    }
    assert!(second[&format!("evenkeel_request_duration_seconds_count{{{name}}}")] > 8.0);
}

/// Every string below a value.
fn strings<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => into.push(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        Value::Object(entries) => entries.values().for_each(|entry| strings(entry, into)),
        _ => {}
    }
}

#[test]
fn the_grafana_dashboard_asks_for_what_there_is() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]));
    let text = keel.ask_admin("/metrics").text();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let mut known = BTreeSet::new();
    for (name, kind) in types {
        let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        known.extend(suffixes.iter().map(|suffix| format!("{name}{suffix}")));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/grafana-dashboard.json");
    let dashboard: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut all = Vec::new();
    strings(&dashboard, &mut all);
    let words = all.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_'));
    let asked: BTreeSet<_> = words.filter(|word| word.starts_with("evenkeel_") || word.starts_with("process_")).collect();
    assert!(asked.len() > 20, "{asked:?}");
    let unknown: Vec<_> = asked.iter().filter(|name| !known.contains(**name)).collect();
    assert!(unknown.is_empty(), "{unknown:?} are not among {known:#?}");
}

#[test]
fn the_readme_tells_of_every_metric() {
    let backend = upstream(ok("ok"));
    let keel = Keel::serve(pool(&[&backend]));
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let text = keel.ask_admin("/metrics").text();
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let told = |name: &&str| readme.contains(&format!("`{name}`")) || readme.contains(&format!("`{name}{{"));
    let missing: Vec<_> = names.filter(|name| name.starts_with("evenkeel_")).filter(|name| !told(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
