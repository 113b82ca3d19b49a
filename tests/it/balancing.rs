//! Who gets a request: turns, weights, strategies, hosts and paths.

use evenkeel::balance::strategy::StrategyKind;

use crate::support::client::Client;
use crate::support::keel::{Keel, pool};
use crate::support::script::ok;
use crate::support::upstream::{Upstream, upstream};

fn three() -> [Upstream; 3] {
    ["a", "b", "c"].map(|name| upstream(ok(name)))
}

fn hits(backends: &[Upstream]) -> Vec<usize> {
    backends.iter().map(Upstream::hits).collect()
}

#[test]
fn six_requests_over_three_backends_are_two_each() {
    let backends = three();
    let keel = Keel::serve(pool(&backends.each_ref()));
    for _ in 0..6 {
        assert_eq!(keel.get("/").status, 200);
    }
    assert_eq!(hits(&backends), [2, 2, 2]);
}

#[test]
fn six_requests_over_one_connection_are_two_each() {
    let backends = three();
    let keel = Keel::serve(pool(&backends.each_ref()));
    let mut client = keel.client();
    for _ in 0..6 {
        assert_eq!(client.get("/").status, 200);
    }
    assert_eq!(hits(&backends), [2, 2, 2]);
}

#[test]
fn weights_are_kept_exactly() {
    for strategy in ["weighted_round_robin", "least_connections"] {
        let backends = three();
        let keel = Keel::serve(pool(&backends.each_ref()).weights(&[5, 1, 1]).set("strategy", strategy));
        let mut client = keel.client();
        for _ in 0..14 {
            client.get("/");
        }
        assert_eq!(hits(&backends), [10, 2, 2], "{strategy}");
    }
}

#[test]
fn every_strategy_serves_every_request() {
    for strategy in StrategyKind::ALL {
        let backends = three();
        let keel = Keel::serve(pool(&backends.each_ref()).set("strategy", strategy));
        let mut client = keel.client();
        for n in 0..30 {
            assert_eq!(client.get(&format!("/{n}")).status, 200, "{strategy}");
        }
        assert_eq!(hits(&backends).iter().sum::<usize>(), 30, "{strategy}");
        assert_eq!(keel.snapshot().pools[0].strategy, strategy);
    }
}

#[test]
fn a_client_address_stays_with_one_backend() {
    let backends = three();
    let keel = Keel::serve(pool(&backends.each_ref()).set("strategy", "ip_hash"));
    for _ in 0..6 {
        keel.get("/");
    }
    let mut hits = hits(&backends);
    hits.sort_unstable();
    assert_eq!(hits, [0, 0, 6]);
}

#[test]
fn a_key_stays_with_one_backend_and_keys_are_spread() {
    let backends = three();
    let keel = Keel::serve(pool(&backends.each_ref()).set("strategy", "consistent_hash").set("hash_key", "path"));
    for path in 0..40 {
        let answers: Vec<_> = (0..3).map(|query| keel.get(&format!("/{path}?{query}")).text()).collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "/{path} went to {answers:?}");
    }
    assert!(hits(&backends).iter().all(|n| *n > 0), "{:?}", hits(&backends));
}

/// Asks for `path` at `host` and gives the status and the body of the answer.
fn ask(keel: &Keel, host: &str, path: &str) -> (u16, String) {
    let response = Client::to(keel.address).send(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n")).response();
    (response.status, response.text())
}

fn routes(table: &[(&str, &str, &Upstream)]) -> String {
    let pools = table.iter().enumerate().map(|(n, (hosts, prefix, backend))| {
        let url = backend.url();
        format!("  - {{name: pool-{n}, hosts: [{hosts}], path_prefix: {prefix}, health_check: null, backends: [\"{url}\"]}}\n")
    });
    format!("pools:\n{}", pools.collect::<String>())
}

#[test]
fn hosts_match_exactly_by_wildcard_or_not_at_all() {
    let [exact, wildcard, default] = ["exact", "wildcard", "default"].map(|name| upstream(ok(name)));
    let keel = Keel::serve(routes(&[("example.com", "/", &exact), ("\"*.example.org\"", "/", &wildcard), ("", "/", &default)]));
    for (host, pool) in [
        ("example.com", "exact"),
        ("EXAMPLE.com:8080", "exact"),
        ("www.example.com", "default"),
        ("www.example.org", "wildcard"),
        ("a.b.example.org", "wildcard"),
        ("example.org", "default"),
        ("badexample.org", "default"),
        ("127.0.0.1", "default"),
    ] {
        assert_eq!(ask(&keel, host, "/"), (200, pool.into()), "{host}");
    }
}

#[test]
fn the_longest_prefix_of_whole_segments_wins() {
    let [root, api, v2, shop] = ["root", "api", "v2", "shop"].map(|name| upstream(ok(name)));
    let keel = Keel::serve(routes(&[("", "/", &root), ("", "/api", &api), ("", "/api/v2/", &v2), ("shop.test", "/", &shop)]));
    for (host, path, pool) in [
        ("test", "/", "root"),
        ("test", "/api", "api"),
        ("test", "/api/", "api"),
        ("test", "/api?x=/api/v2/", "api"),
        ("test", "/apis", "root"),
        ("test", "/api/v1", "api"),
        ("test", "/api/v2/x", "v2"),
        ("shop.test", "/api/v2/x", "shop"),
    ] {
        assert_eq!(ask(&keel, host, path), (200, pool.into()), "{host}{path}");
    }
}

#[test]
fn nobody_for_this_host_or_path_is_404() {
    let only = upstream(ok("only"));
    let keel = Keel::serve(routes(&[("example.com", "/api", &only)]));
    assert_eq!(ask(&keel, "example.com", "/api/1").0, 200);
    for (host, path) in [("example.com", "/"), ("example.com", "/apix"), ("example.net", "/api")] {
        let (status, text) = ask(&keel, host, path);
        assert_eq!(status, 404, "{host}{path}");
        assert!(text.contains("no pool for this host and path"), "{text}");
    }
    assert_eq!(only.hits(), 1);
}
