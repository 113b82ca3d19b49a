//! What the system knows of a process.

use std::collections::BTreeSet;
use std::fs;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

/// Processor time used so far, in hundredths of a second.
pub fn cpu_ticks(pid: Pid) -> u64 {
    let stat = read(pid, "stat");
    // The second field is the name in brackets, which may contain anything; utime and stime are the 14th and 15th.
    let fields: Vec<_> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Bytes of memory in use.
pub fn resident(pid: Pid) -> u64 {
    let status = read(pid, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// How many file descriptors are open.
pub fn descriptors(pid: Pid) -> usize {
    open(pid).len()
}

/// Lets the process open no further descriptor, until the result is dropped.
pub fn starve(pid: Pid) -> Starved {
    let usual = prlimit(Some(pid), Resource::Nofile, none_left(pid)).unwrap();
    Starved { pid, usual }
}

/// See [`starve`].
#[must_use]
pub struct Starved {
    pid: Pid,
    usual: Rlimit,
}

impl Starved {
    /// Takes away what the process has closed meanwhile.
    pub fn again(&mut self) {
        prlimit(Some(self.pid), Resource::Nofile, none_left(self.pid)).unwrap();
    }
}

impl Drop for Starved {
    fn drop(&mut self) {
        let _ = prlimit(Some(self.pid), Resource::Nofile, self.usual);
    }
}

fn none_left(pid: Pid) -> Rlimit {
    let open = open(pid);
    let lowest_free = (0..=open.len() as u64).find(|fd| !open.contains(fd));
    // Processes inherit the test's limits.
    Rlimit { current: lowest_free, maximum: getrlimit(Resource::Nofile).maximum }
}

fn open(pid: Pid) -> BTreeSet<u64> {
    let entries = fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
}

fn read(pid: Pid, file: &str) -> String {
    fs::read_to_string(format!("/proc/{}/{file}", pid.as_raw_nonzero())).unwrap()
}
