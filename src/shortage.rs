//! The system has nothing left for us. That is nobody else's fault, and a backend is not to be blamed for it.

use std::io;

use rustix::io::Errno;

/// Whether this error means that there is no file descriptor or no memory left.
pub fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| shortages.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_and_theirs() {
        assert!(is_shortage(&Errno::MFILE.into()));
        for theirs in [Errno::CONNREFUSED.into(), Errno::HOSTUNREACH.into(), io::Error::other("anything else")] {
            assert!(!is_shortage(&theirs), "{theirs}");
        }
    }
}
