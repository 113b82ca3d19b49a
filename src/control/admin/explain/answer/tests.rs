use std::sync::Arc;

use super::*;
use crate::balance::backend::{Mode, Verdict};
use crate::config::{Config, HostPattern};
use crate::control::admin::caller::Peer;
use crate::control::fixture;

/// What is explained of `http://a.org/x?y` under this config.
fn explained(config: &Config) -> Option<PoolExplained> {
    explained_of(&fixture::running(config.clone()))
}

fn explained_of(running: &Arc<Running>) -> Option<PoolExplained> {
    let url = ("url".to_owned(), "http://a.org/x?y".to_owned());
    let asked = Asked::read(&[url, ("client".to_owned(), "10.0.0.1".to_owned())], Peer::Unix).unwrap();
    explain(&asked, running, &fixture::snapshot(running)).pool
}

#[test]
fn a_pool_is_found_as_requests_find_it() {
    let mut config = fixture::config(vec![fixture::settings("rest", &["a"]), fixture::settings("org", &["b"])]);
    config.pools[1].hosts = vec![HostPattern::Wildcard(".org".into())];
    let pool = explained(&config).unwrap();
    assert_eq!((&*pool.name, pool.host_pattern.as_deref(), &*pool.path_prefix), ("org", Some("*.org"), "/"));
    config.pools[1].path_prefix = "/elsewhere".into();
    let pool = explained(&config).unwrap();
    assert_eq!((&*pool.name, pool.host_pattern), ("rest", None));
    config.pools[0].path_prefix = "/elsewhere".into();
    assert_eq!(explained(&config), None);
}

#[test]
fn candidates_have_numbers_and_the_others_reasons() {
    let mut settings = fixture::settings("web", &["a", "b", "c", "d", "e"]);
    settings.strategy = StrategyKind::PeakEwma;
    settings.backends[4].backup = true;
    let running = fixture::running(fixture::config(vec![settings]));
    let live = |index: usize| &running.pools[0].backends()[index].live;
    live(1).set_mode(Mode::Drain);
    live(2).set_verdict(Verdict::Unhealthy, 1);
    live(3).set_weight(0);
    running.pools[0].refresh(clock::now());
    let pool = explained_of(&running).unwrap();
    assert_eq!(pool.pick.map(|id| id.to_string()).as_deref(), Some("web/a"));
    assert_eq!(pool.why, "lowest recent latency times load; failures count as slow");
    assert_eq!(pool.candidates.iter().map(|c| (c.latency_us.is_some(), c.weight)).collect::<Vec<_>>(), [(true, 1)]);
    let reasons: Vec<_> = pool.excluded.iter().map(|e| format!("{} {}", e.backend.backend, e.why)).collect();
    assert_eq!(
        reasons,
        [
            "b drained",
            "c unhealthy: 0 checks in a row have failed, 0 are enough (fall)",
            "d its weight is 0",
            "e a backup, which takes requests only while no other backend can",
        ]
    );
}

#[test]
fn the_key_is_named_where_it_decides() {
    let mut settings = fixture::settings("web", &["a"]);
    settings.strategy = StrategyKind::ConsistentHash;
    let mut config = fixture::config(vec![settings]);
    for (by, words) in [
        (HashKey::ClientIp, "client_ip 10.0.0.1"),
        (HashKey::Path, "path /x"),
        (HashKey::Header("x-user".into()), "header:x-user, which is missing"),
        (HashKey::Cookie("s".into()), "cookie:s, which is missing"),
    ] {
        config.pools[0].hash_key = by;
        assert_eq!(explained(&config).unwrap().key.as_deref(), Some(words));
    }
}

#[test]
fn nobody_is_picked_for_a_reason() {
    let words = |why| super::why(Err(why), StrategyKind::RoundRobin, false);
    assert_eq!(words(NoPick::NoneEligible), "no backend is eligible, clients get 503");
    assert_eq!(words(NoPick::AwaitingFirstCheck), "no backend has been checked yet, requests wait for that");
    assert_eq!(words(NoPick::AllFull), "every eligible backend is full, requests wait in the queue");
    let chance = super::why(Ok(0), StrategyKind::Random, true);
    assert_eq!(
        chance,
        "nobody is eligible and all_down is open, so all are tried: random by weight; by chance, so the next request may go elsewhere"
    );
}
