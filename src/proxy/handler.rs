//! One client request: checked, routed, picked for, tried, perhaps tried again, and answered.

use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use http::request::Parts;
use http::{Request, Response, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::answered::Answered;
use super::body::{Body, Claim};
use super::client::Client;
use super::error;
use super::exchange::{Exchange, Patience, Problem};
use super::headers::write_request_head;
use super::log;
use super::queue;
use super::request::{Checked, RequestFraming, check, is_idempotent};
use super::request_body::{ClientFault, RequestBody};
use super::request_id::RequestId;
use super::retry::{self, Reached};
use super::site::{Site, Upstream};
use super::sticky::Sessions;
use super::upload::Upload;
use super::upstream::Connection;
use super::worker::Worker;
use crate::balance::backend::Backend;
use crate::balance::lease::Lease;
use crate::balance::meter::{Failure, bump};
use crate::balance::pool::{NoPick, PickInput};
use crate::balance::strategy::StrategyKind;
use crate::clock;
use crate::route;
use crate::system_error::is_shortage;
use crate::tally::Cause;
use crate::telemetry::access_log::Line;

/// The client has left in the middle of its request: there is nobody to answer, and nothing to count.
#[derive(Debug, thiserror::Error)]
#[error("the client has left")]
pub(super) struct ClientLeft;

/// Answers a request, one way or the other.
pub(super) async fn handle(
    worker: Rc<Worker>,
    client: Rc<Client>,
    request: Request<Incoming>,
) -> Result<Response<Body>, ClientLeft> {
    client.begin_request(!request.body().is_end_stream());
    let mut began = Instant::now();
    let (parts, body) = request.into_parts();
    let site = worker.site();
    let request_id = RequestId::of(&parts.headers, || worker.entropy());
    let mut line = log::begin(&worker, &client, &parts, &request_id, began);
    if let Some(line) = line.as_ref().filter(|line| !line.has_room()) {
        // Boxed because it is seldom needed.
        Box::pin(line.room()).await;
        // The wait was no backend's.
        began = Instant::now();
    }
    let answer = match find(&site, &parts) {
        Ok((checked, upstream)) => {
            let patience = Patience { client: site.config.timeouts, upstream: upstream.config().timeouts };
            let body = RequestBody::new(body, &parts.headers, upstream.config().retry.replay_body);
            let request_id = &request_id;
            let service = Service {
                worker: &worker,
                site: &site,
                client: &client,
                upstream,
                parts: &parts,
                checked,
                request_id,
                patience,
                body,
                tried: Vec::new(),
                line: &mut line,
            };
            match service.run(began).await {
                Ok(response) => Ok(response),
                Err(Unserved::Refused(cause)) => Err((cause, &upstream.tally.answers)),
                Err(Unserved::ClientLeft) => return Err(ClientLeft),
            }
        }
        Err(cause) => Err((cause, &worker.tally.unrouted)),
    };
    let mut response = answer.unwrap_or_else(|(cause, answers)| {
        answers.count(cause);
        let answer = error::answer(cause, &request_id);
        if let Some(line) = line.take() {
            log::end_own(*line, cause, &parts.method, &answer);
        }
        answer
    });
    let streams = matches!(response.body(), Body::Stream(_));
    if parts.version == Version::HTTP_10 {
        // RFC 9112 section 9.3: no connection persists with an old client. hyper closes it after an old answer.
        *response.version_mut() = Version::HTTP_10;
        client.ends_with_answer.set(streams && !response.headers().contains_key(CONTENT_LENGTH));
    } else if !streams && client.is_unread() {
        // Section 9.6: the connection will be closed, and who is still sending should hear of it.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if !streams {
        client.end_request();
    }
    worker.spare_headers.put(parts.headers);
    Ok(response)
}

/// Checks the request and finds its pool.
fn find<'a>(site: &'a Site, parts: &'a Parts) -> Result<(Checked<'a>, &'a Upstream), Cause> {
    let checked = check(parts, site.config.limits.uri_bytes)?;
    let upstream = site.find(checked.host_name(), parts.uri.path()).ok_or(Cause::NoPool)?;
    Ok((checked, upstream))
}

/// A request being served.
struct Service<'a> {
    worker: &'a Rc<Worker>,
    site: &'a Site,
    client: &'a Rc<Client>,
    upstream: &'a Upstream,
    parts: &'a Parts,
    checked: Checked<'a>,
    request_id: &'a RequestId<'a>,
    patience: Patience,
    body: RequestBody,
    /// Backends that have failed this request.
    tried: Vec<Arc<Backend>>,
    /// Its line in the access log; taken when the answer begins.
    line: &'a mut Option<Box<Line>>,
}

