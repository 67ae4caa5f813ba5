//! The envelope in which Lambda hands over records of a Kinesis stream, and the one in which it
//! takes back what failed.
//!
//! ```text
//! {"Records":[{"kinesis":{…},"eventID":"shard:number",…},…]} ─> Batch ─> &[core Record] of one shard
//!                                                              └─> Fault: the first bad record, by its number
//! {"batchItemFailures":[{"itemIdentifier":"number"}]}       <─ Response
//! ```
//!
//! Names and forms are AWS's. A batch is read from the bytes of the invocation with borrowed texts,
//! and the payloads, which come as base64, are decoded into one run of bytes.
//!
//! **A bad record never hides the good ones before it.** Lambda delivers again from the lowest
//! number that is reported as failed, so a batch gives out its records up to the first bad one,
//! and that one's number if it can be read. Nothing behind it is given out: both layers take the
//! records of a shard in order and without gaps.

mod batch;
mod fault;
mod read;
mod response;
#[cfg(test)]
mod tests;
mod write;

pub use batch::Batch;
pub use fault::{Error, Fault};
pub use response::{ItemFailure, Response};
pub use write::event;
