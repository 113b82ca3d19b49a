//! RFC 9112, HTTP/1.1: what stands on the wire. Each test is named by its section and its claim; its doc comment is the
//! requirement, and with the others makes up `tests/CONFORMANCE.md`.

mod chunks;
mod connections;
mod framing;
mod parsing;
mod target;
