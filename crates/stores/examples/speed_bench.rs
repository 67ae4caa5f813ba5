//! How many speed rows a second the local store takes, and how fast it finds some.
//!
//! `speed_bench DIR [KEYS] [ROWS_PER_BATCH]` absorbs batches of rows as the speed layer does, a
//! checkpoint behind each, over several epochs, with a few expiries, and then scans.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::port::{
    Checkpoint, Control as _, PutRow, Result, RowId, RowOutcome, SpeedRow, SpeedStore as _,
};
use anabranch_core::record::{SequenceNumber, ShardId};
use anabranch_core::view::Fingerprint;
use anabranch_stores::local::{Local, Options};
use futures::executor::block_on;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Instant;

const BATCHES_PER_EPOCH: u64 = 10;
const EPOCHS: u64 = 12;
const KEEP_EPOCHS: u64 = 6;
const STATE_BYTES: usize = 120;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().expect("usage: speed_bench DIR [KEYS] [ROWS_PER_BATCH]");
    let keys: u64 = args.next().map_or(100_000, |n| n.parse().expect("a count of keys"));
    let rows: u64 = args.next().map_or(10_000, |n| n.parse().expect("a count of rows"));
    let epoch_length = EpochLength::from_millis(10_000).expect("above zero");
    let local = Local::open(Path::new(&dir), Options { epoch_length, shards: 1 })?;
    block_on(run(&local, keys, rows))
}

async fn run(local: &Local, keys: u64, rows: u64) -> Result<()> {
    let fingerprint = Fingerprint([7; 16]);
    let shard = ShardId("shard-0000".to_owned());
    let (mut put, mut expired, mut random) = (0u64, 0, 1u64);
    let mut applied: HashMap<Vec<u8>, SequenceNumber> = HashMap::new();
    let mut sequence = None;
    let start = Instant::now();
    let mut putting = 0.0;
    for epoch in 0..EPOCHS {
        applied.clear();
        for batch in 0..BATCHES_PER_EPOCH {
            let last = SequenceNumber::from(epoch * BATCHES_PER_EPOCH + batch + 1);
            let mut puts: BTreeMap<Vec<u8>, PutRow> = BTreeMap::new();
            for _ in 0..rows {
                random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let key = format!("\u{1}site-{:08}\0\u{1}12345678", (random >> 33) % keys);
                let id = RowId {
                    fingerprint,
                    key: key.into(),
                    epoch: Epoch(epoch),
                    shard: shard.clone(),
                };
                let expected = applied.get(&id.key).copied();
                let row = SpeedRow { applied: last, state: vec![0; STATE_BYTES] };
                puts.insert(id.key.clone(), PutRow { id, expected, row });
            }
            let puts: Vec<PutRow> = puts.into_values().collect();
            put += puts.len() as u64;
            applied.extend(puts.iter().map(|put| (put.id.key.clone(), last)));
            let putting_from = Instant::now();
            let outcomes = local.speed.put_rows(puts).await?;
            assert!(outcomes.iter().all(|outcome| *outcome == RowOutcome::Written));
            let checkpoint = Checkpoint {
                sequence: last,
                epoch: Epoch(epoch),
                newest_arrival_ms: 0,
                covered: BTreeMap::new(),
                distrusted: Epoch::ZERO,
            };
            assert!(local.control.put_checkpoint(&shard, sequence, &checkpoint).await?);
            putting += putting_from.elapsed().as_secs_f64();
            sequence = Some(last);
        }
        expired +=
            local.speed.expire(fingerprint, Epoch((epoch + 1).saturating_sub(KEEP_EPOCHS))).await?;
    }
    let all = start.elapsed().as_secs_f64();
    println!("put: {:.0} rows/s with checkpoints", put as f64 / putting);
    println!("expire: {expired} rows; all in all {:.0} rows/s", put as f64 / all);
    for prefix in ["", "\u{1}site-00000042\0"] {
        let (start, mut found) = (Instant::now(), 0u64);
        local
            .speed
            .scan(fingerprint, prefix.as_bytes(), Epoch::ZERO, &mut |_, _, _, _| {
                found += 1;
                Ok(())
            })
            .await?;
        println!("scan `{}`: {found} rows in {:?}", prefix.escape_default(), start.elapsed());
    }
    Ok(())
}
