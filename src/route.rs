//! Which pool serves a host and path: the exact host, else the longest wildcard, else the default pools; within a host the
//! longest path prefix. When no prefix of a host matches, the less specific hosts are asked.
//!
//! And what a request is keyed by within its pool: see [`key()`].

mod key;

use std::collections::HashMap;

pub use self::key::{cookie, key};

use crate::config::HostPattern;

/// Prefixes of one host, longest first, with the index of their pool.
type Prefixes = Vec<(Box<str>, usize)>;

/// See the module. Immutable.
#[derive(Debug, Default)]
pub struct Router {
    exact: HashMap<Box<str>, Prefixes>,
    /// By suffix, which starts with a dot.
    wildcard: HashMap<Box<str>, Prefixes>,
    default: Prefixes,
}

impl Router {
    /// Routes to pools, given as hosts and path prefix, by their position.
    pub fn new<'a>(pools: impl Iterator<Item = (&'a [HostPattern], &'a str)>) -> Self {
        let mut router = Self::default();
        for (index, (hosts, prefix)) in pools.enumerate() {
            let prefix: Box<str> = prefix.trim_end_matches('/').into();
            let add = |prefixes: &mut Prefixes| prefixes.push((prefix.clone(), index));
            for host in hosts {
                match host {
                    HostPattern::Exact(name) => add(router.exact.entry(name.as_str().into()).or_default()),
                    HostPattern::Wildcard(suffix) => add(router.wildcard.entry(suffix.as_str().into()).or_default()),
                }
            }
            if hosts.is_empty() {
                add(&mut router.default);
            }
        }
        let all = router.exact.values_mut().chain(router.wildcard.values_mut()).chain([&mut router.default]);
        all.for_each(|prefixes| prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len())));
        router
    }

    /// The pool for a host (without port; any case) and an absolute path without query.
    pub fn route(&self, host: &str, path: &str) -> Option<usize> {
        if !(self.exact.is_empty() && self.wildcard.is_empty()) {
            let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
            if let Some(index) = self.exact.get(host.as_str()).and_then(|prefixes| longest(prefixes, path)) {
                return Some(index);
            }
            for (dot, _) in host.match_indices('.').filter(|(dot, _)| *dot > 0) {
                if let Some(index) = self.wildcard.get(&host[dot..]).and_then(|prefixes| longest(prefixes, path)) {
                    return Some(index);
                }
            }
        }
        longest(&self.default, path)
    }
}

/// The pattern by which a pool with these hosts serves a host: the most specific one. `None` for a default pool.
pub fn pattern<'a>(hosts: &'a [HostPattern], host: &str) -> Option<&'a HostPattern> {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let matching = hosts.iter().filter_map(|pattern| match pattern {
        HostPattern::Exact(name) => (host == *name).then_some((usize::MAX, pattern)),
        HostPattern::Wildcard(suffix) => {
            (host.len() > suffix.len() && host.ends_with(suffix.as_str())).then_some((suffix.len(), pattern))
        }
    });
    matching.max_by_key(|(specific, _)| *specific).map(|(_, pattern)| pattern)
}

