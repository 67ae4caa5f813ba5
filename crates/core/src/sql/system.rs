//! The system view over the records themselves: how many arrived, by hour, and what became of them.
//!
//! It is compiled from SQL like every other view, over a table of its own, and folded beside them.

use super::Source;
use super::query::Context;
use crate::schema::Schema;
use crate::view::View;

const TABLE: &str = "CREATE TABLE records (
  arrival_time TIMESTAMP(3),
  outcome VARCHAR
) WITH (format = 'json', event_time = 'arrival_time');";

const VIEW: &str = "CREATE MATERIALIZED VIEW anabranch_records AS
SELECT outcome, date_trunc('hour', arrival_time) AS hour, count(*) AS records
FROM records
GROUP BY 1, 2;";

/// The view `anabranch_records`, and the schema of the rows it is folded from: `outcome`, VARCHAR,
/// is `accepted` or the name of a [`crate::decode::Reason`]; `arrival_time` is TIMESTAMP(3).
///
/// `schema` decides which records are rejected, so its acceptance is part of the fingerprint.
pub fn records_view(schema: &Schema) -> (Schema, View) {
    let source =
        |text: &str| Source { name: "anabranch_records".to_owned(), text: text.to_owned() };
    let records = super::compile_schema(&source(TABLE)).expect("the system table compiles");
    let context = Context { schema: &records, acceptance: schema, taken: &[], system: true };
    let mut views = super::compile_all(&context, &source(VIEW)).expect("the system view compiles");
    let view = views.pop().expect("the source has one view");
    (records, view)
}
