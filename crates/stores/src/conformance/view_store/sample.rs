//! Views built by hand, and rows for them.

use crate::conformance::random::Random;
use anabranch_core::aggregate::Function;
use anabranch_core::column::{Column, Data};
use anabranch_core::port::{Rows, Selection};
use anabranch_core::types::{FrequentItem, Type, Value};
use anabranch_core::view::{
    Aggregate, Bucket, Expr, ExprKind, Fingerprint, Key, Measure, View, Width,
};
use std::collections::BTreeSet;

const HOUR_MICROS: i64 = 3_600_000_000;
const HOURS: u64 = 150;
const TEXTS: [&str; 10] = ["", "\0", "a", "a\0", "ab", "b", "zebra", "zz", "é", "\u{10ffff}"];
const NUMBERS: [i64; 9] = [i64::MIN, -256, -1, 0, 1, 255, 256, 65_536, i64::MAX];

/// One type each of what a key, a state or a measure may be.
const TYPES: [Type; 6] = [
    Type::Boolean,
    Type::BigInt,
    Type::Double,
    Type::Decimal { precision: 38, scale: 2 },
    Type::Varchar,
    Type::Timestamp { precision: 3 },
];

/// A view, and rows for it in order.
pub(super) struct Sample {
    pub(super) view: View,
    source: Source,
}

enum Source {
    /// Three rows; with a NULL in each column, or without one.
    EveryType { nulls: bool },
    /// Rows of two keys and a bucket, whose first state is the row's number.
    Entries(Vec<Entry>),
}

type Entry = (Option<String>, Option<i64>, i64);

/// A view with keys of the given types and as many states, which has no measures.
pub(super) fn some_view(keys: &[Type], bucket: bool, states: usize) -> View {
    let key = |(i, ty): (usize, &Type)| Key { name: format!("key {i}"), expr: expr(*ty) };
    let hour = Bucket { name: "hour".to_owned(), width: Width::Fixed { micros: HOUR_MICROS } };
    let aggregate = Aggregate { function: Function::Count, args: Vec::new(), filter: None };
    View {
        name: "some \"view\"/../x".to_owned(),
        fingerprint: Fingerprint([42; 16]),
        plan: "a plan".to_owned(),
        filter: None,
        keys: keys.iter().enumerate().map(key).collect(),
        bucket: bucket.then_some(hour),
        aggregates: vec![aggregate; states],
        outputs: Vec::new(),
        measures: Vec::new(),
    }
}

/// The selection of every row and every state.
pub(super) fn everything(view: &View) -> Selection {
    Selection {
        keys: vec![None; view.keys.len()],
        buckets: i64::MIN..i64::MAX,
        states: vec![true; view.aggregates.len()],
    }
}

impl Sample {
    /// Keys, states and measures of every type.
    pub(super) fn of_every_type(nulls: bool) -> Self {
        let mut view = some_view(&TYPES, true, TYPES.len() + 1);
        let measures = TYPES.into_iter().chain([Type::FrequentItems]).enumerate();
        let measure = |(i, ty)| Measure { name: format!("measure {i}"), expr: expr(ty) };
        view.measures = measures.map(measure).collect();
        Sample { view, source: Source::EveryType { nulls } }
    }

    /// `count` rows or so of random keys and buckets, with NULLs among them.
    pub(super) fn random(random: &mut Random, count: usize) -> Self {
        let mut entries = BTreeSet::new();
        for _ in 0..count {
            let text = random_text(random).map(str::to_owned);
            let bucket = random.below(HOURS) as i64 * HOUR_MICROS;
            entries.insert((text, random_number(random), bucket));
        }
        Self::of_entries(entries.into_iter().collect())
    }

    /// `count` rows whose keys differ in their last bytes only.
    pub(super) fn of_long_keys(count: usize) -> Self {
        let entry = |i| (Some(format!("{}{i:06}", "x".repeat(200))), None, 0);
        Self::of_entries((0..count).map(entry).collect())
    }

    fn of_entries(entries: Vec<Entry>) -> Self {
        let view = some_view(&[Type::Varchar, Type::BigInt], true, 2);
        Sample { view, source: Source::Entries(entries) }
    }

