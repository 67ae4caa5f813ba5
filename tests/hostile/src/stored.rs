//! What stores keep beside rows: blocks of the stream, and the small items in JSON and text. What
//! is read is written again as the same. Definitions hold SQL, and whatever it is, a project can be
//! deployed over them.
//!
//! The first byte picks what the others are taken for.

use crate::row::PROJECT;
use anabranch_core::definitions::{Definition, Definitions, State};
use anabranch_core::pipeline::deploy;
use anabranch_core::port::{Checkpoint, Control as _, Manifest, ObjectInfo, Pointer, ShardInfo};
use anabranch_core::record::{SequenceNumber, ShardId};
use anabranch_core::resolution::{self, part_id};
use anabranch_core::view::Fingerprint;
use anabranch_stores::memory::Memory;
use anabranch_stores::stream::{Batch, drafts};
use futures::executor::block_on;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How many kinds there are.
pub(crate) const KINDS: u8 = 11;

/// Panics unless the bytes are refused or written again as they were read.
pub fn check(data: &[u8]) {
    let Some((&picked, bytes)) = data.split_first() else { return };
    match picked % KINDS {
        0 => check_block(bytes),
        1 => check_json::<Manifest>(bytes),
        2 => check_json::<Pointer>(bytes),
        3 => check_json::<Checkpoint>(bytes),
        4 => check_json::<ShardInfo>(bytes),
        5 => check_json::<ObjectInfo>(bytes),
        6 => check_fingerprint(bytes),
        7 => check_sequence_number(bytes),
        8 => check_text(bytes, part_id::from_text, |id| part_id::to_text(*id)),
        9 => check_text(bytes, resolution::parse_width_name, |w| resolution::width_name(*w)),
        _ => check_definitions(bytes),
    }
}

/// A block is refused, or its records make the same block.
fn check_block(bytes: &[u8]) {
    let shard = ShardId("shard-0000".to_owned());
    for after in [0, 2] {
        let mut batch = Batch::new(after);
        if batch.push(&shard, 1, bytes.into()).is_err() {
            assert!(batch.is_empty(), "a refused block left something behind");
            return;
        }
        let mut records: Vec<_> = batch.records().collect();
        assert_eq!(records.len(), batch.len());
        let sequences = records.iter().map(|record| record.sequence.to_u64());
        assert!(sequences.eq((after + 1..).map(Some).take(records.len())));
        if after > 0 {
            continue;
        }
        let arrival_ms = records[0].arrival_ms;
        // A block that a writer would cut is longer than what a fuzzer makes.
        let pairs: Vec<_> = records.drain(..).map(|r| (r.partition_key, r.payload)).collect();
        let draft = drafts(&pairs).next().expect("a block has a record");
        let mut again = vec![0; draft.bytes()];
        draft.encode(arrival_ms, &mut again);
        assert!(again == bytes, "a block is written differently than it was read");
    }
}

/// JSON is refused, or what it says survives being written.
fn check_json<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(bytes) else { return };
    let written = serde_json::to_vec(&read).expect("it has a JSON form");
    assert_eq!(serde_json::from_slice::<T>(&written).ok().as_ref(), Some(&read));
}

/// Definitions are refused, or a project can be deployed over them, which makes it the current one;
/// what cannot be understood of the others serves no more.
fn check_definitions(bytes: &[u8]) {
    check_json::<Definitions>(bytes);
    let Ok(read) = serde_json::from_slice::<Definitions>(bytes) else { return };
    // A store counts revisions up from 1 and reads none that it has not counted.
    let read = Definitions { revision: 1, ..read };
    let memory = Memory::new(1);
    let (views, speed, control) = (&memory.views, &memory.speed, &memory.control);
    let deployed = block_on(async {
        assert_eq!(control.put_definitions(None, &read).await, Ok(true));
        deploy::deploy(&PROJECT, views, speed, control).await
    });
    let project = deployed.expect("stores in memory are available").project;
    let stored = block_on(control.definitions()).expect("they are there").unwrap_or_default();
    for view in &PROJECT.views {
        assert_eq!(stored.state(view.fingerprint), Some(State::Current), "{}", view.name);
    }
    for view in project.superseded_views() {
        // What counts records by a schema is live with the views over it, listed or not.
        let is_it = |of: &Definition| [of.fingerprint, of.records].contains(&view.fingerprint);
        assert!(stored.in_state(State::Superseded).any(is_it), "{}", view.name);
    }
}

/// A name is refused, or what it names has a name that is read as the same.
fn check_text<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    read: impl Fn(&str) -> Option<T>,
    write: impl Fn(&T) -> String,
) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(value) = read(text) else { return };
    assert_eq!(read(&write(&value)), Some(value));
}

/// A fingerprint has one text, letter case aside.
fn check_fingerprint(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(fingerprint) = text.parse::<Fingerprint>() else { return };
    assert!(fingerprint.to_string().eq_ignore_ascii_case(text), "{text} is read as {fingerprint}");
}

fn check_sequence_number(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(number) = text.parse::<SequenceNumber>() else { return };
    let plain = text.trim_start_matches('0');
    assert_eq!(number.to_string(), if plain.is_empty() { "0" } else { plain });
    assert_eq!(SequenceNumber::from_be_bytes(number.to_be_bytes()), number);
}
