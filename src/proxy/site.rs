//! What a worker serves by: the config, its routes and its pools, as one value that a reload replaces. A request keeps the
//! site it has begun with.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use hyper::server::conn::http1;

use super::sticky::Sessions;
use crate::balance::Millis;
use crate::balance::backend::Live;
use crate::balance::picker::Picker;
use crate::balance::pool::Pool;
use crate::balance::retry_budget::RetryBudget;
use crate::config::{Config, Limits, PoolConfig};
use crate::route::Router;
use crate::running::Running;
use crate::secret::Secret;
use crate::tally::PoolTally;

/// Retries per second that are always allowed, over all workers.
const RETRIES_PER_SECOND: f64 = 10.0;

/// See the module.
#[derive(Debug)]
pub(super) struct Site {
    /// The configuration.
    pub(super) config: Arc<Config>,
    /// hyper's settings.
    pub(super) http: http1::Builder,
    router: Router,
    /// In the order of the config.
    upstreams: Vec<Rc<Upstream>>,
}

impl Site {
    /// What runs, as the worker of this index sees it. Of the site before, it keeps the pools that have not changed.
    pub(super) fn new(running: &Running, worker: usize, before: Option<&Self>, secret: &Secret) -> Self {
        let config = &running.config;
        let upstream = |index: usize| {
            let name = running.pools[index].name();
            let old = before.and_then(|site| site.upstreams.iter().find(|old| old.pool.name() == name));
            match old {
                Some(old) if old.is_as(running, index) => Rc::clone(old),
                _ => Rc::new(Upstream::new(running, index, worker, old.map(|old| &**old), secret)),
            }
        };
        Self {
            http: http(&config.limits),
            router: Router::new(config.pools.iter().map(|p| (p.hosts.as_slice(), p.path_prefix.as_str()))),
            upstreams: (0..config.pools.len()).map(upstream).collect(),
            config: Arc::clone(config),
        }
    }

    /// The pool for a host and a path.
    pub(super) fn find(&self, host: &str, path: &str) -> Option<&Upstream> {
        self.router.route(host, path).map(|index| &*self.upstreams[index])
    }

    /// The state of every backend.
    pub(super) fn backends(&self) -> impl Iterator<Item = &Arc<Live>> {
        self.upstreams.iter().flat_map(|upstream| upstream.pool.backends()).map(|backend| &backend.live)
    }

    /// Tells each backend since when its oldest request from here runs. Says whether there are any.
    pub(super) fn tell_ages(&self, now: Millis) -> bool {
        self.upstreams.iter().filter(|upstream| upstream.picker.tell_ages(now)).count() > 0
    }

    /// The cuts that there have been.
    pub(super) fn cut_epochs(&self) -> u32 {
        self.backends().fold(0, |sum, live| sum.wrapping_add(live.cut_epoch.load(Relaxed)))
    }
}

fn http(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    // Head time-outs are ours; the buffer holds a head of the largest size allowed and bounds what a slow reader can make
    // us keep.
    http.header_read_timeout(None)
        // Whether the client has left is ours to find out: hyper would ask for a buffer to do so.
        .half_close(true)
        .max_headers(limits.headers)
        .max_header_size(limits.header_bytes)
        .max_buf_size((limits.header_bytes + limits.uri_bytes).max(64 * 1024));
    http
}

/// A pool as one worker sees it.
#[derive(Debug)]
pub(super) struct Upstream {
    /// The pool.
    pub(super) pool: Arc<Pool>,
    /// This worker's picks from it.
    pub(super) picker: Picker,
    /// Which clients come back to which backend, if a cookie says so.
    pub(super) sessions: Option<Sessions>,
    /// What evenkeel itself answers and keeps waiting for it.
    pub(super) tally: Arc<PoolTally>,
    config: Arc<Config>,
    /// Its place in the config.
    index: usize,
    budget: RefCell<RetryBudget>,
}

impl Upstream {
    fn new(running: &Running, index: usize, worker: usize, before: Option<&Self>, secret: &Secret) -> Self {
        let (config, pool) = (&running.config, &running.pools[index]);
        let percent = config.pools[index].retry.budget_percent;
        let fresh = || RetryBudget::new(percent, RETRIES_PER_SECOND / config.workers as f64);
        let picker = pool.picker(worker);
        before.inspect(|before| picker.take_over(&before.picker));
        Self {
            picker,
            sessions: config.pools[index].sticky.as_ref().map(|sticky| Sessions::new(sticky, pool, secret)),
            pool: Arc::clone(pool),
            tally: Arc::clone(&running.tallies[index]),
            config: Arc::clone(config),
            index,
            budget: RefCell::new(before.map_or_else(fresh, |before| before.budget.borrow().with_percent(percent))),
        }
    }

    /// Whether the pool at this place of what runs is this one, in every respect.
    fn is_as(&self, running: &Running, index: usize) -> bool {
        Arc::ptr_eq(&self.pool, &running.pools[index]) && *self.config() == running.config.pools[index]
    }

    /// What the config says of the pool.
    pub(super) fn config(&self) -> &PoolConfig {
        &self.config.pools[self.index]
    }

    /// A request came: it earns its part of a retry.
    pub(super) fn count_request(&self, now: Millis) {
        self.budget.borrow_mut().count_request(now);
    }

    /// Whether the budget has a retry left; takes it.
    pub(super) fn withdraw_retry(&self, now: Millis) -> bool {
        self.budget.borrow_mut().try_retry(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn config(text: &str) -> Config {
        config::parse_str(text).expect("valid").config
    }

    fn secret() -> Secret {
        Secret::random().expect("random bytes")
    }

    const BOTH: &str = "workers: 1\npools:\n  - {name: web, hosts: [a], backends: [\"http://h:1\"]}\n  \
                        - {name: api, backends: [\"http://h:2\"]}\n";

    #[test]
    fn what_has_not_changed_is_the_same() {
        let running = Running::new(config(BOTH), Vec::new(), || 0);
        let site = Site::new(&running, 0, None, &secret());
        let web = site.find("a", "/").expect("web");
        let changed = BOTH.replace("h:2", "h:2\", \"http://h:3").replace("pools:", "limits: {headers: 7}\npools:");
        let later = running.succeeded_by(config(&changed), Vec::new(), || 0);
        let later_site = Site::new(&later, 0, Some(&site), &secret());
        assert!(std::ptr::eq(web, later_site.find("a", "/").expect("web")));
        let (api, later_api) = (site.find("b", "/").expect("api"), later_site.find("b", "/").expect("api"));
        assert!(Arc::ptr_eq(&api.tally, &later_api.tally));
        assert_eq!((api.pool.backends().len(), later_api.pool.backends().len()), (1, 2));
        assert_eq!((site.config.limits.headers, later_site.config.limits.headers), (100, 7));
    }

    #[test]
    fn other_time_outs_are_another_upstream_of_the_same_pool() {
        let running = Running::new(config(BOTH), Vec::new(), || 0);
        let site = Site::new(&running, 0, None, &secret());
        let changed = BOTH.replace("name: api,", "name: api, queue: {size: 7},");
        let later = running.succeeded_by(config(&changed), Vec::new(), || 0);
        let later_site = Site::new(&later, 0, Some(&site), &secret());
        let (api, later_api) = (site.find("b", "/").expect("api"), later_site.find("b", "/").expect("api"));
        assert!(Arc::ptr_eq(&api.pool, &later_api.pool));
        assert_eq!((api.config().queue.size, later_api.config().queue.size), (1024, 7));
    }
}
