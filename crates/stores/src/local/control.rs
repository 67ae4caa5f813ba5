//! Checkpoints and the registry of shards in redb, as JSON under the shard's name; and the
//! definitions, as JSON under the one name there is.
//!
//! They are in the speed rows' file, because a checkpoint's commit is what makes the rows before
//! it durable; see [`super::speed`].

use super::database::{DatabaseFile, Outcome};
use anabranch_core::definitions::Definitions;
use anabranch_core::port::{self, Checkpoint, Result, ShardInfo};
use anabranch_core::record::{SequenceNumber, ShardId};
use redb::{Durability, ReadableTable, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

const CHECKPOINTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("checkpoints");
const SHARDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("shards");
const DEFINITIONS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("definitions");

/// The name under which the definitions are: there is one set of them.
const DEPLOYED: &str = "deployed";

/// The checkpoints, shards and definitions of a data folder.
#[derive(Debug)]
pub struct Control {
    file: Arc<DatabaseFile>,
}

/// Makes the tables.
pub(super) fn set_up(transaction: &WriteTransaction) -> Outcome<()> {
    transaction.open_table(CHECKPOINTS)?;
    transaction.open_table(SHARDS)?;
    transaction.open_table(DEFINITIONS)?;
    Ok(())
}

impl Control {
    pub(super) fn new(file: Arc<DatabaseFile>) -> Self {
        Control { file }
    }
}

impl port::Control for Control {
    async fn checkpoint(&self, shard: &ShardId) -> Result<Option<Checkpoint>> {
        self.file.read(|transaction| {
            let found = transaction.open_table(CHECKPOINTS)?.get(shard.0.as_str())?;
            found.map(|json| decode("checkpoint of shard", &shard.0, json.value())).transpose()
        })
    }

    /// Synced, and with it every row put before.
    async fn put_checkpoint(
        &self,
        shard: &ShardId,
        expected: Option<SequenceNumber>,
        checkpoint: &Checkpoint,
    ) -> Result<bool> {
        let name = shard.0.as_str();
        self.file.write(Durability::Immediate, |transaction| {
            let mut checkpoints = transaction.open_table(CHECKPOINTS)?;
            let current: Option<Checkpoint> = match checkpoints.get(name)? {
                Some(json) => Some(decode("checkpoint of shard", name, json.value())?),
                None => None,
            };
            let matches = current.map(|current| current.sequence) == expected;
            if matches {
                checkpoints.insert(name, encode(checkpoint).as_slice())?;
            }
            Ok(matches)
        })
    }

    async fn shards(&self) -> Result<Vec<ShardInfo>> {
        self.file.read(|transaction| {
            let mut shards = Vec::new();
            for entry in transaction.open_table(SHARDS)?.iter()? {
                let (name, json) = entry?;
                shards.push(decode("registration of shard", name.value(), json.value())?);
            }
            Ok(shards)
        })
    }

    async fn put_shard(&self, expected: Option<&ShardInfo>, info: &ShardInfo) -> Result<bool> {
        let name = info.shard.0.as_str();
        self.file.write(Durability::Immediate, |transaction| {
            let mut shards = transaction.open_table(SHARDS)?;
            let current: Option<ShardInfo> = match shards.get(name)? {
                Some(json) => Some(decode("shard", name, json.value())?),
                None => None,
            };
            let matches = current.as_ref() == expected;
            if matches {
                shards.insert(name, encode(info).as_slice())?;
            }
            Ok(matches)
        })
    }

    async fn definitions(&self) -> Result<Option<Definitions>> {
        self.file.read(|transaction| {
            let found = transaction.open_table(DEFINITIONS)?.get(DEPLOYED)?;
            found.map(|json| decode("definitions", DEPLOYED, json.value())).transpose()
        })
    }

    async fn put_definitions(
        &self,
        expected: Option<u64>,
        definitions: &Definitions,
    ) -> Result<bool> {
        self.file.write(Durability::Immediate, |transaction| {
            let mut table = transaction.open_table(DEFINITIONS)?;
            let current: Option<Definitions> = match table.get(DEPLOYED)? {
                Some(json) => Some(decode("definitions", DEPLOYED, json.value())?),
                None => None,
            };
            let matches = current.map(|current| current.revision) == expected;
            if matches {
                table.insert(DEPLOYED, encode(definitions).as_slice())?;
            }
            Ok(matches)
        })
    }
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("numbers, texts and maps by text have a JSON form")
}

fn decode<T: DeserializeOwned>(kind: &str, name: &str, json: &[u8]) -> Outcome<T> {
    serde_json::from_slice(json).map_err(|e| redb::Error::Corrupted(format!("{kind} {name}: {e}")))
}