    pub(super) fn rows(&self) -> Rows<'_> {
        match &self.source {
            Source::EveryType { nulls } => rows_of_every_type(*nulls),
            Source::Entries(entries) => rows_of_entries(entries),
        }
    }

    /// For [`Self::random`] rows: some values of each key or all, some buckets or all.
    pub(super) fn random_selection(&self, random: &mut Random) -> Selection {
        let mut selection = everything(&self.view);
        if !random.once_in(3) {
            let text = |text: Option<&str>| text.map_or(Value::Null, |t| Value::Varchar(t.into()));
            let absent = Value::Varchar("absent".to_owned());
            let values = (0..random.below(4)).map(|_| text(random_text(random)));
            selection.keys[0] = Some(values.chain([absent]).collect());
        }
        if !random.once_in(3) {
            let number = |number: Option<i64>| number.map_or(Value::Null, Value::BigInt);
            let values = (0..1 + random.below(2)).map(|_| number(random_number(random)));
            selection.keys[1] = Some(values.collect());
        }
        if !random.once_in(3) {
            let start = random.below(HOURS) as i64 * HOUR_MICROS;
            selection.buckets = start..start + random.below(30) as i64 * HOUR_MICROS;
        }
        selection
    }
}

fn expr(ty: Type) -> Expr {
    Expr { kind: ExprKind::Column(0), ty }
}

fn random_text(random: &mut Random) -> Option<&'static str> {
    TEXTS.get(random.below(TEXTS.len() as u64 + 1) as usize).copied()
}

fn random_number(random: &mut Random) -> Option<i64> {
    NUMBERS.get(random.below(NUMBERS.len() as u64 + 1) as usize).copied()
}

fn rows_of_entries(entries: &[Entry]) -> Rows<'_> {
    let texts = entries.iter().map(|(text, ..)| text.as_deref().unwrap_or_default());
    let numbers = entries.iter().map(|(_, number, _)| number.unwrap_or_default());
    let text_valid = entries.iter().map(|(text, ..)| text.is_some()).collect();
    let number_valid = entries.iter().map(|(_, number, _)| number.is_some()).collect();
    Rows {
        keys: vec![
            Column { data: Data::Varchar(texts.collect()), valid: Some(text_valid) },
            Column { data: Data::BigInt(numbers.collect()), valid: Some(number_valid) },
        ],
        buckets: Some(entries.iter().map(|(.., bucket)| *bucket).collect()),
        states: vec![
            Column::new(Data::BigInt((0..entries.len() as i64).collect())),
            Column::new(Data::Binary(vec![vec![7; 40].into(); entries.len()])),
        ],
        measures: Vec::new(),
    }
}

/// The first row holds the NULLs, which sort first; a NULL's slot holds its type's default.
fn rows_of_every_type(nulls: bool) -> Rows<'static> {
    let of = |data| Column { data, valid: nulls.then(|| vec![false, true, true]) };
    let every_type = || {
        vec![
            of(Data::Boolean(vec![false, false, true])),
            of(Data::BigInt(vec![first(nulls, i64::MIN, 0), -1, i64::MAX])),
            of(Data::Double(vec![first(nulls, f64::MIN, 0.0), -5e-324, f64::MAX])),
            of(Data::Decimal(vec![
                first(nulls, -(10_i128.pow(38) - 1), 0),
                -1,
                10_i128.pow(38) - 1,
            ])),
            of(Data::Varchar(vec![first(nulls, "\0", ""), "a", "né"])),
            of(Data::Timestamp(vec![
                first(nulls, -62_135_596_800_000_000, 0),
                -1,
                253_402_300_799_999_999,
            ])),
        ]
    };
    // A sum may have more digits than a DECIMAL, an encoded state any bytes.
    let mut states = every_type();
    states[3] = of(Data::Decimal(vec![first(nulls, i128::MIN, 0), 0, i128::MAX]));
    states.push(of(Data::Binary(vec![
        first(nulls, &b"\xff\0"[..], b"").into(),
        b""[..].into(),
        vec![3; 100_000].into(),
    ])));
    let mut measures = every_type();
    measures[3] = states[3].clone();
    let item = FrequentItem { value: "né".to_owned(), count: 7, error: 2 };
    measures.push(of(Data::FrequentItems(vec![Vec::new(), Vec::new(), vec![item]])));
    let buckets = vec![-HOUR_MICROS, 0, HOUR_MICROS];
    Rows { keys: every_type(), buckets: Some(buckets), states, measures }
}

/// The value of a first row: the default where it is NULL.
fn first<T>(null: bool, value: T, default: T) -> T {
    if null { default } else { value }
}
