//! The classes of mistakes for which other proxies had to publish advisories, and what shows that we do not make them.
//!
//! | class | shown by |
//! |---|---|
//! | lengths and codings read differently (Pingora CVE-2026-2835, hyper RUSTSEC-2021-0078) | [`super::desync`], [`super::rfc9112`] |
//! | a body where none is expected (hyper RUSTSEC-2020-0008) | [`super::rfc9110`], 9.3.1 |
//! | bytes behind an upgrade, switches unasked for (Pingora CVE-2026-2833, Envoy CVE-2025-64763) | [`super::rfc6455`], [`super::rfc9110`], 7.8 |
//! | what is left of a request that was answered early (Pingora CVE-2025-4366) | [`remains`] |
//! | answers without a request, `Expect` (Go CVE-2024-24791) | [`super::rfc9112`], 6.3 and 9.2, [`remains`] |
//! | names of hosts and paths (`HAProxy` CVE-2023-45539, Envoy CVE-2019-9901, Caddy CVE-2026-27587) | [`routing`] |
//! | fast paths of the router (Caddy CVE-2026-27588) | a property in `src/proxy/router.rs` |
//! | our own fields, stripped or forged (Traefik CVE-2021-32813, GHSA-62c8-mh53-4cqv) | [`identity`] |
//! | what outlives a reset (Envoy CVE-2026-26311) | [`remains`] |
//! | words that reports cannot bear, or that make series (Envoy CVE-2026-47220, RUSTSEC-2025-0055) | [`reports`] |
//! | the admin API open to others (Envoy CVE-2026-73546) | [`reports`], [`super::admin`] |
//! | retries of what must not be repeated | [`super::failures`], [`super::rfc9110`], 9.2.2 |
//! | half-closed tunnels | [`super::rfc6455`], 7.1.1, [`super::upgrade`] |

mod identity;
mod remains;
mod reports;
mod routing;
