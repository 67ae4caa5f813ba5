//! How many bytes a row's state takes, measured on states of made-up events.
//!
//! What a state takes depends on how many different values went in, so two rows are measured: one
//! of a single event, and one of many events that differ in every argument.

use anabranch_core::aggregate::{self, Accumulator};
use anabranch_core::column::{Column, Data};
use anabranch_core::types::Type;
use anabranch_core::view::View;

/// The encoded size of the state of a row of `events` different events, in bytes; its key is not
/// counted. One byte is the version.
pub(crate) fn of_row(view: &View, events: u32) -> usize {
    let texts: Vec<String> = (0..events).map(|event| format!("value {event:08}")).collect();
    let states = view.aggregates.iter().map(|aggregate| {
        let types: Vec<Type> = aggregate.args.iter().map(|argument| argument.ty).collect();
        let columns: Vec<Column<'_>> = types.iter().map(|&ty| column(ty, &texts)).collect();
        let mut state = aggregate::accumulator(aggregate.function, &types);
        encoded(state.as_mut(), events, &columns).len()
    });
    1 + states.sum::<usize>()
}

fn encoded(state: &mut dyn Accumulator, events: u32, columns: &[Column<'_>]) -> Vec<u8> {
    let rows: Vec<u32> = (0..events).collect();
    state.grow(1);
    state.update(&rows, &vec![0; rows.len()], columns);
    let mut bytes = Vec::new();
    state.encode(0, &mut bytes);
    bytes
}

/// A different value of type `ty` for each event. Numbers spread over three orders of magnitude,
/// as latencies and amounts do.
fn column<'a>(ty: Type, texts: &'a [String]) -> Column<'a> {
    let numbers = || (0..texts.len() as i64).map(|event| 1 + event);
    Column::new(match ty {
        Type::Boolean => Data::Boolean(numbers().map(|n| n % 2 == 0).collect()),
        Type::BigInt => Data::BigInt(numbers().collect()),
        Type::Double => Data::Double(numbers().map(|n| n as f64 * 1.37).collect()),
        Type::Decimal { .. } => Data::Decimal(numbers().map(i128::from).collect()),
        Type::Timestamp { .. } => Data::Timestamp(numbers().map(|n| n * 1_000_003).collect()),
        Type::Varchar | Type::FrequentItems => {
            Data::Varchar(texts.iter().map(String::as_str).collect())
        }
    })
}
