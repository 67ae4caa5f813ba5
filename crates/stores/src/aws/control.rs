//! Checkpoints, the registry of shards and the definitions in DynamoDB, as JSON.
//!
//! ```text
//! pk = checkpoint/<shard>   sk = checkpoint    sequence, json     one partition per shard
//! pk = shards               sk = <shard>       json               read together, changed seldom
//! pk = definitions          sk = definitions   revision, json     up to 400 KiB in all
//! ```
//!
//! What a condition compares stands beside the JSON.

use super::connection::Connection;
use super::error::failed;
use super::item::{Item, PARTITION_KEY, Read, SORT_KEY, number, text};
use super::runtime::Runtime;
use anabranch_core::definitions::Definitions;
use anabranch_core::port::{self, Checkpoint, Error, Result, ShardInfo};
use anabranch_core::record::{SequenceNumber, ShardId};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

const CHECKPOINT: &str = "checkpoint";
const SHARDS: &str = "shards";
const DEFINITIONS: &str = "definitions";
const SEQUENCE: &str = "sequence";
const REVISION: &str = "revision";
const JSON: &str = "json";

/// The checkpoints, shards and definitions in a table of DynamoDB.
#[derive(Debug)]
pub struct Control {
    client: Client,
    runtime: Runtime,
    table: String,
}

impl Control {
    /// The checkpoints, shards and definitions in the table `table`, which is there.
    pub fn new(connection: &Connection, table: &str) -> Self {
        Control {
            client: connection.dynamo_db(),
            runtime: connection.runtime(),
            table: table.to_owned(),
        }
    }

    /// What errors call an item.
    fn object(&self, kind: &str, shard: &ShardId) -> String {
        format!("{kind} of shard {shard} in table {}", self.table)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        partition_key: String,
        sort_key: &str,
        object: &str,
    ) -> Result<Option<T>> {
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true)
            .key(PARTITION_KEY, text(partition_key))
            .key(SORT_KEY, text(sort_key))
            .send();
        let got = self.runtime.run(get).await.map_err(|e| failed(object, &e))?;
        got.item.map(|item| decode(item, object)).transpose()
    }

    /// Sends a put on the condition that the item's attribute `name` is `expected`, or that there is
    /// no item. Returns whether it was.
    async fn put_if(
        &self,
        put: PutItemFluentBuilder,
        name: &str,
        expected: Option<AttributeValue>,
        object: &str,
    ) -> Result<bool> {
        let put = match expected {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(expected) => put
                .condition_expression("#name = :expected")
                .expression_attribute_names("#name", name)
                .expression_attribute_values(":expected", expected),
        };
        match self.runtime.run(put.send()).await {
            Ok(_) => Ok(true),
            Err(e)
                if e.as_service_error()
                    .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(e) => Err(failed(object, &e)),
        }
    }
}

impl port::Control for Control {
    async fn checkpoint(&self, shard: &ShardId) -> Result<Option<Checkpoint>> {
        self.get(checkpoint_key(shard), CHECKPOINT, &self.object(CHECKPOINT, shard)).await
    }

    async fn put_checkpoint(
        &self,
        shard: &ShardId,
        expected: Option<SequenceNumber>,
        checkpoint: &Checkpoint,
    ) -> Result<bool> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(PARTITION_KEY, text(checkpoint_key(shard)))
            .item(SORT_KEY, text(CHECKPOINT))
            .item(SEQUENCE, text(checkpoint.sequence))
            .item(JSON, text(encode(checkpoint)));
        self.put_if(put, SEQUENCE, expected.map(text), &self.object(CHECKPOINT, shard)).await
    }

    /// The sort key is the name, so that DynamoDB's order is that of the names.
    async fn shards(&self) -> Result<Vec<ShardInfo>> {
        let object = format!("shards in table {}", self.table);
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(SHARDS));
        let mut pages = query.into_paginator().send();
        let mut shards = Vec::new();
        while let Some(page) = self.runtime.run(pages.next()).await {
            for item in page.map_err(|e| failed(&object, &e))?.items.unwrap_or_default() {
                shards.push(decode(item, &object)?);
            }
        }
        Ok(shards)
    }

    async fn put_shard(&self, expected: Option<&ShardInfo>, info: &ShardInfo) -> Result<bool> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(PARTITION_KEY, text(SHARDS))
            .item(SORT_KEY, text(&info.shard))
            .item(JSON, text(encode(info)));
        let expected = expected.map(|expected| text(encode(expected)));
        self.put_if(put, JSON, expected, &self.object("entry", &info.shard)).await
    }

    async fn definitions(&self) -> Result<Option<Definitions>> {
        let object = format!("definitions in table {}", self.table);
        self.get(DEFINITIONS.to_owned(), DEFINITIONS, &object).await
    }

    async fn put_definitions(
        &self,
        expected: Option<u64>,
        definitions: &Definitions,
    ) -> Result<bool> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(PARTITION_KEY, text(DEFINITIONS))
            .item(SORT_KEY, text(DEFINITIONS))
            .item(REVISION, number(definitions.revision))
            .item(JSON, text(encode(definitions)));
        let object = format!("definitions in table {}", self.table);
        self.put_if(put, REVISION, expected.map(number), &object).await
    }
}

fn checkpoint_key(shard: &ShardId) -> String {
    format!("{CHECKPOINT}/{shard}")
}

fn encode(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("numbers, texts and maps by text have a JSON form")
}

fn decode<T: DeserializeOwned>(item: Item, object: &str) -> Result<T> {
    let json = Read::new(item, object).text(JSON)?;
    serde_json::from_str(&json).map_err(|e| Error::corrupt(object, e))
}