/// Why a backend's answer cannot be had.
enum Unserved {
    /// We answer ourselves.
    Refused(Cause),
    /// Nobody has to.
    ClientLeft,
}

impl From<Cause> for Unserved {
    fn from(cause: Cause) -> Self {
        Self::Refused(cause)
    }
}

impl Service<'_> {
    async fn run(mut self, began: Instant) -> Result<Response<Body>, Unserved> {
        if let Some(line) = self.line.as_deref_mut() {
            line.facts.pool = Some(Arc::clone(self.upstream.pool.name()));
        }
        let retry = &self.upstream.config().retry;
        let idempotent = is_idempotent(&self.parts.method);
        let mut last = Cause::NoneEligible;
        let mut now = began;
        loop {
            let claim = self.claim(now, last).await?;
            if self.tried.is_empty() {
                self.upstream.count_request(clock::at(claim.taken));
            } else {
                bump(&claim.lease.meter().retries, 1);
            }
            let backend = Arc::clone(claim.lease.backend());
            let (failure, reached) = match self.attempt(claim, idempotent).await {
                Ok(response) => return Ok(response),
                Err(Problem::Backend { failure, reached, .. }) => (failure, reached),
                Err(Problem::Client(ClientFault::Left)) => return Err(Unserved::ClientLeft),
                Err(Problem::Client(ClientFault::Malformed)) => return Err(Cause::BadRequest.into()),
                Err(Problem::Client(ClientFault::Stalled)) => return Err(Cause::RequestTimeout.into()),
                Err(Problem::Cut) => return Err(Cause::Cut.into()),
                Err(Problem::Shortage) => return Err(Cause::Shortage.into()),
            };
            last = error::cause_of(failure);
            let attempt = self.tried.len() as u32 + 1;
            let untried = self.upstream.pool.backends().len() > self.tried.len() + 1;
            let may_retry = untried
                && attempt <= retry.attempts
                // One time-out is long enough for a client.
                && failure != Failure::HeadTimeout
                && retry::is_safe(reached, idempotent, self.body.is_replayable())
                && self.upstream.withdraw_retry(clock::now());
            if !may_retry {
                return Err(last.into());
            }
            self.tried.push(backend);
            self.body.rewind();
            tokio::time::sleep(retry::backoff(retry, attempt, self.worker.entropy())).await;
            now = Instant::now();
        }
    }

    /// Picks a backend, waiting for one if need be. `last` is the cause of an earlier failure.
    async fn claim(&mut self, now: Instant, last: Cause) -> Result<Claim, Cause> {
        let pool = &self.upstream.pool;
        let mut taken = now;
        let input =
            PickInput { key: self.key(pool.strategy()), entropy: self.worker.entropy(), now: clock::at(now), tried: &self.tried };
        let lease = match self.pick(&input) {
            Ok(lease) => lease,
            Err(no_pick) => {
                if let Some(line) = self.line.as_deref_mut() {
                    line.waits(now);
                }
                let waited = queue::wait(self.client, self.upstream, input, no_pick, last).await;
                // The wait was not the backend's.
                taken = Instant::now();
                if let Some(line) = self.line.as_deref_mut() {
                    line.waited(taken);
                }
                waited?
            }
        };
        if let Some(line) = self.line.as_deref_mut() {
            line.picked(lease.backend());
        }
        Ok(Claim { worker: Rc::clone(self.worker), lease, taken, line: None })
    }

    /// The backend of the client's session if it may take the request, else whom the strategy says.
    fn pick(&self, input: &PickInput<'_>) -> Result<Lease, NoPick> {
        let Upstream { picker, sessions, .. } = self.upstream;
        if let Some(sessions) = sessions
            && self.tried.is_empty()
            && let Some((index, backend)) = sessions.backend(&self.parts.headers)
            && let Some(lease) = picker.pick_again(index, backend, sessions.keep)
        {
            return Ok(lease);
        }
        picker.pick(input)
    }

    fn key(&self, strategy: StrategyKind) -> u64 {
        let client_ip = || self.client.peer.client_ip(&self.parts.headers, &self.site.config.trusted_proxies);
        route::key(strategy, &self.upstream.config().hash_key, client_ip, self.parts.uri.path(), &self.parts.headers)
    }

    /// Tries one backend. Gives account of a failure that is the backend's.
    async fn attempt(&mut self, mut claim: Claim, idempotent: bool) -> Result<Response<Body>, Problem> {
        let mut outcome = self.exchange(&claim, true).await;
        if let Err(Problem::Backend { reached, stale: true, .. }) = outcome
            && retry::is_safe(reached, idempotent, self.body.is_replayable())
        {
            self.body.rewind();
            outcome = self.exchange(&claim, false).await;
        }
        match outcome {
            Ok(answered) => {
                claim.line = self.line.take();
                let sessions = self.upstream.sessions.as_ref();
                let session = sessions.map(|sessions| (sessions, Arc::clone(claim.lease.backend())));
                let idle = self.patience.upstream.stream_idle;
                let mut response = answered.into_response(claim, self.client, &mut self.body, idle);
                if let Some((sessions, backend)) = session {
                    sessions.remember(&backend, &self.parts.headers, response.headers_mut());
                }
                Ok(response)
            }
            Err(problem) => {
                if let Problem::Backend { failure, .. } = problem {
                    claim.finish(None, Some(failure));
                }
                Err(problem)
            }
        }
    }

    async fn exchange(&mut self, claim: &Claim, may_reuse: bool) -> Result<Answered, Problem> {
        let mut connection = self.connect(claim, may_reuse).await?;
        let spec = &claim.lease.backend().spec;
        connection.out.clear();
        let Self { parts, checked, client, request_id, upstream, .. } = self;
        let own_cookie = upstream.sessions.as_ref().map(Sessions::cookie);
        let authority = || spec.authority();
        write_request_head(&mut connection.out, parts, checked, authority, &client.peer, request_id.as_bytes(), own_cookie);
        let mut upload = Upload::new(self.checked.framing == RequestFraming::Chunked, !self.body.is_done());
        let exchange = Exchange {
            connection: &mut connection,
            upload: &mut upload,
            body: &mut self.body,
            method: &self.parts.method,
            may_switch: self.checked.websocket,
            lease: &claim.lease,
            deadline: &self.client.deadline,
            patience: self.patience,
            spare_headers: &self.worker.spare_headers,
            line: self.line.as_deref_mut(),
        };
        let answered = exchange.run().await;
        if upload.is_done() {
            self.client.body_read();
        }
        bump(&claim.lease.meter().bytes_in, upload.body_bytes());
        if let Some(line) = self.line.as_deref_mut() {
            line.facts.bytes_in = upload.body_bytes();
        }
        let (head, rest) = answered?;
        Ok(Answered { connection, upload, head, rest })
    }

    /// A kept-alive connection, or a new one.
    async fn connect(&mut self, claim: &Claim, may_reuse: bool) -> Result<Connection, Problem> {
        let backend = claim.lease.backend();
        if may_reuse && let Some(connection) = self.worker.reuse(backend) {
            if let Some(line) = self.line.as_deref_mut() {
                line.connected(None);
            }
            return Ok(connection);
        }
        match self.open(claim).await {
            // Connections that are kept for later are descriptors for now.
            Err(Problem::Shortage) if self.worker.give_up_idle() => self.open(claim).await,
            opened => opened,
        }
    }

    async fn open(&mut self, claim: &Claim) -> Result<Connection, Problem> {
        let backend = claim.lease.backend();
        let deadline = &self.client.deadline;
        let began = self.line.as_ref().and_then(|line| line.now());
        deadline.arm(self.patience.upstream.connect);
        // Boxed because it is large and seldom needed.
        let mut opening = Box::pin(Connection::open(&backend.spec));
        let not_sent = |failure| Problem::Backend { failure, reached: Reached::NotSent, stale: false };
        let opened = poll_fn(|cx| match opening.as_mut().poll(cx) {
            Poll::Ready(Err(error)) if is_shortage(&error) => Poll::Ready(Err(Problem::Shortage)),
            Poll::Ready(opened) => Poll::Ready(opened.map_err(|_| not_sent(Failure::Refused))),
            Poll::Pending if claim.lease.is_cut() => Poll::Ready(Err(Problem::Cut)),
            Poll::Pending if deadline.expired() => Poll::Ready(Err(not_sent(Failure::ConnectTimeout))),
            Poll::Pending => Poll::Pending,
        })
        .await;
        if let Some(line) = self.line.as_deref_mut().filter(|_| opened.is_ok()) {
            line.connected(began);
        }
        opened
    }
}
