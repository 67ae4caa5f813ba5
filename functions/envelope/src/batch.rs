//! A batch: the records of one invocation, in order, of one shard.

use crate::fault::{Error, Fault};
use crate::read::{self, Item};
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use std::borrow::Cow;
use std::ops::Range;

/// The latest arrival that is a time in RFC 3339: the end of the year 9999, in milliseconds.
const MAX_ARRIVAL_MS: f64 = 253_402_300_799_999.0;

/// The records of an invocation up to the first that cannot be read.
///
/// Their numbers rise. Partition keys borrow from the event, payloads from the batch.
#[derive(Debug)]
pub struct Batch<'a> {
    shard: Option<ShardId>,
    entries: Vec<Entry<'a>>,
    payloads: Vec<u8>,
    fault: Option<Fault>,
}

#[derive(Debug)]
struct Entry<'a> {
    sequence: SequenceNumber,
    arrival_ms: i64,
    partition_key: Cow<'a, str>,
    payload: Range<usize>,
}

impl<'a> Batch<'a> {
    /// Reads an event as Lambda hands it over.
    ///
    /// # Errors
    /// If it is none, or has records of several shards. A bad record is no error: see
    /// [`Self::fault`].
    pub fn read(event: &'a [u8]) -> Result<Self, Error> {
        match serde_json::from_slice::<read::Event<'a>>(event) {
            Ok(event) => {
                let mut batch = Batch::with_room(event.records.len());
                batch.payloads.reserve(event.records.iter().map(|i| i.kinesis.data.len()).sum());
                batch.take(event.records.into_iter().map(Ok))?;
                Ok(batch)
            }
            Err(_) => {
                let event: read::LooseEvent<'a> =
                    serde_json::from_slice(event).map_err(|e| Error::NoEvent(e.to_string()))?;
                let mut batch = Batch::with_room(event.records.len());
                batch.take(event.records.into_iter().map(read::item))?;
                Ok(batch)
            }
        }
    }

    fn with_room(records: usize) -> Self {
        Batch {
            shard: None,
            entries: Vec::with_capacity(records),
            payloads: Vec::new(),
            fault: None,
        }
    }

    /// Takes records until one is bad.
    fn take(
        &mut self,
        items: impl Iterator<Item = Result<Item<'a>, read::Bad<'a>>>,
    ) -> Result<(), Error> {
        // Stream and shard of the first record, as they are written.
        let mut first: Option<(Cow<'a, str>, String)> = None;
        for (index, item) in items.enumerate() {
            let fault = |field, reason, sequence| Some(Fault { index, sequence, field, reason });
            let item = match item {
                Ok(item) => item,
                Err(bad) => {
                    let sequence = bad.sequence_number.and_then(|text| sequence_number(&text).ok());
                    self.fault = fault(bad.field, bad.reason, sequence);
                    return Ok(());
                }
            };
            let sequence = match sequence_number(&item.kinesis.sequence_number) {
                Ok(sequence) => sequence,
                Err(reason) => {
                    self.fault = fault("sequenceNumber", reason, None);
                    return Ok(());
                }
            };
            let shard = match shard_name(&item.event_id) {
                Ok(shard) => shard,
                Err(reason) => {
                    self.fault = fault("eventID", reason, Some(sequence));
                    return Ok(());
                }
            };
            match &first {
                None => {
                    self.shard = Some(ShardId(shard.to_owned()));
                    first = Some((item.event_source_arn.clone(), shard.to_owned()));
                }
                Some((arn, name)) if *arn == item.event_source_arn && name == shard => {}
                Some((arn, name)) => {
                    let found = format!("{} {shard}", item.event_source_arn);
                    return Err(Error::SeveralShards {
                        index,
                        first: format!("{arn} {name}"),
                        found,
                    });
                }
            }
            if let Err((field, reason)) = self.push(sequence, item.kinesis) {
                self.fault = fault(field, reason, Some(sequence));
                return Ok(());
            }
        }
        Ok(())
    }

    fn push(
        &mut self,
        sequence: SequenceNumber,
        item: read::Kinesis<'a>,
    ) -> Result<(), (&'static str, String)> {
        if let Some(before) = self.entries.last()
            && before.sequence >= sequence
        {
            let reason = format!("{sequence} follows {}: expected rising numbers", before.sequence);
            return Err(("sequenceNumber", reason));
        }
        let arrival_ms = arrival_ms(item.approximate_arrival_timestamp)
            .map_err(|reason| ("approximateArrivalTimestamp", reason))?;
        let start = self.payloads.len();
        // The decoder makes room for each payload exactly, and would move all of them for every one.
        self.payloads.reserve(item.data.len());
        base64_simd::STANDARD
            .decode_append(item.data.as_bytes(), &mut self.payloads)
            .map_err(|_| ("data", "it is not base64".to_owned()))?;
        let payload = start..self.payloads.len();
        let partition_key = item.partition_key;
        self.entries.push(Entry { sequence, arrival_ms, partition_key, payload });
        Ok(())
    }

    /// The shard; `None` if not even the first record could be read.
    pub fn shard(&self) -> Option<&ShardId> {
        self.shard.as_ref()
    }

    /// The records, in order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        self.entries.iter().map(|entry| Record {
            sequence: entry.sequence,
            arrival_ms: entry.arrival_ms,
            partition_key: &entry.partition_key,
            payload: &self.payloads[entry.payload.clone()],
        })
    }

    /// The record behind those given out, if it cannot be read. Where its number is known, report it
    /// as failed once the others are taken; where it is not, fail the invocation.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }
}

/// Lambda gets a number back as a text, so it must be written the one way that we write it.
fn sequence_number(text: &str) -> Result<SequenceNumber, String> {
    if text.len() > 1 && text.starts_with('0') {
        return Err(format!("`{}` has a leading zero", shown(text)));
    }
    // Longer texts are none, and errors quote them.
    let shortened = if text.len() <= 64 { text } else { shown(text) };
    let number = shortened.parse::<SequenceNumber>().map_err(|error| error.to_string())?;
    if text.len() == shortened.len() { Ok(number) } else { Err("it is too long".to_owned()) }
}

fn shard_name(event_id: &str) -> Result<&str, String> {
    let name = event_id.split_once(':').map(|(shard, _)| shard).unwrap_or_default();
    let legible = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    if name.is_empty() || name.len() > 128 || !name.bytes().all(legible) {
        return Err(format!(
            "`{}`: expected a shard's name, a colon and a number",
            shown(event_id)
        ));
    }
    Ok(name)
}

/// Whole milliseconds: what the stream stamps, and what survives the way through a double.
fn arrival_ms(seconds: f64) -> Result<i64, String> {
    let ms = (seconds * 1000.0).round();
    if (0.0..=MAX_ARRIVAL_MS).contains(&ms) {
        Ok(ms as i64)
    } else {
        Err(format!("{seconds:?} is no time: expected seconds since the Unix epoch"))
    }
}

/// The beginning of a text, for a message.
fn shown(text: &str) -> &str {
    &text[..text.floor_char_boundary(64)]
}
