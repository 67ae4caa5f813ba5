//! The fold: records in, tables out. Batch and speed call this one and nothing else.

use crate::column::{Column, Data};
use crate::decode::Decoder;
use crate::project::{self, ACCEPTED, Project};
use crate::record::Record;
use crate::schema::ColumnId;
use crate::table::Table;
use bumpalo::Bump;
use std::ops::Range;
use std::sync::Arc;

/// Records are decoded and folded in batches of this many: enough to spread the cost of choosing
/// what to do, few enough that a batch's columns stay in the processor's cache.
const BATCH_ROWS: usize = 1024;

/// Folds records into one table per live view of a project.
pub struct Fold {
    project: Arc<Project>,
    passes: Vec<Pass>,
    arena: Bump,
    tables: Vec<Table>,
    rejected: u64,
}

/// The views over one schema, by their tables.
struct Pass {
    decoder: Decoder,
    event_time: ColumnId,
    /// The tables of the user's views.
    views: Range<usize>,
    /// The table of the view that counts records, if it is this pass that does.
    records: Option<usize>,
}

impl Pass {
    fn new(pass: &project::Pass<'_>, first: usize) -> Self {
        let views = first..first + pass.views.len();
        Pass {
            decoder: Decoder::new(pass.schema, &pass.needed_columns()),
            event_time: pass.schema.event_time,
            records: pass.records.map(|_| views.end),
            views,
        }
    }

    fn end(&self) -> usize {
        self.views.end + usize::from(self.records.is_some())
    }
}

impl Fold {
    /// An empty fold of every live view of `project`.
    pub fn new(project: &Arc<Project>) -> Self {
        let mut passes: Vec<Pass> = Vec::new();
        for pass in project.passes() {
            passes.push(Pass::new(&pass, passes.last().map_or(0, Pass::end)));
        }
        Fold {
            passes,
            arena: Bump::new(),
            tables: empty_tables(project),
            rejected: 0,
            project: Arc::clone(project),
        }
    }

