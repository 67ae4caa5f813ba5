//! The batches that Lambda has given up, as it leaves them in a bucket of S3: one object each, with
//! the whole invocation in it.
//!
//! ```text
//! aws/lambda/<event source mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid>
//! ```

use super::bucket::Bucket;
use super::connection::Connection;
use anabranch_core::port::Result;
use bytes::Bytes;

/// Where Lambda puts them.
const PREFIX: &str = "aws/lambda/";

/// The batches in a bucket.
#[derive(Debug)]
pub struct Failures {
    bucket: Bucket,
}

impl Failures {
    /// The batches in `bucket`, which is there.
    pub fn new(connection: &Connection, bucket: &str) -> Self {
        Failures { bucket: Bucket::new(connection, bucket) }
    }

    /// The name of each.
    ///
    /// # Errors
    /// Those of S3.
    pub async fn list(&self) -> Result<Vec<String>> {
        self.bucket.list(PREFIX, "").await
    }

    /// What Lambda has left under a name.
    ///
    /// # Errors
    /// Those of S3.
    pub async fn read(&self, name: &str) -> Result<Bytes> {
        Ok(self.bucket.get(name).await?.bytes)
    }

    /// Removes one.
    ///
    /// # Errors
    /// Those of S3.
    pub async fn remove(&self, name: &str) -> Result<()> {
        self.bucket.delete(vec![name.to_owned()]).await
    }
}
