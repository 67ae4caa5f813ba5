//! Speed rows in DynamoDB: one item each, put under a condition of its own.
//!
//! ```text
//! pk, sk    see `key`
//! key       the row's whole key, where the sort key has no room for it
//! applied   the last sequence number applied, in decimal: the condition compares it
//! state     the encoded state
//! ttl       seconds since the Unix epoch: from then on DynamoDB may remove the row
//! ```
//!
//! What is read is read consistently: an answer tells up to where it holds everything, so it must
//! not lack what was put before. Rows go by TTL, which costs nothing; the floor says at once that
//! they may. Why the keys are as they are, and what that costs, is decision 0012.

mod key;
mod spans;
#[cfg(test)]
mod tests;

use super::connection::Connection;
use super::error::failed;
use super::item::{Item, PARTITION_KEY, Read, SORT_KEY, bytes, number, text};
use super::runtime::Runtime;
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{self, Error, PutRow, Result, RowOutcome, SpeedRow, VisitRows};
use anabranch_core::view::Fingerprint;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use futures::stream::{self, Stream, StreamExt};
use spans::Spans;
use std::collections::HashMap;
use std::time::Duration;

const APPLIED: &str = "applied";
const STATE: &str = "state";
const KEY: &str = "key";
const TTL: &str = "ttl";

/// Puts that are under way at once. The client's pace, not this, is what a throttled table slows.
const PUTS_AT_ONCE: usize = 64;
/// Partitions that are read at once.
const QUERIES_AT_ONCE: usize = 32;
/// DynamoDB's limit for an item, and what its attributes' names and small values take of it.
const ITEM_BYTES: usize = 400 << 10;
const OVERHEAD_BYTES: usize = 1 << 10;
/// How long rows are kept: longer than a batch layer stands still before somebody mends it.
const KEEP: Duration = Duration::from_secs(14 * 24 * 3600);

/// How a table is laid out; the same for its whole life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// How many epochs share a partition: about as many as come between two batch versions. An
    /// answer reads one or two spans more than it needs epochs.
    pub epochs_per_span: u64,
    /// Over how many partitions the rows of a span are spread. Each takes 1,000 writes of up to a
    /// KiB per second; an answer reads all of them.
    pub buckets: u32,
}

impl Layout {
    fn span(self, epoch: Epoch) -> u64 {
        epoch.0 / self.epochs_per_span
    }

    /// The first epoch behind a span.
    fn end_of(self, span: u64) -> Epoch {
        Epoch(span.saturating_add(1).saturating_mul(self.epochs_per_span))
    }
}

impl Default for Layout {
    fn default() -> Self {
        Layout { epochs_per_span: 16, buckets: 4 }
    }
}

/// What the owner of the credentials may do to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// The speed rows in a table of DynamoDB.
#[derive(Debug)]
pub struct Speed {
    client: Client,
    runtime: Runtime,
    table: String,
    layout: Layout,
    spans: Spans,
}

/// A put as DynamoDB takes it.
#[derive(Debug)]
struct EncodedPut {
    /// Its place among the puts of a call.
    index: usize,
    item: Item,
    expected: Option<String>,
}

impl Speed {
    /// The speed rows in the table `table`, which is there.
    ///
    /// # Errors
    /// [`Error::Refused`] if the layout is impossible or the table has another.
    pub async fn open(connection: &Connection, table: &str, layout: Layout) -> Result<Self> {
        Self::open_for(connection, table, layout, Access::Write).await
    }

    /// The same for those who may only read. A table that nobody has written to yet has no rows.
    ///
    /// # Errors
    /// As above.
    pub async fn open_to_read(
        connection: &Connection,
        table: &str,
        layout: Layout,
    ) -> Result<Self> {
        Self::open_for(connection, table, layout, Access::Read).await
    }

