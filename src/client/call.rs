//! What is asked of an admin API, as a method, a target and a body.

use std::fmt::{self, Write};
use std::net::IpAddr;

use http::Method;
use serde_json::{Map, Value, json};

use crate::balance::backend::BackendId;
use crate::command::{Command, Terms, ThenDown};

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";

/// A request that has not been sent yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) body: String,
    pub(super) body_type: &'static str,
}

impl Call {
    /// How things are.
    pub fn snapshot() -> Self {
        Self::get("/api/v1/snapshot")
    }

    /// What happens, and what has happened after the event `since`.
    pub fn events(since: Option<u64>) -> Self {
        Self::get(since.map_or_else(|| "/api/v1/events".to_owned(), |seq| format!("/api/v1/events?since={seq}")))
    }

    /// What has happened after the event `since`.
    pub fn past_events(since: u64) -> Self {
        Self::get(format!("/api/v1/events?since={since}&follow=false"))
    }

    /// What a reload would change: of this text, or of the file that the instance was started with.
    pub fn plan(text: Option<String>) -> Self {
        Self { body: text.unwrap_or_default(), body_type: YAML, ..Self::of(Method::POST, "/api/v1/plan") }
    }

    /// Where a request would go, and why.
    pub fn explain(method: &str, url: &str, headers: &[String], client: Option<IpAddr>) -> Self {
        let mut target = format!("/api/v1/explain?method={}&url={}", Encoded(method), Encoded(url));
        for header in headers {
            let _ = write!(target, "&header={}", Encoded(header));
        }
        if let Some(client) = client {
            let _ = write!(target, "&client={}", Encoded(&client.to_string()));
        }
        Self::get(target)
    }

    /// Something to do.
    pub fn command(command: &Command, terms: &Terms, force: bool) -> Self {
        let (method, target, mut fields) = match command {
            Command::SetMode { backend, mode, cut, then_down } => {
                let mut fields = object(json!({ "state": mode }));
                if *cut || then_down.is_some_and(|then| then.cut) {
                    fields.insert("cut".into(), true.into());
                }
                if let Some(ThenDown { after_ms, .. }) = then_down {
                    fields.insert("then".into(), "down".into());
                    fields.extend(after_ms.map(|ms| ("after".to_owned(), format!("{ms}ms").into())));
                }
                (Method::PUT, format!("{}/state", of_backend(backend)), fields)
            }
            Command::SetWeight { backend, weight } => {
                (Method::PUT, format!("{}/weight", of_backend(backend)), object(json!({ "weight": weight })))
            }
            Command::SetStrategy { pool, strategy } => {
                let strategy = strategy.map(|kind| kind.to_string());
                let target = format!("/api/v1/pools/{}/strategy", Encoded(pool));
                (Method::PUT, target, object(json!({ "strategy": strategy })))
            }
            Command::Undo => (Method::POST, "/api/v1/undo".into(), Map::new()),
            Command::Redo => (Method::POST, "/api/v1/redo".into(), Map::new()),
            Command::Reload => (Method::POST, "/api/v1/reload".into(), Map::new()),
        };
        if let Some(ms) = terms.for_ms {
            fields.insert("for".into(), format!("{ms}ms").into());
        }
        if let Some(reason) = &terms.reason {
            fields.insert("reason".into(), reason.to_string().into());
        }
        if force {
            fields.insert("force".into(), true.into());
        }
        let body = if fields.is_empty() { String::new() } else { Value::Object(fields).to_string() };
        Self { body, ..Self::of(method, target) }
    }

    fn get(target: impl Into<String>) -> Self {
        Self::of(Method::GET, target)
    }

    fn of(method: Method, target: impl Into<String>) -> Self {
        Self { method, target: target.into(), body: String::new(), body_type: JSON }
    }
}

fn of_backend(BackendId { pool, backend }: &BackendId) -> String {
    format!("/api/v1/pools/{}/backends/{}", Encoded(pool), Encoded(backend))
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(fields) = value { fields } else { Map::new() }
}

/// Text as a part of a target, whatever it holds.
struct Encoded<'a>(&'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => f.write_char(byte.into())?,
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::backend::Mode;
    use crate::balance::strategy::StrategyKind;

    fn line(call: &Call) -> String {
        format!("{} {} {}", call.method, call.target, call.body).trim_end().to_owned()
    }

    #[test]
    fn commands_as_the_api_wants_them() {
        let backend = BackendId::new("web", "127.0.0.1:9001");
        let mode = |mode, cut| Command::SetMode { backend: backend.clone(), mode, cut, then_down: None };
        let drain = |then| Command::SetMode { backend: backend.clone(), mode: Mode::Drain, cut: false, then_down: Some(then) };
        let weight = |weight| Command::SetWeight { backend: backend.clone(), weight };
        let strategy = |strategy| Command::SetStrategy { pool: "web".into(), strategy };
        let path = "/api/v1/pools/web/backends/127.0.0.1:9001";
        for (command, want) in [
            (mode(Mode::Drain, false), format!(r#"PUT {path}/state {{"state":"drain"}}"#)),
            (mode(Mode::Down, true), format!(r#"PUT {path}/state {{"cut":true,"state":"down"}}"#)),
            (drain(ThenDown::default()), format!(r#"PUT {path}/state {{"state":"drain","then":"down"}}"#)),
            (
                drain(ThenDown { after_ms: Some(90_000), cut: true }),
                format!(r#"PUT {path}/state {{"after":"90000ms","cut":true,"state":"drain","then":"down"}}"#),
            ),
            (weight(Some(5)), format!(r#"PUT {path}/weight {{"weight":5}}"#)),
            (weight(None), format!(r#"PUT {path}/weight {{"weight":null}}"#)),
            (strategy(Some(StrategyKind::RoundRobin)), r#"PUT /api/v1/pools/web/strategy {"strategy":"round_robin"}"#.into()),
            (strategy(None), r#"PUT /api/v1/pools/web/strategy {"strategy":null}"#.into()),
            (Command::Undo, "POST /api/v1/undo".into()),
            (Command::Redo, "POST /api/v1/redo".into()),
            (Command::Reload, "POST /api/v1/reload".into()),
        ] {
            assert_eq!(line(&Call::command(&command, &Terms::default(), false)), want);
        }
        let terms = Terms { for_ms: Some(600_000), reason: Some("deploy".into()) };
        assert_eq!(
            line(&Call::command(&mode(Mode::Up, false), &terms, true)),
            format!(r#"PUT {path}/state {{"for":"600000ms","force":true,"reason":"deploy","state":"up"}}"#)
        );
        assert_eq!(line(&Call::command(&Command::Undo, &Terms::default(), true)), r#"POST /api/v1/undo {"force":true}"#);
    }

    #[test]
    fn whatever_is_typed_stays_within_its_place() {
        let backend = BackendId::new("../w", "a?b#c d\r\n\u{e9}");
        let call = Call::command(&Command::SetWeight { backend, weight: Some(1) }, &Terms::default(), false);
        assert_eq!(call.target, "/api/v1/pools/..%2Fw/backends/a%3Fb%23c%20d%0D%0A%C3%A9/weight");
        let call = Call::explain("GET", "http://h/p?q=1&x", &["A: b&c".into()], Some([10, 0, 0, 1].into()));
        let want = "/api/v1/explain?method=GET&url=http:%2F%2Fh%2Fp%3Fq%3D1%26x&header=A:%20b%26c&client=10.0.0.1";
        assert_eq!(call.target, want);
    }
}
