//! A request's verdict, by tokens that are at most a minute old.

use crate::tokens::Tokens;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For so long tokens are taken from memory: a token that is removed lets nobody in after this, and
/// what API Gateway remembers.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Where the secret is.
pub trait Secret: Send + Sync {
    /// Its text, as of now, or why it cannot be read.
    fn read(&self) -> impl Future<Output = Result<String, String>> + Send;
}

/// What API Gateway asks, in its payload format 2.0: no more than is needed of it.
#[derive(Debug, Deserialize)]
pub struct Request {
    /// By name, in lower case.
    #[serde(default)]
    pub headers: HashMap<String, String>,
}

/// The verdict.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Response {
    /// Whether the request goes on.
    #[serde(rename = "isAuthorized")]
    pub is_authorized: bool,
    /// What the access log can say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
}

/// Who was let in.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Context {
    /// The token's name.
    pub client: String,
}

/// The tokens, and when they were read.
type Known = Option<(Instant, Arc<Tokens>)>;

/// Says who is let in.
pub struct Authorizer<S> {
    secret: S,
    known: Mutex<Known>,
}

impl<S: Secret> Authorizer<S> {
    /// One that lets in who has a token of `secret`.
    pub fn new(secret: S) -> Self {
        Authorizer { secret, known: Mutex::new(None) }
    }

    /// Whether `request` is let in, at `now`.
    ///
    /// # Errors
    /// If it is not known who may be let in.
    pub async fn authorize(&self, request: &Request, now: Instant) -> Result<Response, String> {
        let refused = Response { is_authorized: false, context: None };
        let Some(header) = request.headers.get("authorization") else { return Ok(refused) };
        let tokens = self.tokens(now).await?;
        let Some(name) = tokens.name(header) else { return Ok(refused) };
        Ok(Response { is_authorized: true, context: Some(Context { client: name.to_owned() }) })
    }

    async fn tokens(&self, now: Instant) -> Result<Arc<Tokens>, String> {
        if let Some((read, tokens)) = &*self.known()
            && now.saturating_duration_since(*read) < REMEMBERED
        {
            return Ok(Arc::clone(tokens));
        }
        let tokens = Tokens::parse(&self.secret.read().await?).map_err(|e| e.to_string())?;
        let tokens = Arc::new(tokens);
        *self.known() = Some((now, Arc::clone(&tokens)));
        Ok(tokens)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "old-token-of-twenty-and-more";
    const NEW: &str = "new-token-of-twenty-and-more";

    /// A secret that changes, and how often it was read.
    struct Changing(Mutex<(Result<String, String>, u32)>);

    impl Changing {
        fn set(&self, text: Result<&str, &str>) {
            self.0.lock().unwrap().0 = text.map(str::to_owned).map_err(str::to_owned);
        }

        fn reads(&self) -> u32 {
            self.0.lock().unwrap().1
        }
    }

    impl Secret for &Changing {
        async fn read(&self) -> Result<String, String> {
            let mut state = self.0.lock().unwrap();
            state.1 += 1;
            state.0.clone()
        }
    }

    fn secret(token: &str) -> String {
        format!(r#"{{"first": "{token}"}}"#)
    }

    fn changing(token: &str) -> Changing {
        Changing(Mutex::new((Ok(secret(token)), 0)))
    }

    fn request(json: &str) -> Request {
        serde_json::from_str(json).unwrap()
    }

    fn with_token(token: &str) -> Request {
        request(&format!(
            r#"{{"version": "2.0", "type": "REQUEST", "headers": {{"authorization": "Bearer {token}"}}}}"#
        ))
    }

    #[tokio::test]
    async fn the_verdict_is_what_api_gateway_reads() {
        let changing = changing(OLD);
        let authorizer = Authorizer::new(&changing);
        let verdict = async |request: &Request| {
            let response = authorizer.authorize(request, Instant::now()).await.unwrap();
            serde_json::to_string(&response).unwrap()
        };
        let let_in = r#"{"isAuthorized":true,"context":{"client":"first"}}"#;
        assert_eq!(verdict(&with_token(OLD)).await, let_in);
        let refused = r#"{"isAuthorized":false}"#;
        assert_eq!(verdict(&with_token(NEW)).await, refused);
        assert_eq!(verdict(&request(r#"{"headers": {"cookie": "x"}}"#)).await, refused);
        assert_eq!(verdict(&request("{}")).await, refused);
    }

    #[tokio::test]
    async fn a_token_that_is_exchanged_lets_in_and_out_within_a_minute() {
        let changing = changing(OLD);
        let authorizer = Authorizer::new(&changing);
        let start = Instant::now();
        let is_let_in = async |token: &str, after: u64| {
            let now = start + Duration::from_secs(after);
            authorizer.authorize(&with_token(token), now).await.unwrap().is_authorized
        };
        assert!(is_let_in(OLD, 0).await);
        changing.set(Ok(&secret(NEW)));
        assert!(is_let_in(OLD, 59).await);
        assert_eq!(changing.reads(), 1, "a secret costs money to read");
        assert!(!is_let_in(OLD, 60).await);
        assert!(is_let_in(NEW, 61).await);
        assert_eq!(changing.reads(), 2);
    }

    #[tokio::test]
    async fn nobody_is_let_in_while_it_is_not_known_who_may() {
        let changing = changing(OLD);
        let authorizer = Authorizer::new(&changing);
        let start = Instant::now();
        authorizer.authorize(&with_token(OLD), start).await.unwrap();
        let later = start + REMEMBERED;
        for wrong in [Err("access denied"), Ok("{}")] {
            changing.set(wrong);
            authorizer.authorize(&with_token(OLD), later).await.unwrap_err();
        }
        changing.set(Ok(&secret(OLD)));
        assert!(authorizer.authorize(&with_token(OLD), later).await.unwrap().is_authorized);
    }
}
