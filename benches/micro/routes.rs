//! Routing: finding the pool of a host and path among many.

use std::hint::black_box;

use evenkeel::config::HostPattern;
use evenkeel::internals::Router;

use crate::Case;
use crate::stopwatch::timed;

/// How many hosts, and most instructions for a host that is known, for one below a wildcard and for one that is not known.
const LIMITS: [(usize, [u64; 3]); 3] = [(1, [659, 1_040, 1_681]), (100, [677, 1_087, 1_704]), (10_000, [692, 1_020, 1_740])];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (hosts, limits) in LIMITS {
        let mut case = |what: &str, limit, host: fn(usize) -> String| {
            let prepare = Box::new(move || {
                let router = router(hosts);
                let asked: Vec<String> = (0..hosts).map(host).collect();
                timed(move |n| {
                    let host = &asked[n as usize * 7 % asked.len()];
                    black_box(router.route(black_box(host), black_box("/api/v1/things")));
                })
            });
            cases.push(Case { name: format!("route {what} {hosts}"), limit: Some(limit), prepare });
        };
        let [exact, wildcard, nobody] = limits;
        case("exact", exact, |n| format!("shop-{n}.example.org"));
        case("wildcard", wildcard, |n| format!("www.site-{n}.example.org"));
        case("nobody", nobody, |n| format!("www.elsewhere-{n}.example.org"));
    }
    cases
}

/// Two pools for each of so many hosts, below `/` and `/api`, and a wildcard host with one.
fn router(hosts: usize) -> Router {
    let pools: Vec<(Vec<HostPattern>, &str)> = (0..hosts)
        .flat_map(|n| {
            let shop = || vec![HostPattern::Exact(format!("shop-{n}.example.org"))];
            [(shop(), "/"), (shop(), "/api"), (vec![HostPattern::Wildcard(format!(".site-{n}.example.org"))], "/")]
        })
        .collect();
    Router::new(pools.iter().map(|(hosts, prefix)| (hosts.as_slice(), *prefix)))
}
