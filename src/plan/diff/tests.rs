use super::*;
use crate::config;

const CONFIG: &str = "
listen: [127.0.0.1:1, 127.0.0.1:2]
workers: 1
pools:
  - name: web
    health_check: null
    backends: [{name: a, url: 'http://h:1'}, {name: b, url: 'http://h:2'}]
  - name: api
    path_prefix: /api
    health_check: null
    backends: [{name: c, url: 'http://h:3'}]
";

fn load(text: &str) -> Loaded {
    config::parse_str(text).unwrap()
}

fn running() -> Arc<Running> {
    let running = Running::new(load(CONFIG).config, Vec::new(), || 0);
    running.pools.iter().for_each(|pool| _ = pool.refresh(0));
    running
}

/// What a plan says after these replacements in the config.
fn plan(running: &Running, changes: &[(&str, &str)]) -> Plan {
    let text = changes.iter().fold(CONFIG.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    Plan::new(running, &load(&text))
}

#[test]
fn the_same_changes_nothing() {
    let plan = plan(&running(), &[]);
    assert!(plan.is_idle() && plan.needs_force.is_empty());
    assert_eq!((plan.summary().as_str(), plan.to_string().as_str()), ("nothing has changed", "nothing would change"));
    assert!(plan.pools.iter().flat_map(|pool| &pool.backends).all(|backend| backend.fate == Fate::Stays));
}

#[test]
fn every_kind_of_change_is_told() {
    let running = running();
    running.pools[0].backends()[1].live.in_flight.store(3, std::sync::atomic::Ordering::Relaxed);
    let plan = plan(
        &running,
        &[
            ("127.0.0.1:2]", "127.0.0.1:3]"),
            ("workers: 1", "workers: 2\nlimits: {headers: 7}"),
            ("'http://h:1'}, {name: b, url: 'http://h:2'}", "'http://h:1', weight: 2}, {name: d, url: 'http://h:4'}"),
            ("path_prefix: /api", "path_prefix: /api/v2\n    retry: {backoff: 25ms..1s}"),
            ("'http://h:3'", "'http://h:33'"),
        ],
    );
    let told = "\
+ listen 127.0.0.1:3
- listen 127.0.0.1:2 (open connections go on)
~ limits.headers 100 -> 7
~ web/a: weight 1 -> 2
+ web/d http://h:4
- web/b http://h:2 (3 in flight may finish)
~ pool api: path_prefix /api -> /api/v2, retry.backoff 25ms..250ms -> 25ms..1s
~ api/c: url http://h:3 -> http://h:33
! needs a restart: workers 1 -> 2";
    assert_eq!(plan.to_string(), told);
    assert_eq!(plan.summary(), "2 added, 4 changed, 2 removed; needs a restart: workers 1 -> 2");
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}

#[test]
fn what_operators_have_set_is_minded() {
    let running = running();
    let [a, b] = [0, 1].map(|index| &running.pools[0].backends()[index].live);
    a.set_weight(5);
    b.set_mode(Mode::Drain);
    b.set_weight(0);
    let removed = plan(&running, &[(", {name: b, url: 'http://h:2'}", ""), ("'http://h:1'", "'http://h:1', weight: 3")]);
    assert_eq!(removed.orphaned, ["web/b drain", "web/b weight 0"]);
    assert_eq!(removed.warnings, ["web/a: the weight 5 stays: an operator has set it"]);
    assert_eq!(removed.needs_force, [""; 0]);
}

#[test]
fn a_pool_that_would_be_left_without_anybody_needs_force() {
    let running = running();
    running.pools[0].backends()[1].live.set_mode(Mode::Down);
    let nobody = "web would be left without an eligible backend; clients would get 503";
    for (from, to, needs) in [
        ("{name: a, url: 'http://h:1'}, ", "", true),
        ("'http://h:1'", "'http://h:1', weight: 0", true),
        ("{name: a, url: 'http://h:1'}", "{name: x, url: 'http://h:9'}", false),
        ("'http://h:1'", "'http://h:9'", false),
        ("'http://h:2'", "'http://h:9'", false),
    ] {
        let plan = plan(&running, &[(from, to)]);
        assert_eq!(plan.needs_force, if needs { vec![nobody] } else { vec![] }, "{from} -> {to}");
    }
}

#[test]
fn another_order_is_a_change() {
    let text = "{name: a, url: 'http://h:1'}, {name: b, url: 'http://h:2'}";
    let plan = plan(&running(), &[(text, "{name: b, url: 'http://h:2'}, {name: a, url: 'http://h:1'}")]);
    assert_eq!(plan.to_string(), "~ pool web: order of backends a, b -> b, a");
    assert_eq!(plan.summary(), "1 changed");
}
