//! The ports on AWS: DynamoDB, S3 and Kinesis.
//!
//! ```text
//! DynamoDB  <speed>     speed rows and their floors                 [`Speed`]
//!           <control>   checkpoints and shards                      [`Control`]
//!                       the tails of the master data set            [`Master`]
//! S3        <raw>       the master data set                         [`Master`]
//!           <views>     the batch views                             [`Views`]
//!           <failures>  batches that Lambda has given up            [`Failures`]
//! Kinesis   <stream>    heartbeats, shards, events to be sent       [`Stream`], [`Producer`]
//! Glue      <job>       builds that are too large for one machine   `Jobs`, with the feature `glue`
//! ```
//!
//! An adapter is made of a [`Connection`] and the name of the table, bucket or stream that it uses;
//! none of them makes one. No type of the SDKs leaves this module: what they say comes out as
//! [`anabranch_core::port::Error`], by what the caller can do about it.

mod bucket;
mod connection;
mod control;
mod error;
mod failures;
mod item;
#[cfg(feature = "glue")]
mod jobs;
mod master;
mod producer;
mod runtime;
mod speed;
mod stream;
mod tails;
#[cfg(test)]
mod tests;
mod views;

pub use connection::{Connection, Options};
pub use control::Control;
pub use failures::Failures;
#[cfg(feature = "glue")]
pub use jobs::Jobs;
pub use master::Master;
pub use producer::{Event, NotTaken, Producer};
pub use speed::{Layout, Speed};
pub use stream::{Stream, StreamShard};
pub use views::Views;
