//! Sticky sessions: a cookie keeps a client at the backend that has answered it.
//!
//! The cookie's value is the token of a backend (see [`Secret::token`]): it tells nobody anything, and nobody but us can make
//! one. All tokens of a pool are made beforehand, so that a request costs one look-up. Whatever is no token of a present
//! backend counts as no cookie. The cookie always names the backend that has answered last, lasts as long as the browser's
//! session, and is for us alone: backends do not get to see it.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, HeaderMap, HeaderValue, SET_COOKIE};

use crate::balance::backend::Backend;
use crate::balance::pool::Pool;
use crate::config::{OnDrain, Sticky};
use crate::route::cookie;
use crate::secret::{Secret, Token};

/// The sessions of one pool.
#[derive(Debug)]
pub(super) struct Sessions {
    cookie: String,
    /// Whether clients stay while their backend drains.
    pub(super) keep: bool,
    pool: Arc<Pool>,
    /// By the backends' indices.
    tokens: Box<[Token]>,
    by_token: HashMap<Token, usize>,
}

impl Sessions {
    /// Sessions as the config wants them. A backend at another address is another backend.
    pub(super) fn new(Sticky { cookie, on_drain }: &Sticky, pool: &Arc<Pool>, secret: &Secret) -> Self {
        let token = |backend: &Arc<Backend>| {
            let spec = &backend.spec;
            secret.token(&["sticky", &spec.id.pool, &spec.id.backend, &spec.authority()])
        };
        let tokens: Box<[_]> = pool.backends().iter().map(token).collect();
        Self {
            cookie: cookie.clone(),
            keep: *on_drain == OnDrain::Keep,
            pool: Arc::clone(pool),
            by_token: tokens.iter().copied().zip(0..).collect(),
            tokens,
        }
    }

    /// The cookie's name.
    pub(super) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// The backend that a request's cookie names, and its index.
    pub(super) fn backend(&self, headers: &HeaderMap) -> Option<(usize, &Arc<Backend>)> {
        let token: &Token = cookie(headers, &self.cookie)?.try_into().ok()?;
        let index = *self.by_token.get(token)?;
        Some((index, &self.pool.backends()[index]))
    }

    /// Has the client come back to the backend that has answered, if it would not do so anyway. A shared cache must not hand
    /// one client's cookie to others.
    pub(super) fn remember(&self, backend: &Backend, asked: &HeaderMap, answer: &mut HeaderMap) {
        if self.backend(asked).is_some_and(|(_, named)| Arc::ptr_eq(&named.live, &backend.live)) {
            return;
        }
        let Some(index) = self.pool.backends().iter().position(|known| Arc::ptr_eq(&known.live, &backend.live)) else { return };
        let token = str::from_utf8(&self.tokens[index]).expect("a token is ASCII");
        let set = format!("{}={token}; Path=/; HttpOnly; SameSite=Lax", self.cookie);
        answer.append(SET_COOKIE, HeaderValue::from_maybe_shared(set).expect("a cookie is ASCII"));
        answer.append(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
}

/// The pairs of a `Cookie` line but for those of one name; `None` if nothing is left.
pub(super) fn without(line: &[u8], name: &str) -> Option<Vec<u8>> {
    let is_ours = |pair: &[u8]| pair.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"="));
    let pairs: Vec<_> = line.split(|b| *b == b';').map(<[u8]>::trim_ascii).filter(|pair| !is_ours(pair)).collect();
    (!pairs.is_empty()).then(|| pairs.join(&b"; "[..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::{BackendId, Spec};
    use crate::balance::pool::{AllDown, Settings};
    use crate::balance::strategy::StrategyKind;

    fn pool(names: &[&str], port: u16) -> Arc<Pool> {
        let spec = |name: &&str| Spec {
            id: BackendId::new("web", name),
            host: "127.0.0.1".into(),
            port,
            weight: 1,
            max_in_flight: None,
            backup: false,
        };
        let settings = Settings {
            name: "web".into(),
            strategy: StrategyKind::RoundRobin,
            backends: names.iter().map(spec).collect(),
            checked: false,
            outlier_detection: None,
            slow_start: 0,
            all_down: AllDown::Fail,
        };
        Arc::new(Pool::new(settings, 1, 0))
    }

    fn sessions(pool: &Arc<Pool>, secret: &Secret) -> Sessions {
        Sessions::new(&Sticky { cookie: "lb".into(), on_drain: OnDrain::Keep }, pool, secret)
    }

    /// The pair that a client sends back.
    fn pair(sessions: &Sessions, index: usize) -> String {
        let mut headers = HeaderMap::new();
        sessions.remember(&sessions.pool.backends()[index], &HeaderMap::new(), &mut headers);
        assert_eq!(headers[CACHE_CONTROL], "private");
        let set = headers[SET_COOKIE].to_str().unwrap();
        set.strip_suffix("; Path=/; HttpOnly; SameSite=Lax").unwrap().to_owned()
    }

    fn named(sessions: &Sessions, line: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(http::header::COOKIE, line.parse().unwrap())]);
        sessions.backend(&headers).map(|(_, backend)| backend.spec.id.backend.to_string())
    }

    #[test]
    fn a_cookie_names_the_backend_that_set_it() {
        let secret = Secret::random().unwrap();
        let sessions_of = |names: &[&str], port| sessions(&pool(names, port), &secret);
        let here = sessions_of(&["a", "b"], 1);
        let [a, b] = [pair(&here, 0), pair(&here, 1)];
        assert_eq!(named(&here, &a).as_deref(), Some("a"));
        let asked = HeaderMap::from_iter([(http::header::COOKIE, a.parse().unwrap())]);
        let mut answer = HeaderMap::new();
        here.remember(&here.pool.backends()[0], &asked, &mut answer);
        assert!(answer.is_empty(), "it is told once");
        here.remember(&here.pool.backends()[1], &asked, &mut answer);
        assert!(answer.contains_key(SET_COOKIE), "the session has moved");
        assert_eq!(named(&here, &format!("x=1; {b}; y=2")).as_deref(), Some("b"));
        assert_eq!(named(&sessions_of(&["c", "b", "a"], 1), &b).as_deref(), Some("b"), "whatever its place");
        assert_eq!(named(&sessions_of(&["a"], 1), &b), None, "it is gone");
        assert_eq!(named(&sessions_of(&["a", "b"], 2), &b), None, "it is another server");
    }

    #[test]
    fn a_forged_cookie_counts_for_nothing() {
        let pool = pool(&["a", "b"], 1);
        let here = sessions(&pool, &Secret::random().unwrap());
        let theirs = pair(&sessions(&pool, &Secret::random().unwrap()), 0);
        let real = pair(&here, 0);
        let (upper, short) = (real.to_uppercase().replacen("LB", "lb", 1), &real[..real.len() - 1]);
        for forged in [&*theirs, "lb=", "lb=a", "lb=web/a", &upper, short, &format!("{real}0"), &format!("\"{real}\"")] {
            assert_eq!(named(&here, forged), None, "{forged}");
        }
    }

    #[test]
    fn our_cookie_is_for_us_alone() {
        let left = |line: &str| without(line.as_bytes(), "lb").map(|line| String::from_utf8(line).unwrap());
        assert_eq!(left("a=1; lb=2; c=3").as_deref(), Some("a=1; c=3"));
        assert_eq!(left("lb=2;lb=3"), None);
        assert_eq!(left("lb2=1;xlb=2; lb").as_deref(), Some("lb2=1; xlb=2; lb"));
    }
}
