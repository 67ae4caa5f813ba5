//! The fold: records in, tables out. Batch and speed call this one and nothing else.

use crate::column::{Column, Data};
use crate::decode::Decoder;
use crate::project::{ACCEPTED, Project};
use crate::record::Record;
use crate::table::Table;
use bumpalo::Bump;
use std::sync::Arc;

/// Records are decoded and folded in batches of this many: enough to spread the cost of choosing
/// what to do, few enough that a batch's columns stay in the processor's cache.
const BATCH_ROWS: usize = 1024;

/// Folds records into one table per view of a project.
pub struct Fold {
    project: Arc<Project>,
    decoder: Decoder,
    arena: Bump,
    tables: Vec<Table>,
}

impl Fold {
    /// An empty fold of every view of `project`.
    pub fn new(project: &Arc<Project>) -> Self {
        Fold {
            decoder: Decoder::new(&project.schema, &project.needed_columns()),
            arena: Bump::new(),
            tables: empty_tables(project),
            project: Arc::clone(project),
        }
    }

    /// Folds `records` into every view.
    pub fn fold(&mut self, records: &[Record<'_>]) {
        self.fold_into(records, |_| true);
    }

    /// Folds `records` into the views whose index in [`Project::views`] is `wanted`. Heartbeats
    /// are passed over; what cannot be decoded is counted in the built-in view.
    pub fn fold_into(&mut self, records: &[Record<'_>], wanted: impl Fn(usize) -> bool) {
        for batch in records.chunks(BATCH_ROWS) {
            // The arena is taken out for the batch's lifetime, and its memory is kept for the next.
            let mut arena = std::mem::take(&mut self.arena);
            self.fold_batch(batch, &wanted, &arena);
            arena.reset();
            self.arena = arena;
        }
    }

    fn fold_batch(&mut self, records: &[Record<'_>], wanted: impl Fn(usize) -> bool, arena: &Bump) {
        let mut events = self.decoder.batch(records.len());
        let mut outcomes = Vec::with_capacity(records.len());
        let mut arrivals = Vec::with_capacity(records.len());
        for record in records.iter().filter(|record| !record.is_heartbeat()) {
            outcomes.push(match self.decoder.decode(record.payload, arena, &mut events) {
                Ok(()) => ACCEPTED,
                Err(rejection) => rejection.reason.as_str(),
            });
            arrivals.push(record.arrival_ms.saturating_mul(1000));
        }
        let (records_table, tables) = self.tables.split_last_mut().expect("the built-in view");
        for (view, table) in tables.iter_mut().enumerate() {
            if wanted(view) {
                table.fold(&events.columns, self.project.schema.event_time, events.rows, arena);
            }
        }
        if wanted(tables.len()) {
            let rows = outcomes.len();
            // In the order of the built-in view's schema.
            let columns =
                [Column::new(Data::Timestamp(arrivals)), Column::new(Data::Varchar(outcomes))];
            records_table.fold(&columns, self.project.records_event_time, rows, arena);
        }
    }

    /// The tables, one per view of the project, in its order.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Takes the tables and starts anew with empty ones; what was learnt about the events' layout
    /// is kept.
    pub fn take(&mut self) -> Vec<Table> {
        std::mem::replace(&mut self.tables, empty_tables(&self.project))
    }
}

fn empty_tables(project: &Project) -> Vec<Table> {
    project.views.iter().map(Table::new).collect()
}
