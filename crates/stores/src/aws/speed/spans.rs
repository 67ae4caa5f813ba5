//! Which spans of epochs a view has rows in, until when they are kept, and its floor.
//!
//! ```text
//! pk = <fingerprint>, sk = "span" <span>      life             tells its rows from those of an earlier life
//!                                             until            its rows may go from that time on
//! pk = <fingerprint>, sk = "~floor"           floor            every row of an epoch below may go
//! pk = "layout",      sk = "layout"           epochs_per_span, buckets
//! ```
//!
//! A span is entered before its first row is put, so whoever sees a row can see its span, and it
//! stays: some 16 MB a year and view. DynamoDB's TTL removes rows; all rows of a span have the span's
//! time, and a reader that finds the time come takes the span for gone. So what the TTL took is never
//! taken for what was not there. The floor sorts behind the spans: one query reads what it needs.

use super::{Access, Layout};
use crate::aws::error::failed;
use crate::aws::item::{Item, PARTITION_KEY, Read, SORT_KEY, bytes, number, text};
use crate::aws::runtime::Runtime;
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{Error, Result};
use anabranch_core::view::Fingerprint;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const FLOOR: &str = "floor";
const FLOOR_KEY: &str = "~floor";
const SPAN: &str = "span";
const LIFE: &str = "life";
const UNTIL: &str = "until";
const LAYOUT: &str = "layout";
const EPOCHS_PER_SPAN: &str = "epochs_per_span";
const BUCKETS: &str = "buckets";

/// How far the clocks of writers, readers and DynamoDB may be apart.
const CLOCK_SKEW: Duration = Duration::from_secs(3600);
/// Items of spans that are removed at once.
const DELETES_AT_ONCE: usize = 64;
/// Spans that are remembered as entered.
const REMEMBERED: usize = 1 << 16;

/// The spans and floors of a table.
#[derive(Debug)]
pub(super) struct Spans {
    pub(super) client: Client,
    pub(super) runtime: Runtime,
    pub(super) table: String,
    pub(super) keep: Duration,
    /// The spans that this process has entered.
    pub(super) entered: Mutex<HashMap<(Fingerprint, u64), Span>>,
}

/// A span of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) number: u64,
    /// When it was entered, in nanoseconds since the Unix epoch. A view that was forgotten and comes
    /// again enters its spans anew, and does not meet the rows of its earlier life.
    pub(super) life: u64,
    /// Until when its rows are kept, in seconds since the Unix epoch.
    pub(super) until: u64,
}

/// What a view has in the table.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) floor: Epoch,
    pub(super) spans: Vec<Span>,
}

impl Spans {
    /// Makes the table's layout `layout`, or shows that it is. It is looked for first: nearly always
    /// it is there, and who may only read must not try to put it.
    pub(super) async fn check_layout(&self, layout: Layout, access: Access) -> Result<()> {
        let object = format!("the layout of table {}", self.table);
        let mut there = self.layout(&object).await?;
        if there.is_none() && access == Access::Write {
            let item = Item::from([
                (PARTITION_KEY.to_owned(), text(LAYOUT)),
                (SORT_KEY.to_owned(), bytes(LAYOUT.into())),
                (EPOCHS_PER_SPAN.to_owned(), number(layout.epochs_per_span)),
                (BUCKETS.to_owned(), number(layout.buckets.into())),
            ]);
            there = self.put_if_absent(item, &object).await?;
        }
        let Some(there) = there else { return Ok(()) };
        let mut there = Read::new(there, &object);
        let (epochs, buckets) = (there.number(EPOCHS_PER_SPAN)?, there.number(BUCKETS)?);
        if (epochs, buckets) == (layout.epochs_per_span, layout.buckets.into()) {
            return Ok(());
        }
        // Rows would be looked for where they are not.
        let reason = format!(
            "it is {epochs} epochs per span and {buckets} buckets, not {} and {}: it is the same for the life of a table",
            layout.epochs_per_span, layout.buckets
        );
        Err(Error::Refused { object, reason })
    }