    /// Folds `records` into every view.
    pub fn fold(&mut self, records: &[Record<'_>]) {
        self.fold_into(records, |_| true);
    }

    /// Folds `records` into the views whose place in [`Project::live`] is `wanted`. Heartbeats are
    /// passed over; what cannot be decoded is counted in the built-in view.
    pub fn fold_into(&mut self, records: &[Record<'_>], wanted: impl Fn(usize) -> bool) {
        for batch in records.chunks(BATCH_ROWS) {
            // The arena is taken out for the batch's lifetime, and its memory is kept for the next.
            let mut arena = std::mem::take(&mut self.arena);
            for pass in 0..self.passes.len() {
                self.fold_batch(pass, batch, &wanted, &arena);
            }
            arena.reset();
            self.arena = arena;
        }
    }

    fn fold_batch(
        &mut self,
        pass: usize,
        records: &[Record<'_>],
        wanted: impl Fn(usize) -> bool,
        arena: &Bump,
    ) {
        let Pass { decoder, event_time, views, records: counts } = &mut self.passes[pass];
        if !views.clone().chain(*counts).any(&wanted) {
            return;
        }
        let mut events = decoder.batch(records.len());
        let mut outcomes = Vec::with_capacity(records.len());
        let mut arrivals = Vec::with_capacity(records.len());
        for record in records.iter().filter(|record| !record.is_heartbeat()) {
            outcomes.push(match decoder.decode(record.payload, arena, &mut events) {
                Ok(()) => ACCEPTED,
                Err(rejection) => rejection.reason.as_str(),
            });
            arrivals.push(record.arrival_ms.saturating_mul(1000));
        }
        if pass == 0 {
            let accepted = outcomes.iter().filter(|outcome| **outcome == ACCEPTED).count();
            self.rejected += (outcomes.len() - accepted) as u64;
        }
        for view in views.clone().filter(|&view| wanted(view)) {
            self.tables[view].fold(&events.columns, *event_time, events.rows, arena);
        }
        if let Some(view) = counts.filter(|&view| wanted(view)) {
            let rows = outcomes.len();
            // In the order of the built-in view's schema.
            let columns =
                [Column::new(Data::Timestamp(arrivals)), Column::new(Data::Varchar(outcomes))];
            self.tables[view].fold(&columns, self.project.records_event_time, rows, arena);
        }
    }

    /// The tables, one per live view of the project, in the order of [`Project::live`].
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// How many records the project's own schema has rejected, since the fold was made.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Takes the tables and starts anew with empty ones; what was learnt about the events' layout
    /// is kept.
    pub fn take(&mut self) -> Vec<Table> {
        std::mem::replace(&mut self.tables, empty_tables(&self.project))
    }
}

fn empty_tables(project: &Project) -> Vec<Table> {
    project.live().map(Table::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{HEARTBEAT, SequenceNumber};
    use crate::sql::Source;
    use crate::types::Value;

    fn project() -> Arc<Project> {
        let source = |text: &str| Source { name: "test.sql".to_owned(), text: text.to_owned() };
        let schema = source(
            "CREATE TABLE events (t TIMESTAMP(3), site VARCHAR)
             WITH (format = 'json', event_time = 't', timestamp_format = 'epoch_milliseconds')",
        );
        let view = |name: &str| {
            source(&format!(
                "CREATE MATERIALIZED VIEW {name} AS SELECT site, count(*) AS n FROM events GROUP BY 1"
            ))
        };
        let project = Project::compile(&schema, &[view("one"), view("two")]);
        Arc::new(project.expect("the project compiles"))
    }

    /// One record, twice: an event of one site, a heartbeat, and bytes that are no event.
    fn records(copies: usize) -> Vec<Record<'static>> {
        let record = |partition_key, payload| Record {
            sequence: SequenceNumber::ZERO,
            arrival_ms: 1_000,
            partition_key,
            payload,
        };
        let event = record("", &br#"{"t":7,"site":"a"}"#[..]);
        [event, record(HEARTBEAT, b""), record("", b"{")].repeat(copies)
    }

    /// The counts of a table's rows, in the order of their keys.
    fn counts(table: &Table) -> Vec<Value> {
        let arena = Bump::new();
        let measures = table.measures(&table.sorted(), &arena).swap_remove(0);
        (0..measures.len()).map(|row| measures.value(row)).collect()
    }

    #[test]
    fn every_event_counts_once_however_many_come_at_once() {
        let project = project();
        for copies in [1, 341, 342, 1024, 2049] {
            let mut fold = Fold::new(&project);
            fold.fold(&records(copies));
            let n = Value::BigInt(copies as i64);
            let of = |table| counts(&fold.tables()[table]);
            assert_eq!([of(0), of(1)], [[n.clone()], [n.clone()]]);
            // Accepted and rejected; heartbeats are neither.
            assert_eq!(of(2), [n.clone(), n]);
        }
    }

    #[test]
    fn only_the_wanted_views_are_folded() {
        let project = project();
        for wanted in 0..3 {
            let mut fold = Fold::new(&project);
            fold.fold_into(&records(5), |view| view == wanted);
            let lengths: Vec<usize> = fold.tables().iter().map(Table::len).collect();
            let expected = [[1, 0, 0], [0, 1, 0], [0, 0, 2]][wanted];
            assert_eq!(lengths, expected);
        }
    }

    #[test]
    fn taking_the_tables_starts_anew() {
        let project = project();
        let mut fold = Fold::new(&project);
        fold.fold(&records(2));
        let taken = fold.take();
        assert_eq!(taken.iter().map(Table::len).collect::<Vec<_>>(), [1, 1, 2]);
        assert!(fold.tables().iter().all(Table::is_empty));
        fold.fold(&records(3));
        assert_eq!(counts(&fold.take()[1]), [Value::BigInt(3)]);
    }
}
