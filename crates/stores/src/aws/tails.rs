//! The last object of each shard's chain, beside the control items in DynamoDB.
//!
//! ```text
//! pk = tail/<shard>   sk = tail   position (epoch and first sequence number, zero-padded), json
//! ```
//!
//! The objects in S3 are the truth, and an item only says where to look. It never goes back.

use super::connection::Connection;
use super::error::failed;
use super::item::{PARTITION_KEY, Read, SORT_KEY, text};
use super::runtime::Runtime;
use anabranch_core::port::{Error, ObjectInfo, Result};
use anabranch_core::record::ShardId;
use aws_sdk_dynamodb::Client;

const TAIL: &str = "tail";
const POSITION: &str = "position";
const JSON: &str = "json";

/// The tails in a table of DynamoDB.
#[derive(Debug)]
pub(super) struct Tails {
    client: Client,
    runtime: Runtime,
    table: String,
}

impl Tails {
    pub(super) fn new(connection: &Connection, table: &str) -> Self {
        let (client, runtime) = (connection.dynamo_db(), connection.runtime());
        Tails { client, runtime, table: table.to_owned() }
    }

    fn object(&self, shard: &ShardId) -> String {
        format!("tail of shard {shard} in table {}", self.table)
    }

    /// The last object that was entered for a shard.
    pub(super) async fn get(&self, shard: &ShardId) -> Result<Option<ObjectInfo>> {
        let object = self.object(shard);
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true)
            .key(PARTITION_KEY, text(key(shard)))
            .key(SORT_KEY, text(TAIL))
            .send();
        let got = self.runtime.run(get).await.map_err(|e| failed(&object, &e))?;
        let Some(item) = got.item else { return Ok(None) };
        let json = Read::new(item, &object).text(JSON)?;
        serde_json::from_str(&json).map(Some).map_err(|e| Error::corrupt(&object, e))
    }

    /// Enters an object, unless it or a later one of its shard is there.
    pub(super) async fn advance(&self, info: &ObjectInfo) -> Result<()> {
        let json = serde_json::to_string(info).expect("numbers and texts have a JSON form");
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(PARTITION_KEY, text(key(&info.shard)))
            .item(SORT_KEY, text(TAIL))
            .item(POSITION, text(position(info)))
            .item(JSON, text(json))
            .condition_expression("attribute_not_exists(pk) OR #position < :position")
            .expression_attribute_names("#position", POSITION)
            .expression_attribute_values(":position", text(position(info)))
            .send();
        match self.runtime.run(put).await {
            Ok(_) => Ok(()),
            Err(e)
                if e.as_service_error()
                    .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(e) => Err(failed(self.object(&info.shard), &e)),
        }
    }
}

fn key(shard: &ShardId) -> String {
    format!("{TAIL}/{shard}")
}

/// Texts whose order is that of the objects in a chain. A sequence number has 58 digits at most.
fn position(info: &ObjectInfo) -> String {
    format!("{:020}/{:0>58}", info.epoch.0, info.first.to_string())
}
