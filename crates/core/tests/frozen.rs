//! Bytes that were once stored must be read for ever, as what they were, and still be written so.
//!
//! | file | a line |
//! |---|---|
//! | `states.txt` | an aggregate and its argument types, the state in hexadecimal, what it presents |
//! | `keys.txt` | a type, the encoded value in hexadecimal, the value |
//! | `items.txt` | a kind of small item and its JSON |
//!
//! Lines are added and never changed: `FREEZE=1` adds those that are missing, such as an aggregate's
//! that is new. A new version of an encoding gets lines of its own, and the old ones stay.

use anabranch_core::aggregate::{Accumulator, Function, accumulator};
use anabranch_core::column::{Column, Data};
use anabranch_core::definitions::{Definition, Definitions, State};
use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::key;
use anabranch_core::port::{
    Checkpoint, Manifest, ObjectInfo, PartId, PartInfo, Pointer, ShardInfo, ShardKind,
};
use anabranch_core::record::{SequenceNumber, ShardId};
use anabranch_core::types::{Type, Value};
use anabranch_core::view::{Fingerprint, Present, Width};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const DECIMAL: Type = Type::Decimal { precision: 38, scale: 9 };
const TIMESTAMP: Type = Type::Timestamp { precision: 3 };
const TYPES: [Type; 6] =
    [Type::Boolean, Type::BigInt, Type::Double, DECIMAL, Type::Varchar, TIMESTAMP];

/// The lines of a file by their first two columns, which say what is frozen.
struct Lines {
    path: PathBuf,
    lines: BTreeMap<String, String>,
    missing: Vec<String>,
}

impl Lines {
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frozen").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let line = |line: &str| {
            let (name, rest) = line.split_once('\t').expect("a name, a tab and what is frozen");
            (name.to_owned(), rest.to_owned())
        };
        Lines { path, lines: text.lines().map(line).collect(), missing: Vec::new() }
    }

    /// What is frozen under a name. Without a line, what is written today is frozen, if asked for.
    fn get(&mut self, name: &str, today: impl FnOnce() -> String) -> String {
        if let Some(line) = self.lines.get(name) {
            return line.clone();
        }
        let line = today();
        self.missing.push(format!("{name}\t{line}"));
        line
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test freezes its own file when asked to; core does not"
    )]
    fn finish(self) {
        if self.missing.is_empty() {
            return;
        }
        assert!(std::env::var_os("FREEZE").is_some(), "no bytes are frozen of {:?}", self.missing);
        let mut text = std::fs::read_to_string(&self.path).unwrap_or_default();
        self.missing.iter().for_each(|line| text += &format!("{line}\n"));
        std::fs::write(&self.path, text).unwrap();
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(hex: &str) -> Vec<u8> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.as_bytes().chunks(2).map(pair).collect()
}

/// Every aggregate over every type that it takes.
fn aggregates() -> Vec<(Function, Vec<Type>)> {
    use Function::*;
    let mut all = vec![(Count, vec![])];
    all.extend([Type::BigInt, DECIMAL, Type::Double].map(|ty| (Sum, vec![ty])));
    all.extend([Type::BigInt, DECIMAL, Type::Double].map(|ty| (Avg, vec![ty])));
    all.extend([Moments, ApproxPercentile].map(|function| (function, vec![Type::Double])));
    all.push((ApproxMostFrequent { capacity: 10 }, vec![Type::Varchar]));
    all.extend([BoolAnd, BoolOr].map(|function| (function, vec![Type::Boolean])));
    for ty in TYPES {
        all.extend([Count, ApproxDistinct, Min, Max].map(|function| (function, vec![ty])));
        for by in TYPES {
            all.extend([MinBy, MaxBy].map(|function| (function, vec![ty, by])));
        }
    }
    all
}

