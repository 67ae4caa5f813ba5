//! Letting in whoever has a token: the authorizer of the HTTP API, where it is not signatures.
//!
//! ```text
//! Authorization: Bearer <token> ──> [`Authorizer`] ──> is it one of the secret's?
//!                                        └── the secret {"<name>": "<token>", …}, read once a minute
//! ```
//!
//! A request without one of the tokens gets no further. When the secret cannot be read, nobody is let
//! in and API Gateway answers 500, because it is not known any more who may.

mod authorizer;
mod tokens;

pub use authorizer::{Authorizer, Request, Response, Secret};
pub use tokens::{Tokens, TokensError};