    async fn open_for(
        connection: &Connection,
        table: &str,
        layout: Layout,
        access: Access,
    ) -> Result<Self> {
        if layout.epochs_per_span == 0 || layout.buckets == 0 {
            return Err(Error::Refused {
                object: format!("table {table}"),
                reason: "a span has an epoch or more, and a bucket or more".to_owned(),
            });
        }
        let (client, runtime) = (connection.dynamo_db(), connection.runtime());
        let spans = Spans {
            client: client.clone(),
            runtime: runtime.clone(),
            table: table.to_owned(),
            keep: KEEP,
            entered: Default::default(),
        };
        spans.check_layout(layout, access).await?;
        Ok(Speed { client, runtime, table: table.to_owned(), layout, spans })
    }

    /// A put's item, under its partition and sort key.
    async fn encode(&self, index: usize, put: PutRow) -> Result<((String, Vec<u8>), EncodedPut)> {
        let PutRow { id, expected, row } = put;
        let size = id.key.len() + row.state.len() + OVERHEAD_BYTES;
        if size > ITEM_BYTES {
            return Err(Error::Refused {
                object: format!("speed row of {}, shard {}", id.fingerprint, id.shard),
                reason: format!(
                    "its state has {} bytes, and an item of DynamoDB at most 400 KiB in all",
                    row.state.len()
                ),
            });
        }
        let span = self.layout.span(id.epoch);
        let span = self.spans.enter(id.fingerprint, span).await?;
        let bucket = key::bucket(self.layout, &id.key);
        let partition = key::partition(id.fingerprint, span, bucket);
        let (sort_key, is_cut) = key::encode(&id)?;
        let mut item = Item::from([
            (PARTITION_KEY.to_owned(), text(&partition)),
            (SORT_KEY.to_owned(), bytes(sort_key.clone())),
            (APPLIED.to_owned(), text(row.applied)),
            (STATE.to_owned(), bytes(row.state)),
            (TTL.to_owned(), number(span.until)),
        ]);
        if is_cut {
            item.insert(KEY.to_owned(), bytes(id.key));
        }
        let expected = expected.map(|sequence| sequence.to_string());
        Ok(((partition, sort_key), EncodedPut { index, item, expected }))
    }

    /// Puts to one row, one after the other.
    async fn put_in_order(&self, puts: Vec<EncodedPut>) -> Result<Vec<(usize, RowOutcome)>> {
        let mut outcomes = Vec::with_capacity(puts.len());
        for put in puts {
            outcomes.push((put.index, self.put(put).await?));
        }
        Ok(outcomes)
    }

    async fn put(&self, put: EncodedPut) -> Result<RowOutcome> {
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(put.item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let request = match put.expected {
            None => request.condition_expression("attribute_not_exists(pk)"),
            Some(expected) => request
                .condition_expression("#applied = :expected")
                .expression_attribute_names("#applied", APPLIED)
                .expression_attribute_values(":expected", text(expected)),
        };
        let object = || format!("speed row in table {}", self.table);
        match self.runtime.run(request.send()).await {
            Ok(_) => Ok(RowOutcome::Written),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(there)) => {
                    let row = there.item.clone().map(|item| take_row(item, &object()));
                    Ok(RowOutcome::Conflict(row.transpose()?))
                }
                _ => Err(failed(object(), &error)),
            },
        }
    }

    /// The items of one partition whose sort keys begin with `head`, by the page.
    fn pages(
        &self,
        partition: String,
        head: &[u8],
    ) -> impl Stream<Item = Result<Vec<Item>>> + Send {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression(match head {
                [] => "pk = :pk",
                _ => "pk = :pk AND begins_with(sk, :head)",
            })
            .expression_attribute_values(":pk", text(&partition));
        if !head.is_empty() {
            query = query.expression_attribute_values(":head", bytes(head.to_vec()));
        }
        let object = format!("speed rows {partition} in table {}", self.table);
        let state = (query.into_paginator().send(), self.runtime.clone(), object);
        stream::unfold(state, |(mut pages, runtime, object)| async move {
            let page = runtime.run(pages.next()).await?;
            let items = page.map(|page| page.items.unwrap_or_default());
            Some((items.map_err(|e| failed(&object, &e)), (pages, runtime, object)))
        })
    }
}

