//! RFC 9110, HTTP semantics: what an intermediary owes to either side. Each test is named by its section and its claim; its
//! doc comment is the requirement, and with the others makes up `tests/CONFORMANCE.md`.

mod answers;
mod fields;
mod methods;
mod routing;