/// The first prefix that matches whole segments of `path`.
fn longest(prefixes: &Prefixes, path: &str) -> Option<usize> {
    let matches = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    prefixes.iter().find(|(prefix, _)| prefix.is_empty() || matches(prefix)).map(|(_, index)| *index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn router(pools: &[(&[&str], &str)]) -> Router {
        let pattern = |host: &&str| match host.strip_prefix('*') {
            Some(suffix) => HostPattern::Wildcard(suffix.to_owned()),
            None => HostPattern::Exact((*host).to_owned()),
        };
        let pools: Vec<(Vec<HostPattern>, &str)> =
            pools.iter().map(|(hosts, prefix)| (hosts.iter().map(pattern).collect(), *prefix)).collect();
        Router::new(pools.iter().map(|(hosts, prefix)| (hosts.as_slice(), *prefix)))
    }

    #[test]
    fn the_most_specific_host_wins() {
        let router = router(&[(&[], "/"), (&["a.example.org"], "/"), (&["*.example.org"], "/"), (&["*.b.example.org"], "/")]);
        for (host, pool) in [
            ("a.example.org", 1),
            ("A.Example.ORG.", 1),
            ("x.example.org", 2),
            ("x.y.example.org", 2),
            ("x.b.example.org", 3),
            ("example.org", 0),
            ("elsewhere", 0),
            (".example.org", 0),
        ] {
            assert_eq!(router.route(host, "/"), Some(pool), "{host}");
        }
    }

    #[test]
    fn a_host_is_served_by_its_most_specific_pattern() {
        let hosts = [".org", ".b.org", ".c.org"].map(|suffix| HostPattern::Wildcard(suffix.to_owned()));
        let hosts = [&hosts[..], &[HostPattern::Exact("a.b.org".to_owned())]].concat();
        for (host, want) in [
            ("A.B.org.", Some("a.b.org")),
            ("x.b.org", Some("*.b.org")),
            ("b.org", Some("*.org")),
            ("org", None),
            ("x.net", None),
        ] {
            assert_eq!(pattern(&hosts, host).map(ToString::to_string).as_deref(), want, "{host}");
        }
    }

    #[test]
    fn the_longest_prefix_wins_on_whole_segments() {
        let router = router(&[(&[], "/api"), (&[], "/api/v2/"), (&["a.org"], "/only")]);
        for (host, path, pool) in [
            ("h", "/api", Some(0)),
            ("h", "/api/", Some(0)),
            ("h", "/api/v2", Some(1)),
            ("h", "/api/v2/x", Some(1)),
            ("h", "/api/v20", Some(0)),
            ("h", "/apix", None),
            ("a.org", "/only/x", Some(2)),
            ("a.org", "/api", Some(0)),
            ("h", "*", None),
        ] {
            assert_eq!(router.route(host, path), pool, "{host}{path}");
        }
    }

    /// The rule of the module, word by word, asked of every pool in turn.
    fn naive(pools: &[(Vec<HostPattern>, String)], host: &str, path: &str) -> Option<usize> {
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        let host_rank = |hosts: &[HostPattern]| {
            let ranks = hosts.iter().filter_map(|pattern| match pattern {
                HostPattern::Exact(name) => (host == name).then_some(usize::MAX),
                HostPattern::Wildcard(suffix) => (host.len() > suffix.len() && host.ends_with(suffix)).then_some(suffix.len()),
            });
            if hosts.is_empty() { Some(0) } else { ranks.max() }
        };
        let path_rank = |prefix: &str| {
            let segments = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
            let prefix = prefix.trim_end_matches('/');
            (prefix.is_empty() || segments(path).starts_with(&segments(prefix))).then_some(prefix.len())
        };
        let ranks = pools
            .iter()
            .enumerate()
            .filter_map(|(index, (hosts, prefix))| Some((host_rank(hosts)?, path_rank(prefix)?, std::cmp::Reverse(index))));
        ranks.max().map(|(.., index)| index.0)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

        /// The class of Caddy's CVE-2026-27588: a fast path that goes by other rules than the slow one.
        #[test]
        fn hundreds_of_hosts_are_told_apart_as_one_is(
            pools in prop::collection::vec(
                (prop::collection::vec("(\\*\\.)?[ab]{1,2}(\\.[ab]){0,3}", 0..4), "(/[xy]{1,2}){0,2}/?"),
                0..200,
            ),
            asked in prop::collection::vec(("[abAB]{0,2}(\\.[abAB]){0,4}\\.?", "(/[xyz]{0,2}){1,3}|\\*"), 20),
        ) {
            let pattern = |host: &String| match host.strip_prefix('*') {
                Some(suffix) => HostPattern::Wildcard(suffix.to_owned()),
                None => HostPattern::Exact(host.clone()),
            };
            let pools: Vec<(Vec<HostPattern>, String)> =
                pools.iter().map(|(hosts, prefix)| (hosts.iter().map(pattern).collect(), prefix.clone())).collect();
            let router = Router::new(pools.iter().map(|(hosts, prefix)| (hosts.as_slice(), prefix.as_str())));
            for (host, path) in asked {
                prop_assert_eq!(router.route(&host, &path), naive(&pools, &host, &path), "{}{}", host, path);
            }
        }
    }
}