    /// What says how the table is laid out; nothing before anybody has written to it.
    async fn layout(&self, object: &str) -> Result<Option<Item>> {
        let get = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true)
            .key(PARTITION_KEY, text(LAYOUT))
            .key(SORT_KEY, bytes(LAYOUT.into()))
            .send();
        Ok(self.runtime.run(get).await.map_err(|e| failed(object, &e))?.item)
    }

    /// Enters a span, if nobody has, and returns it.
    pub(super) async fn enter(&self, fingerprint: Fingerprint, number: u64) -> Result<Span> {
        if let Some(span) = self.entered().get(&(fingerprint, number)) {
            return Ok(*span);
        }
        let object = format!("span {number} of {fingerprint} in table {}", self.table);
        let now = since_unix_epoch();
        let life = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let mut span = Span { number, life, until: (now + self.keep).as_secs() };
        let item = Item::from([
            (PARTITION_KEY.to_owned(), text(fingerprint)),
            (SORT_KEY.to_owned(), bytes(span_key(number))),
            (LIFE.to_owned(), self::number(span.life)),
            (UNTIL.to_owned(), self::number(span.until)),
        ]);
        if let Some(there) = self.put_if_absent(item, &object).await? {
            span = take_span(number, &mut Read::new(there, &object))?;
        }
        let mut entered = self.entered();
        if entered.len() >= REMEMBERED {
            entered.clear();
        }
        entered.insert((fingerprint, number), span);
        Ok(span)
    }

    /// The spans of a view from `first` on, and its floor.
    pub(super) async fn known(&self, fingerprint: Fingerprint, first: u64) -> Result<Known> {
        let object = format!("spans of {fingerprint} in table {}", self.table);
        let mut known = Known { floor: Epoch::ZERO, spans: Vec::new() };
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk >= :first")
            .expression_attribute_values(":pk", text(fingerprint))
            .expression_attribute_values(":first", bytes(span_key(first)))
            .into_paginator();
        let mut pages = query.send();
        while let Some(page) = self.runtime.run(pages.next()).await {
            let page = page.map_err(|e| failed(&object, &e))?;
            for item in page.items.unwrap_or_default() {
                let mut item = Read::new(item, &object);
                let sort_key = item.bytes(SORT_KEY)?;
                if sort_key == FLOOR_KEY.as_bytes() {
                    known.floor = Epoch(item.number(FLOOR)?);
                } else {
                    let number = parse_span_key(&sort_key)
                        .ok_or_else(|| Error::corrupt(&object, "an item is no span's"))?;
                    known.spans.push(take_span(number, &mut item)?);
                }
            }
        }
        Ok(known)
    }

    /// Raises the floor of a view; it never falls.
    pub(super) async fn raise_floor(&self, fingerprint: Fingerprint, below: Epoch) -> Result<()> {
        let object = format!("floor of {fingerprint} in table {}", self.table);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, text(fingerprint))
            .key(SORT_KEY, bytes(FLOOR_KEY.into()))
            .update_expression("SET #floor = :below")
            .condition_expression("attribute_not_exists(#floor) OR #floor < :below")
            .expression_attribute_names("#floor", FLOOR)
            .expression_attribute_values(":below", number(below.0))
            .send();
        match self.runtime.run(update).await {
            Ok(_) => Ok(()),
            Err(e)
                if e.as_service_error()
                    .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(e) => Err(failed(&object, &e)),
        }
    }

    /// Removes what is known of a view: its rows are found no more. Nobody puts any meanwhile.
    pub(super) async fn forget(&self, fingerprint: Fingerprint) -> Result<()> {
        let known = self.known(fingerprint, 0).await?;
        let keys = known.spans.iter().map(|span| span_key(span.number)).chain([FLOOR_KEY.into()]);
        let deletes: Vec<_> = keys.map(|key| self.delete(fingerprint, key)).collect();
        stream::iter(deletes).buffer_unordered(DELETES_AT_ONCE).try_collect::<()>().await?;
        self.entered().retain(|(of, _), _| *of != fingerprint);
        Ok(())
    }

    async fn delete(&self, fingerprint: Fingerprint, sort_key: Vec<u8>) -> Result<()> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(PARTITION_KEY, text(fingerprint))
            .key(SORT_KEY, bytes(sort_key))
            .send();
        let object = || format!("spans of {fingerprint} in table {}", self.table);
        self.runtime.run(delete).await.map_err(|e| failed(object(), &e))?;
        Ok(())
    }

    /// Puts an item, or returns the one that is there.
    async fn put_if_absent(&self, item: Item, object: &str) -> Result<Option<Item>> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send();
        match self.runtime.run(put).await {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(there)) => {
                    let there = there.item.clone();
                    there.map(Some).ok_or_else(|| {
                        Error::corrupt(object, "a failed condition did not return the item")
                    })
                }
                _ => Err(failed(object, &error)),
            },
        }
    }

    fn entered(&self) -> MutexGuard<'_, HashMap<(Fingerprint, u64), Span>> {
        self.entered.lock().expect("no critical section of the spans panics")
    }
}

/// The first epoch behind those spans whose time has come.
pub(super) fn first_kept(spans: &[Span], layout: Layout) -> Epoch {
    let gone_before = (since_unix_epoch() + CLOCK_SKEW).as_secs();
    let gone = spans.iter().filter(|span| span.until <= gone_before).map(|span| span.number);
    gone.max().map_or(Epoch::ZERO, |span| layout.end_of(span))
}

fn take_span(number: u64, item: &mut Read<'_>) -> Result<Span> {
    Ok(Span { number, life: item.number(LIFE)?, until: item.number(UNTIL)? })
}

fn span_key(span: u64) -> Vec<u8> {
    [SPAN.as_bytes(), &span.to_be_bytes()].concat()
}

fn parse_span_key(sort_key: &[u8]) -> Option<u64> {
    let span = sort_key.strip_prefix(SPAN.as_bytes())?;
    Some(u64::from_be_bytes(span.try_into().ok()?))
}

/// By this machine's clock.
fn since_unix_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
