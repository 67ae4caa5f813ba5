//! An answer's JSON text, read for people and spreadsheets: every number keeps its digits.

use crate::output::{Cell, Grid};
use indicatif::HumanCount;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// An answer as it came; values stay as they are written.
#[derive(Debug, Deserialize)]
pub(super) struct Reply<'t> {
    receipt: Receipt,
    columns: Vec<Column>,
    #[serde(borrow)]
    rows: Vec<HashMap<String, &'t RawValue>>,
    truncated: bool,
}

#[derive(Debug, Deserialize)]
struct Receipt {
    view: String,
    version: u64,
    horizon: u64,
    horizon_time: String,
    newest_arrival_time: Option<String>,
    accepted: u64,
    rejected: u64,
    complete: bool,
    incomplete_because: Option<String>,
    superseded_by: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Column {
    name: String,
}

/// A list of frequent items, for people.
#[derive(Debug, Deserialize)]
struct Item {
    value: String,
    count: u64,
}

impl<'t> Reply<'t> {
    pub(super) fn read(text: &'t str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// The rows. For people (and not for programs) lists are written as text.
    pub(super) fn grid(&self, for_people: bool) -> Grid {
        let mut grid = Grid::new(self.columns.iter().map(|column| column.name.as_str()));
        for row in &self.rows {
            let cell = |column: &Column| {
                row.get(&column.name).map_or(Cell::Null, |raw| cell(raw.get(), for_people))
            };
            grid.push(self.columns.iter().map(cell).collect());
        }
        grid
    }

    /// The receipt in a line or two.
    pub(super) fn summary(&self) -> String {
        let Receipt { view, version, horizon, horizon_time, newest_arrival_time, .. } =
            &self.receipt;
        let rows = match (self.rows.len(), self.truncated) {
            (1, false) => "1 row".to_owned(),
            (rows, false) => format!("{} rows", HumanCount(rows as u64)),
            (rows, true) => format!("the first {} rows (there are more)", HumanCount(rows as u64)),
        };
        let batch = match horizon {
            0 => "nothing in a batch version yet".to_owned(),
            _ => format!("batch version {version} up to {horizon_time}"),
        };
        let speed = newest_arrival_time.as_ref();
        let speed = speed.map_or("nothing absorbed".to_owned(), |t| format!("absorbed up to {t}"));
        let definition = match &self.receipt.superseded_by {
            Some(new) => format!(" by its old definition until {new} is complete"),
            None => String::new(),
        };
        format!(
            "{rows} of {view}{definition}, {}: {batch}, {speed}; {} events accepted, {} rejected",
            if self.receipt.complete { "complete" } else { "INCOMPLETE" },
            HumanCount(self.receipt.accepted),
            HumanCount(self.receipt.rejected),
        )
    }

    /// Why the answer does not cover everything, if it does not.
    pub(super) fn incomplete_because(&self) -> Option<&str> {
        let because = self.receipt.incomplete_because.as_deref();
        (!self.receipt.complete).then(|| because.unwrap_or("the server does not say why"))
    }
}

fn cell(raw: &str, for_people: bool) -> Cell {
    match raw.as_bytes().first() {
        Some(b'n') => Cell::Null,
        Some(b'"') => Cell::Text(serde_json::from_str(raw).expect("it was read as JSON before")),
        Some(b'[') if for_people => items(raw).map_or(Cell::Literal(raw.to_owned()), Cell::Text),
        _ => Cell::Literal(raw.to_owned()),
    }
}

/// `New York (1,204), Boston (977)`
fn items(raw: &str) -> Option<String> {
    let items: Vec<Item> = serde_json::from_str(raw).ok()?;
    let item = |item: &Item| format!("{} ({})", item.value, HumanCount(item.count));
    Some(items.iter().map(item).collect::<Vec<_>>().join(", "))
}
