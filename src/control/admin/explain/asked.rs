//! The request that is asked about.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{Method, Uri};

use crate::control::admin::caller::Peer;

const ALLOWED: &str = "allowed: method, url, header, client";

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// Without port.
    pub(super) host: String,
    /// Without query.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) client: IpAddr,
}

impl Asked {
    /// Reads the parameters of a query. A request without a `client` comes from where the call comes from.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn read(parameters: &[(String, String)], peer: Peer) -> Result<Self, String> {
        let (mut method, mut url, mut client) = (None, None, None);
        let mut headers = HeaderMap::new();
        for (name, value) in parameters {
            let slot = match name.as_str() {
                "method" => &mut method,
                "url" => &mut url,
                "client" => &mut client,
                "header" => {
                    let (name, value) = header(value).ok_or_else(|| format!("{value:?} is no header; write NAME: VALUE"))?;
                    headers.append(name, value);
                    continue;
                }
                other => return Err(format!("unknown parameter {other:?}; {ALLOWED}")),
            };
            if slot.replace(value.as_str()).is_some() {
                return Err(format!("{name} is given twice"));
            }
        }
        let method = method.unwrap_or("GET");
        let url = url.ok_or_else(|| format!("url is missing; {ALLOWED}"))?;
        let (host, path) = place(url).ok_or_else(|| format!("{url:?} is no url; write http://HOST/PATH"))?;
        let host = match headers.get(HOST) {
            None => host,
            Some(field) => {
                let authority = field.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
                authority.ok_or("the header Host holds no host")?.host().to_owned()
            }
        };
        let here = match peer {
            Peer::Tcp { from, .. } => from,
            Peer::Unix => Ipv4Addr::LOCALHOST.into(),
        };
        Ok(Self {
            method: method.parse().map_err(|_| format!("{method:?} is no method"))?,
            host,
            path,
            headers,
            client: client.map_or(Ok(here), |text| text.parse().map_err(|_| format!("{text:?} is no address of a client")))?,
        })
    }
}

/// Host and path of a url.
fn place(url: &str) -> Option<(String, String)> {
    let uri: Uri = url.parse().ok()?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri.host().filter(|host| is_http && !host.is_empty())?;
    Some((host.to_owned(), uri.path().to_owned()))
}

fn header(text: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = text.split_once(':')?;
    Some((name.trim().parse().ok()?, value.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&str, &str)]) -> Result<Asked, String> {
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Asked::read(&parameters, Peer::Unix)
    }

    #[test]
    fn a_url_is_enough() {
        let asked = read(&[("url", "http://a.org:8080?x")]).unwrap();
        assert_eq!((asked.method, &*asked.host, &*asked.path), (Method::GET, "a.org", "/"));
        assert_eq!(asked.client, Ipv4Addr::LOCALHOST);
    }

    #[test]
    fn a_host_header_counts_more_than_the_url() {
        let all = [
            ("method", "PUT"),
            ("url", "https://10.0.0.1/a/b?c"),
            ("header", "Host: b.org:1"),
            ("header", "X-User:  u "),
            ("client", "::1"),
        ];
        let asked = read(&all).unwrap();
        assert_eq!((asked.method, &*asked.host, &*asked.path), (Method::PUT, "b.org", "/a/b"));
        assert_eq!((asked.client.to_string(), asked.headers["x-user"].to_str().unwrap()), ("::1".to_owned(), "u"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let url = ("url", "http://a/");
        for (parameters, problem) in [
            (&[][..], "url is missing; "),
            (&[("url", "/path")], "\"/path\" is no url; "),
            (&[("url", "ftp://a/")], "\"ftp://a/\" is no url; "),
            (&[url, url], "url is given twice"),
            (&[url, ("methd", "GET")], "unknown parameter \"methd\"; "),
            (&[url, ("method", "G T")], "\"G T\" is no method"),
            (&[url, ("header", "X-User")], "\"X-User\" is no header; "),
            (&[url, ("header", "Host: a b")], "the header Host holds no host"),
            (&[url, ("client", "a.org")], "\"a.org\" is no address of a client"),
        ] {
            let told = read(parameters).unwrap_err();
            assert!(told.starts_with(problem), "{told}");
        }
    }
}
