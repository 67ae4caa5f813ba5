//! The ports on AWS: DynamoDB, S3 and Kinesis.
//!
//! ```text
//! DynamoDB  <speed>     speed rows and their floors                 [`Speed`]
//!           <control>   checkpoints and shards                      [`Control`]
//! ```
//!
//! An adapter is made of a [`Connection`] and the name of the table, bucket or stream that it uses;
//! none of them makes one. No type of the SDKs leaves this module: what they say comes out as
//! [`anabranch_core::port::Error`], by what the caller can do about it.

mod connection;
mod control;
mod error;
mod item;
mod runtime;
mod speed;
#[cfg(test)]
mod tests;

pub use connection::{Connection, Options};
pub use control::Control;
pub use speed::{Layout, Speed};
