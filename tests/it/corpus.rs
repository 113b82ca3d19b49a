//! Every input that is kept for the fuzz targets, replayed: the seeds, and whatever once went wrong.

use std::fs;
use std::path::Path;

use crate::fuzz_targets::{answer, chunks, config, forwarded, request_head};

/// Checks every input of a target.
fn replay(target: &str, check: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let inputs: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!inputs.is_empty(), "nothing in {}", dir.display());
    for input in inputs {
        let bytes = fs::read(&input).unwrap();
        let outcome = std::panic::catch_unwind(|| check(&bytes));
        assert!(outcome.is_ok(), "{} does not hold", input.display());
    }
}

#[test]
fn request_heads() {
    replay("request_head", request_head::check);
}

#[test]
fn answers() {
    replay("answer", answer::check);
}

#[test]
fn chunked_bodies() {
    replay("chunks", chunks::check);
}

#[test]
fn forwarded_chains() {
    replay("forwarded", forwarded::check);
}

#[test]
fn configs() {
    replay("config", config::check);
}