impl port::SpeedStore for Speed {
    async fn put_rows(&self, puts: Vec<PutRow>) -> Result<Vec<RowOutcome>> {
        // A hash map's order spreads the puts over the partitions.
        let mut by_row: HashMap<(String, Vec<u8>), Vec<EncodedPut>> = HashMap::new();
        let mut outcomes = vec![RowOutcome::Written; puts.len()];
        for (index, put) in puts.into_iter().enumerate() {
            let (row, put) = self.encode(index, put).await?;
            by_row.entry(row).or_default().push(put);
        }
        let puts: Vec<_> = by_row.into_values().map(|puts| self.put_in_order(puts)).collect();
        let mut done = stream::iter(puts).buffer_unordered(PUTS_AT_ONCE);
        while let Some(put) = done.next().await {
            for (index, outcome) in put? {
                outcomes[index] = outcome;
            }
        }
        Ok(outcomes)
    }

    async fn scan(
        &self,
        fingerprint: Fingerprint,
        prefix: &[u8],
        from: Epoch,
        visit: VisitRows<'_>,
    ) -> Result<Epoch> {
        let known = self.spans.known(fingerprint, self.layout.span(from)).await?;
        let from = from.max(known.floor);
        let first = self.layout.span(from);
        let mut partitions = Vec::new();
        for span in known.spans.iter().filter(|span| span.number >= first) {
            for bucket in 0..self.layout.buckets {
                let partition = key::partition(fingerprint, *span, bucket);
                partitions.push(Box::pin(self.pages(partition, key::head(prefix))));
            }
        }
        let mut pages = stream::iter(partitions).flatten_unordered(QUERIES_AT_ONCE);
        let object = format!("speed rows of {fingerprint} in table {}", self.table);
        while let Some(items) = pages.next().await {
            for item in items? {
                visit_item(item, prefix, from, &object, visit)?;
            }
        }
        // A floor that was raised meanwhile has taken no row; time may have.
        Ok(known.floor.max(spans::first_kept(&known.spans, self.layout)))
    }

    /// Removes no row: all of them have their time, and go by themselves.
    async fn expire(&self, fingerprint: Fingerprint, below: Epoch) -> Result<u64> {
        self.spans.raise_floor(fingerprint, below).await?;
        Ok(0)
    }

    /// Removes no row either: a view that comes again has other partitions.
    async fn forget(&self, fingerprint: Fingerprint) -> Result<()> {
        self.spans.forget(fingerprint).await
    }
}

/// Visits an item, if it is a row with the prefix and of an epoch that are wanted.
fn visit_item(
    item: Item,
    prefix: &[u8],
    from: Epoch,
    object: &str,
    visit: VisitRows<'_>,
) -> Result<()> {
    let mut read = Read::new(item, object);
    let sort_key = read.bytes(SORT_KEY)?;
    let found = key::decode(&sort_key)
        .ok_or_else(|| Error::corrupt(object, "a sort key does not add up"))?;
    let whole = read.bytes_if_any(KEY);
    if whole.as_ref().is_some_and(|whole| !key::is_whole(found.key, whole)) {
        return Err(Error::corrupt(object, "a key is not the one that its sort key is made of"));
    }
    let key = whole.as_deref().unwrap_or(found.key);
    // A shorter key may look as if it had the prefix, by the epoch behind it.
    if found.epoch < from || !key.starts_with(prefix) {
        return Ok(());
    }
    let row = SpeedRow { applied: read.parse(APPLIED)?, state: read.bytes(STATE)? };
    visit(key, found.epoch, &found.shard, &row)
}

fn take_row(item: Item, object: &str) -> Result<SpeedRow> {
    let mut read = Read::new(item, object);
    Ok(SpeedRow { applied: read.parse(APPLIED)?, state: read.bytes(STATE)? })
}