/// The state of some values of an argument, NULL among them.
fn fold(function: Function, types: &[Type], count: usize) -> Box<dyn Accumulator> {
    let texts: Vec<String> = (0..count).map(|i| format!("té\0{}", i % 90)).collect();
    let number = |i: usize| (i as i64 * 7_919 - 9_000) % 1_000_003;
    let column = |(at, &ty): (usize, &Type)| {
        let rows = 0..count;
        let data = match ty {
            Type::Boolean => Data::Boolean(rows.map(|i| i % 3 == at).collect()),
            Type::BigInt => Data::BigInt(rows.map(number).collect()),
            Type::Double => Data::Double(rows.map(|i| number(i) as f64 / 64.0).collect()),
            Type::Decimal { .. } => {
                Data::Decimal(rows.map(|i| i128::from(number(i)) << (i % 70)).collect())
            }
            Type::Varchar => Data::Varchar(texts.iter().map(String::as_str).collect()),
            Type::Timestamp { .. } => Data::Timestamp(rows.map(number).collect()),
            Type::FrequentItems => unreachable!("no argument has this type"),
        };
        Column { data, valid: Some((0..count).map(|i| (i + at) % 5 != 4).collect()) }
    };
    let mut states = accumulator(function, types);
    states.grow(1);
    let args: Vec<Column<'_>> = types.iter().enumerate().map(column).collect();
    let rows: Vec<u32> = (0..count as u32).collect();
    states.update(&rows, &vec![0; count], &args);
    states
}

fn encoded(states: &dyn Accumulator) -> Vec<u8> {
    let mut state = Vec::new();
    states.encode(0, &mut state);
    state
}

#[test]
fn states_are_read_for_ever() {
    let mut lines = Lines::read("states.txt");
    for (function, types) in aggregates() {
        // Sketches change their form as they grow.
        let counts: &[usize] = match (function, types.as_slice()) {
            (Function::ApproxDistinct, [Type::BigInt]) => &[0, 2, 9, 60, 900],
            (Function::ApproxPercentile, _) => &[0, 2, 60, 900],
            _ => &[0, 1, 25],
        };
        let present = |states: &dyn Accumulator| {
            let value = states.present(Present::Value, &[0]).value(0);
            format!("{value:?}")
        };
        for &count in counts {
            let types_text: Vec<String> = types.iter().map(Type::to_string).collect();
            let name = format!("{function:?}({}) of {count}", types_text.join(", "));
            let today = || {
                let states = fold(function, &types, count);
                format!("{}\t{}", to_hex(&encoded(&*states)), present(&*states))
            };
            let line = lines.get(&name, today);
            let (hex, expected) = line.split_once('\t').expect("a state and what it presents");
            let state = from_hex(hex);
            let mut rest = state.as_slice();
            let mut states = accumulator(function, &types);
            states.grow(1);
            states.merge(0, &mut rest).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(rest.is_empty(), "{name}: {} bytes are left", rest.len());
            assert_eq!(present(&*states), expected, "{name}");
            assert_eq!(to_hex(&encoded(&*states)), hex, "{name} is written differently");
        }
    }
    lines.finish();
}

#[test]
fn keys_are_read_for_ever() {
    let values = [
        (Type::Boolean, vec![Value::Boolean(false), Value::Boolean(true)]),
        (Type::BigInt, [i64::MIN, -1, 0, 1, i64::MAX].map(Value::BigInt).to_vec()),
        (Type::Double, [f64::MIN, -1.5, 0.0, 5e-324, f64::MAX].map(Value::Double).to_vec()),
        (DECIMAL, [i128::MIN, -1, 0, 1, i128::MAX].map(Value::Decimal).to_vec()),
        (
            Type::Varchar,
            ["", "a", "\0", "é\0\u{1}", "a\0\u{ff}"].map(|t| Value::Varchar(t.into())).to_vec(),
        ),
        (TIMESTAMP, [-62_135_596_800_000_000, 0, 1].map(Value::Timestamp).to_vec()),
    ];
    let mut lines = Lines::read("keys.txt");
    for (ty, values) in values {
        for value in values.into_iter().chain([Value::Null]) {
            let mut written = Vec::new();
            key::push_value(&mut written, &value);
            let hex = lines.get(&format!("{ty} {value:?}"), || to_hex(&written));
            assert_eq!(to_hex(&written), hex, "{ty} {value:?} is written differently");
            let bytes = from_hex(&hex);
            let mut rest = bytes.as_slice();
            assert_eq!(key::take(&mut rest, ty), Ok(value));
            assert!(rest.is_empty());
        }
    }
    for micros in [i64::MIN, -1, 0, 1_442_016_000_000_000, i64::MAX] {
        let mut written = Vec::new();
        key::push_bucket(&mut written, micros);
        let hex = lines.get(&format!("bucket {micros}"), || to_hex(&written));
        assert_eq!(to_hex(&written), hex, "bucket {micros} is written differently");
        assert_eq!(key::take_bucket(&mut from_hex(&hex).as_slice()), Ok(micros));
    }
    lines.finish();
}

