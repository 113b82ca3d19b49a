//! The token that proves who may talk to an admin API.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use http::HeaderValue;

const LONGEST: u64 = 4096;

/// A bearer token. It is never shown.
#[derive(Clone)]
pub struct Token(HeaderValue);

impl Token {
    /// Reads a file that holds nothing else, but perhaps a line break.
    ///
    /// # Errors
    /// What is wrong with the file, in words.
    pub fn read(path: &Path) -> Result<Self, String> {
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text));
        let wrong = |what: &str| Err(format!("the token file {} {what}", path.display()));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return wrong("does not exist"),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return wrong("is no text"),
            Err(error) => return wrong(&format!("cannot be read: {error}")),
            Ok(_) if text.len() as u64 > LONGEST => return wrong("is larger than 4 KiB; is this a token?"),
            Ok(_) => {}
        }
        let token = text.trim();
        if token.is_empty() || !token.chars().all(|c| c.is_ascii_graphic()) {
            return wrong("must hold one word of visible ASCII characters");
        }
        let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {token}")) else { return wrong("holds no token") };
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// As a request presents it.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_token_file_holds_one_word() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "s3cret\n").unwrap();
        let token = Token::read(&path).unwrap();
        assert_eq!(token.header(), "Bearer s3cret");
        assert!(!format!("{token:?} {:?}", token.header()).contains("s3cret"));
        for bad in ["", "\n", "two words", "\u{fc}", "x\0", &"x".repeat(5000)] {
            fs::write(&path, bad).unwrap();
            let said = Token::read(&path).unwrap_err();
            assert!(said.starts_with(&format!("the token file {}", path.display())), "{said}");
        }
        assert!(Token::read(Path::new("/nowhere/token")).unwrap_err().ends_with("does not exist"));
    }
}
