//! The secret that callers of the admin API have to know.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::node::Node;
use super::value::Parsed;

const SHORTEST: usize = 16;
const LONGEST: usize = 1024;
const ADVICE: &str = "write one with: (umask 077; openssl rand -hex 32 > FILE)";

/// A secret; `{:?}` does not tell it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Arc<str>);

impl Token {
    /// Reads it from a file that nobody else may read: its text, without the white space around it.
    ///
    /// # Errors
    /// What is wrong with the file, and what would be right.
    pub fn read(file: &Path) -> Result<Self, String> {
        let name = file.display();
        let read = || {
            // Not to wait for somebody to write into a pipe.
            let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(file)?;
            let (is_file, mode) = (file.metadata()?.is_file(), file.metadata()?.mode() & 0o777);
            let mut text = Vec::new();
            if is_file {
                file.take(LONGEST as u64 + 1).read_to_end(&mut text)?;
            }
            Ok((is_file, mode, text))
        };
        let (is_file, mode, text) = read().map_err(|error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => format!("{name} does not exist; {ADVICE}"),
            io::ErrorKind::PermissionDenied => format!("{name} may not be read; it has to belong to who runs evenkeel"),
            kind => format!("{name} cannot be read: {kind}"),
        })?;
        if !is_file {
            return Err(format!("{name} is no file; {ADVICE}"));
        }
        if mode & 0o077 != 0 {
            return Err(format!("{name} can be read by others (its mode is {mode:03o}); chmod 600 {name}"));
        }
        match str::from_utf8(text.trim_ascii()) {
            Ok("") => Err(format!("{name} is empty; {ADVICE}")),
            Ok(token) if token.len() < SHORTEST => {
                Err(format!("{name} holds {} characters; a token has {SHORTEST} to {LONGEST}", token.len()))
            }
            Ok(token) if token.len() <= LONGEST && token.bytes().all(|b| b.is_ascii_graphic()) => Ok(Self(token.into())),
            _ => Err(format!("{name} holds no token; {SHORTEST} to {LONGEST} letters, digits and signs, in one word")),
        }
    }

    /// Whether this is the token. Takes as long for a wrong one of the same length, wherever it differs.
    pub fn matches(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }

    /// The secret itself, for those who call.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The token in the file of this path.
pub(super) fn token(node: &Node) -> Parsed<Token> {
    match node {
        Node::Text(path) => Token::read(Path::new(path)),
        other => Err(format!("{other} is not a path; write the path of a file that holds the token")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Reads a file with this text and mode; its path is told as `F`.
    fn read(text: &str, mode: u32) -> Result<Token, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        Token::read(file.path()).map_err(|problem| problem.replace(file.path().to_str().unwrap(), "F"))
    }

    #[test]
    fn a_private_file_with_a_secret_is_a_token() {
        let token = read("  0123456789abcdef\n", 0o600).unwrap();
        assert!(token.matches(b"0123456789abcdef"));
        for wrong in ["", "0123456789abcdee", "0123456789abcdef0", " 0123456789abcdef"] {
            assert!(!token.matches(wrong.as_bytes()), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "Token(..)");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let long = "a".repeat(1025);
        for (text, mode, problem) in [
            ("0123456789abcdef", 0o640, "F can be read by others (its mode is 640); chmod 600 F"),
            ("0123456789abcdef", 0o604, "F can be read by others (its mode is 604); chmod 600 F"),
            (" \n", 0o600, "F is empty; "),
            ("0123456789abcde", 0o600, "F holds 15 characters; a token has 16 to 1024"),
            ("0123456789 abcdef", 0o600, "F holds no token; "),
            ("0123456789abcdef\u{e9}", 0o600, "F holds no token; "),
            (&long, 0o600, "F holds no token; "),
        ] {
            let told = read(text, mode).unwrap_err();
            assert!(told.starts_with(problem), "{told}");
        }
        assert!(Token::read(Path::new("/nowhere/token")).unwrap_err().starts_with("/nowhere/token does not exist; "));
        assert!(Token::read(Path::new("/dev/null")).unwrap_err().starts_with("/dev/null is no file; "));
    }
}
