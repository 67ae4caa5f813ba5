//! The tokens of a secret, of which only digests are kept.
//!
//! What is compared are SHA-256 digests: how long that takes tells nothing about a token.

use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Shorter ones could be guessed.
const LEAST_CHARACTERS: usize = 20;

/// The secret is not what it should be. No message holds a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokensError {
    /// It is no JSON object of texts.
    #[error("the secret is not a JSON object of names and tokens, such as {{\"grafana\": \"…\"}}")]
    Form,
    /// There is none.
    #[error("the secret has no token")]
    None,
    /// One is too short.
    #[error("the token of `{0}` has fewer than {LEAST_CHARACTERS} characters")]
    Short(String),
}

/// Who has which token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    names: HashMap<[u8; 32], String>,
}

impl Tokens {
    /// Those of a secret's text, `{"<name>": "<token>", …}`.
    ///
    /// # Errors
    /// [`TokensError`]
    pub fn parse(secret: &str) -> Result<Self, TokensError> {
        let tokens: BTreeMap<String, String> =
            serde_json::from_str(secret).map_err(|_| TokensError::Form)?;
        if tokens.is_empty() {
            return Err(TokensError::None);
        }
        let mut names = HashMap::new();
        for (name, token) in tokens {
            if token.chars().count() < LEAST_CHARACTERS {
                return Err(TokensError::Short(name));
            }
            names.insert(digest(&token), name);
        }
        Ok(Tokens { names })
    }

    /// The name of who sent the header `Authorization: <header>`, if it is one with a token.
    pub fn name(&self, header: &str) -> Option<&str> {
        let (scheme, token) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        self.names.get(&digest(token.trim_start())).map(String::as_str)
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "abcdefghijklmnopqrstuvwxyz";
    const GRAFANA: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    fn tokens() -> Tokens {
        let secret = format!(r#"{{"first": "{FIRST}", "grafana": "{GRAFANA}"}}"#);
        Tokens::parse(&secret).unwrap()
    }

    #[test]
    fn a_token_is_its_name_whatever_the_case_of_the_scheme() {
        let tokens = tokens();
        assert_eq!(tokens.name(&format!("Bearer {FIRST}")), Some("first"));
        assert_eq!(tokens.name(&format!("bearer  {GRAFANA} ")), Some("grafana"));
    }

    #[test]
    fn nothing_else_is_anybody() {
        let tokens = tokens();
        let cut = &FIRST[..25];
        for header in ["", "Bearer", "Bearer ", FIRST, "Bearer first"] {
            assert_eq!(tokens.name(header), None, "{header}");
        }
        for header in [
            format!("Basic {FIRST}"),
            format!("Bearer {cut}"),
            format!("Bearer {FIRST}a"),
            format!("Bearer {}", FIRST.to_uppercase() + "A"),
            format!("Bearer {FIRST} {GRAFANA}"),
        ] {
            assert_eq!(tokens.name(&header), None, "{header}");
        }
    }

    #[test]
    fn a_secret_that_lets_nobody_or_anybody_in_is_an_error_without_its_tokens() {
        let error = |secret: &str| Tokens::parse(secret).unwrap_err().to_string();
        assert_eq!(error("{}"), "the secret has no token");
        let form =
            "the secret is not a JSON object of names and tokens, such as {\"grafana\": \"…\"}";
        for secret in ["", "abcdefghijklmnopqrstuvwxyz", "[\"a\"]", "{\"a\": 1}"] {
            assert_eq!(error(secret), form);
        }
        let short =
            error(r#"{"first": "abcdefghijklmnopqrstuvwxyz", "other": "nineteen-characters"}"#);
        assert_eq!(short, "the token of `other` has fewer than 20 characters");
    }
}
