//! Lines into objects of the master data set, several at a time.
//!
//! ```text
//! reader: batches of lines ─> (sequence number of the first, lines) ─┬─> writer: one object
//!                                                                    └─> writer: one object
//! ```
//!
//! Sequence numbers count from 1, so a batch's place in the shard's chain is known as soon as the
//! lines before it are counted, and objects can be written in any order. Memory holds one batch per
//! writer and the one being read.

use crate::input::Batch;
use anabranch_core::epoch::Epoch;
use anabranch_core::pipeline::archive::describe;
use anabranch_core::port::{self, MasterDataSet, PutObject};
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anyhow::Context;
use futures::executor::block_on;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// What every record of an import has in common.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) shard: ShardId,
    pub(super) epoch: Epoch,
    pub(super) arrival_ms: i64,
}

/// Whole lines, and the sequence number of the first event in them.
struct Piece {
    first: u64,
    batch: Batch,
}

/// Takes the next batch of lines.
type Take<'t> = &'t mut dyn FnMut(Batch) -> anyhow::Result<()>;

/// Writes every batch that `read` hands over as an object. Returns how many records there are.
pub(super) fn write(
    master: &impl MasterDataSet,
    place: &Place,
    writers: usize,
    read: impl FnOnce(Take<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    // Nothing waits between the reader and the writers, so that memory is bounded.
    let (pieces, taken) = sync_channel::<Piece>(0);
    let taken = Mutex::new(Some(taken));
    thread::scope(|scope| {
        let write = || write_pieces(master, place, &taken);
        let writers: Vec<_> = (0..writers).map(|_| scope.spawn(write)).collect();
        let records = send_pieces(read, pieces);
        for writer in writers {
            // Where a writer has failed the reader has, too; the writer knows why.
            writer.join().expect("writing an object does not panic")?;
        }
        records
    })
}

fn send_pieces(
    read: impl FnOnce(Take<'_>) -> anyhow::Result<()>,
    pieces: SyncSender<Piece>,
) -> anyhow::Result<u64> {
    let mut records = 0;
    read(&mut |batch| {
        let first = records + 1;
        records += batch.events as u64;
        if batch.events > 0 {
            pieces.send(Piece { first, batch }).context("a writer has failed")?;
        }
        Ok(())
    })?;
    Ok(records)
}

/// Where writers take their pieces from, one at a time.
type Pieces = Mutex<Option<Receiver<Piece>>>;

fn write_pieces(master: &impl MasterDataSet, place: &Place, pieces: &Pieces) -> anyhow::Result<()> {
    let _close = Close(pieces);
    let take = || lock(pieces).as_ref()?.recv().ok();
    while let Some(piece) = take() {
        write_piece(master, place, &piece)?;
    }
    Ok(())
}

/// Closes the pieces when a writer ends, for whatever reason, so that the reader does not wait for
/// one that will not come.
struct Close<'a>(&'a Pieces);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        lock(self.0).take();
    }
}

fn lock(pieces: &Pieces) -> MutexGuard<'_, Option<Receiver<Piece>>> {
    pieces.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_piece(master: &impl MasterDataSet, place: &Place, piece: &Piece) -> port::Result<()> {
    let numbers = piece.first..;
    let records: Vec<Record<'_>> = numbers
        .zip(piece.batch.payloads())
        .map(|(number, payload)| Record {
            sequence: number.into(),
            arrival_ms: place.arrival_ms,
            partition_key: "",
            payload,
        })
        .collect();
    let follows = (piece.first > 1).then(|| SequenceNumber::from(piece.first - 1));
    let info = describe(&place.shard, place.epoch, follows, &records);
    match block_on(master.put_if_absent(&info, &records))? {
        PutObject::Created => Ok(()),
        PutObject::Exists(there) => Err(port::Error::Refused {
            object: format!("object of shard {}, first {}", there.shard, there.first),
            reason: "another import has written it; let that one end, then try again".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_core::port::{Error, Fields, ObjectInfo, Result, VisitRecords};
    use anabranch_stores::memory::Master;
    use std::ops::Range;

    fn place() -> Place {
        Place { shard: ShardId("import-1".to_owned()), epoch: Epoch(7), arrival_ms: 70_000 }
    }

    /// Hands the texts over one after the other.
    fn texts(texts: Vec<String>) -> impl FnOnce(Take<'_>) -> anyhow::Result<()> {
        move |take| {
            texts.into_iter().try_for_each(|text| {
                let events = text.split_whitespace().count();
                take(Batch { block: text.into_bytes(), events })
            })
        }
    }

    #[test]
    fn pieces_become_a_chain_of_objects_without_gaps_and_blank_lines() {
        let master = Master::default();
        let input: Vec<String> =
            (0..40).map(|n| format!("{n}a\n\n{n}b\r\n").repeat(n % 3)).collect();
        let expected: Vec<String> = input.concat().split_whitespace().map(str::to_owned).collect();
        let records = write(&master, &place(), 3, texts(input)).unwrap();
        assert_eq!(records, expected.len() as u64);

        let objects = block_on(master.objects(Epoch(7)..Epoch(8))).unwrap();
        let mut last = None;
        let mut found = Vec::new();
        for object in &objects {
            assert_eq!(object.follows, last);
            last = Some(object.last);
            let mut visit = |records: &[Record<'_>]| {
                found.extend(records.iter().map(|record| {
                    assert_eq!(record.arrival_ms, 70_000);
                    String::from_utf8(record.payload.to_vec()).unwrap()
                }));
            };
            block_on(master.scan(object, Fields::All, &mut visit)).unwrap();
        }
        assert_eq!(found, expected);
        assert_eq!(last, Some(SequenceNumber::from(records)));
    }

    /// A disk that is full from the third object on.
    #[derive(Default)]
    struct Full(Master);

    impl MasterDataSet for Full {
        async fn put_if_absent(
            &self,
            info: &ObjectInfo,
            records: &[Record<'_>],
        ) -> Result<PutObject> {
            if info.first > 2.into() {
                let (object, reason) = ("raw".to_owned(), "no space left on device".to_owned());
                return Err(Error::Refused { object, reason });
            }
            self.0.put_if_absent(info, records).await
        }

        async fn objects(&self, epochs: Range<Epoch>) -> Result<Vec<ObjectInfo>> {
            self.0.objects(epochs).await
        }

        async fn tail(&self, shard: &ShardId) -> Result<Option<ObjectInfo>> {
            self.0.tail(shard).await
        }

        async fn scan(
            &self,
            object: &ObjectInfo,
            fields: Fields,
            visit: VisitRecords<'_>,
        ) -> Result<()> {
            self.0.scan(object, fields, visit).await
        }
    }

    #[test]
    fn a_failed_write_ends_the_import_and_does_not_hang_the_reader() {
        let endless = std::iter::repeat_n("line\n".to_owned(), 1_000).collect();
        let error = write(&Full::default(), &place(), 2, texts(endless)).unwrap_err();
        assert_eq!(error.to_string(), "raw: no space left on device");
    }
}
