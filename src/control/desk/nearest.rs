//! The name that was probably meant by a misspelt one.

/// How alike two names must be, 0..=1.
const ALIKE: f64 = 0.8;

/// Longest name that is looked at, in bytes.
const LONGEST: usize = 130;

/// What is most like `written`, as the candidates' names go, if anything is.
pub(super) fn nearest<T>(written: &str, candidates: impl Iterator<Item = T>, name: impl Fn(&T) -> String) -> Option<T> {
    if written.len() > LONGEST {
        return None;
    }
    let written = written.to_lowercase();
    let alike = candidates.map(|candidate| (strsim::jaro_winkler(&written, &name(&candidate).to_lowercase()), candidate));
    let nearest = alike.filter(|(likeness, _)| *likeness >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_alike_is_named() {
        let guess = |written: &str| nearest(written, ["api-1", "api-2", "images"].into_iter(), ToString::to_string);
        assert_eq!(guess("api1"), Some("api-1"));
        assert_eq!(guess("API-2"), Some("api-2"));
        assert_eq!(guess("image"), Some("images"));
        assert_eq!(guess("db"), None);
        assert_eq!(guess(&"api-1".repeat(100)), None);
    }
}
