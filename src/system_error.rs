//! What the system's errors mean, and how to tell of them.

use std::io;

use rustix::io::Errno;

/// Whether this error means that there is no file descriptor or no memory left: nobody else's fault, and a backend is not to
/// be blamed for it.
pub fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| shortages.contains(&errno))
}

/// The reason as a part of a sentence, without its number.
pub fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_numbers_in_sentences() {
        assert_eq!(in_words(&Errno::CONNREFUSED.into()), "connection refused");
        assert_eq!(in_words(&io::Error::other("Ähnliches")), "Ähnliches");
    }

    #[test]
    fn ours_and_theirs() {
        assert!(is_shortage(&Errno::MFILE.into()));
        for theirs in [Errno::CONNREFUSED.into(), Errno::HOSTUNREACH.into(), io::Error::other("anything else")] {
            assert!(!is_shortage(&theirs), "{theirs}");
        }
    }
}
