//! Connections, each on a thread of its own: take batches from the queue and deliver them.

use super::queue::Queue;
use super::retry::Retry;
use super::target::Target;
use super::{Arguments, http};
#[cfg(feature = "aws")]
use super::{judge::Judge, kinesis, partition_key::PartitionKeys};
use crate::failure::invalid;
use crate::server::Address;
use anabranch_core::project::Project;
use std::sync::Arc;

/// What each connection is made from.
pub(super) enum Connections {
    Http(Address),
    #[cfg(feature = "aws")]
    Kinesis {
        aws: Box<crate::aws::Aws>,
        stream: String,
        /// By whose value events choose their shard.
        column: Option<String>,
        /// Whose schema judges the events.
        project: Option<Arc<Project>>,
    },
}

impl Connections {
    /// Connections to where the arguments say.
    pub(super) fn open(
        arguments: &Arguments,
        project: Option<Arc<Project>>,
    ) -> anyhow::Result<Self> {
        match &arguments.to {
            Target::Server(_) if arguments.partition_key.is_some() => {
                Err(invalid("--partition-key: a server chooses the shard; only a stream asks"))
            }
            Target::Server(address) => Ok(Connections::Http(address.clone())),
            #[cfg(feature = "aws")]
            Target::Stream(stream) => Ok(Connections::Kinesis {
                aws: Box::new(crate::aws::Aws::connect()?),
                stream: stream.clone(),
                column: arguments.partition_key.clone(),
                project,
            }),
            #[cfg(not(feature = "aws"))]
            Target::Stream(_) => {
                drop(project);
                Err(crate::failure::built_without_aws(&format!("--to {}", arguments.to)))
            }
        }
    }

    /// Delivers batches of up to `batch_bytes` until the queue ends or one cannot be delivered.
    pub(super) fn run(
        &self,
        queue: &Queue,
        batch_bytes: usize,
        retry: Retry<'_>,
    ) -> anyhow::Result<()> {
        match self {
            Connections::Http(address) => {
                let connection = http::Connection::new(address);
                while let Some(batch) = queue.pop(batch_bytes) {
                    connection.deliver(&batch, retry)?;
                }
            }
            #[cfg(feature = "aws")]
            Connections::Kinesis { aws, stream, column, project } => {
                let keys = PartitionKeys::new(column.as_deref());
                let judge = project.as_ref().map(|project| Judge::new(&project.schema));
                let mut connection = kinesis::Connection::new(aws, stream, keys, judge);
                while let Some(batch) = queue.pop(batch_bytes) {
                    connection.deliver(batch, retry)?;
                }
            }
        }
        Ok(())
    }
}