#[test]
fn small_items_are_read_for_ever() {
    let mut lines = Lines::read("items.txt");
    let sequence: SequenceNumber =
        "49590338271490256608559692538361571095921575989136588898".parse().unwrap();
    let fingerprint = Fingerprint(*b"\x00\x01 16 bytes ok \xff");
    let shard = ShardId("shardId-000000000006".to_owned());
    let pointer = Pointer { version: 7, build: "b1".to_owned(), horizon: Epoch(8) };
    let widths = [
        None,
        Some(Width::Fixed { micros: 1 }),
        Some(Width::Fixed { micros: 900_000_000 }),
        Some(Width::Fixed { micros: 86_400_000_000 }),
        Some(Width::Week),
        Some(Width::Month),
        Some(Width::Quarter),
        Some(Width::Year),
    ];
    let part = |resolution| PartInfo {
        id: PartId { resolution, partition: -86_400_000_000 },
        path: "v-00/7-b1/week/0.parquet".to_owned(),
        rows: 1,
        bytes: u64::MAX,
    };
    let manifest = Manifest {
        view: "v".to_owned(),
        fingerprint,
        plan: "a \"plan\"\n".to_owned(),
        version: 8,
        build: "b2".to_owned(),
        horizon: Epoch(9),
        created_ms: -10,
        records: 11,
        previous: Some(pointer.clone()),
        parts: widths.into_iter().map(part).collect(),
    };
    item(&mut lines, "manifest", &manifest);
    item(&mut lines, "first manifest", &Manifest { previous: None, parts: vec![], ..manifest });
    item(&mut lines, "pointer", &pointer);
    let covered = [(fingerprint, Epoch(2))].into();
    let checkpoint = Checkpoint {
        sequence,
        epoch: Epoch(3),
        newest_arrival_ms: -1,
        covered,
        distrusted: Epoch::ZERO,
    };
    item(&mut lines, "checkpoint", &checkpoint);
    for (name, kind, closed) in
        [("stream", ShardKind::Stream, None), ("import", ShardKind::Import, Some(sequence))]
    {
        let info = ShardInfo { shard: shard.clone(), kind, base_epoch: Epoch(u64::MAX), closed };
        item(&mut lines, &format!("{name} shard"), &info);
    }
    let object = ObjectInfo {
        shard,
        epoch: Epoch(5),
        first: SequenceNumber::from(2),
        last: sequence,
        follows: Some(SequenceNumber::from(1)),
        records: 3,
        heartbeats: 1,
        min_arrival_ms: i64::MIN,
        max_arrival_ms: i64::MAX,
    };
    item(&mut lines, "object", &object);
    item(&mut lines, "first object", &ObjectInfo { follows: None, ..object });
    item(&mut lines, "definitions", &definitions());
    let put_ms = Some(1_770_000_000_000);
    item(&mut lines, "definitions with a time", &Definitions { put_ms, ..definitions() });
    item(&mut lines, "epoch length", &EpochLength::from_millis(10_000).unwrap());
    lines.finish();
}

/// A definition in each state: with both texts, with a schema alone, and without any.
fn definitions() -> Definitions {
    let definition = |view: &str, hash, state, schema, source| Definition {
        view: view.to_owned(),
        fingerprint: Fingerprint([hash; 16]),
        records: Fingerprint([0xff; 16]),
        state,
        schema,
        source,
    };
    Definitions {
        revision: 3,
        texts: vec!["CREATE TABLE e (\n\t\"é\" VARCHAR)".to_owned(), "CREATE VIEW".to_owned()],
        views: vec![
            definition("v", 0x00, State::Current, Some(0), Some(1)),
            definition("anabranch_records", 0xff, State::Superseded, Some(0), None),
            definition("w", 0x7f, State::Retired, None, None),
            definition("x", 0x80, State::Removed, None, None),
        ],
        put_ms: None,
    }
}

/// An item that was frozen is read as what it was. It may be written with more fields.
fn item<T>(lines: &mut Lines, name: &str, expected: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let json = lines.get(name, || serde_json::to_string(expected).unwrap());
    let read: T = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(read, *expected, "{name}");
}
