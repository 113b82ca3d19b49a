//! A key that only this evenkeel knows, and what can be proved with it.

use std::fmt;
use std::io;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// 32 random bytes; as text, 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret([u8; 32]);

/// What only the owner of a [`Secret`] can make: 128 bits as hexadecimal digits.
pub type Token = [u8; 32];

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// The system has no random bytes to give.
    pub fn random() -> io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self(key))
    }

    /// The token of these words: HMAC-SHA256, the first half of it. Equal words give equal tokens; no token tells anything of
    /// the words or of another one.
    pub fn token(&self, words: &[&str]) -> Token {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length of key will do");
        for word in words {
            // With its length, so that no two lists of words are the same bytes.
            mac.update(&(word.len() as u64).to_be_bytes());
            mac.update(word.as_bytes());
        }
        let mut token = [0; 32];
        for (digits, byte) in token.chunks_exact_mut(2).zip(mac.finalize().into_bytes()) {
            digits.copy_from_slice(&hex(byte));
        }
        token
    }
}

fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

impl fmt::Debug for Secret {
    /// Says nothing of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.0.into_iter().flat_map(hex).map(char::from).collect()
    }
}

impl TryFrom<String> for Secret {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks_exact(2).map(byte).collect();
        let key = bytes.filter(|_| text.len() == 64).and_then(|bytes| bytes.try_into().ok());
        key.map(Self).ok_or("a secret is 64 hexadecimal digits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_its_words_and_its_secret() {
        let (ours, other) = (Secret([7; 32]), Secret([8; 32]));
        let token = ours.token(&["web", "a"]);
        assert!(token.iter().all(u8::is_ascii_hexdigit));
        assert_eq!(ours.token(&["web", "a"]), token);
        for words in [&["web", "b"][..], &["weba"], &["we", "ba"], &["web", "a", ""], &[]] {
            assert_ne!(ours.token(words), token, "{words:?}");
        }
        assert_ne!(other.token(&["web", "a"]), token);
    }

    #[test]
    fn the_tokens_are_those_of_the_standard() {
        // Made with another implementation, Python's `hmac`.
        let key = Secret([0x0b; 32]);
        assert_eq!(&key.token(&[]), b"5177e637aaac0b50e5dca8bb05b0b571");
        assert_eq!(&key.token(&["web", "a"]), b"4186ed7ee0199d095e1207bd136d4162");
    }

    #[test]
    fn a_secret_reads_as_it_is_written_and_is_never_shown() {
        let secret = Secret::random().unwrap();
        assert_ne!(secret, Secret::random().unwrap());
        let text = String::from(secret.clone());
        assert_eq!(Secret::try_from(text.clone()), Ok(secret.clone()));
        assert!(!format!("{secret:?}").contains(&text[..4]));
        for wrong in ["", "00", &"g".repeat(64), &"0".repeat(63), &"0".repeat(66), &"ü".repeat(32)] {
            Secret::try_from((*wrong).to_owned()).unwrap_err();
        }
    }
}
