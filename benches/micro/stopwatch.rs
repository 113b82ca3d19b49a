//! Wall-clock time per call. The fastest of many samples says what the code costs, the median what the machine makes of it.

use std::time::{Duration, Instant};

use crate::{Case, Run};

const SAMPLES: usize = 25;
/// How long a sample takes, about.
const SAMPLE: Duration = Duration::from_millis(8);

/// Measures a case and prints its line.
pub(crate) fn print(case: &Case) {
    let mut run = (case.prepare)();
    let mut calls = 1;
    while run(calls) < SAMPLE / 2 {
        calls *= 2;
    }
    let mut samples: Vec<f64> = (0..SAMPLES).map(|_| run(calls).as_nanos() as f64 / calls as f64).collect();
    samples.sort_by(f64::total_cmp);
    println!("{:<48} {:>12.1} ns   median {:>12.1} ns", case.name, samples[0], samples[SAMPLES / 2]);
}

/// A run of calls that are told apart by a number.
pub(crate) fn timed(mut call: impl FnMut(u64) + 'static) -> Run {
    let mut n = 0;
    Box::new(move |calls| {
        let start = Instant::now();
        for _ in 0..calls {
            n += 1;
            call(n);
        }
        start.elapsed()
    })
}
