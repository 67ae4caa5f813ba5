//! The SQL compiler against its golden files, and against texts that nobody would write.
//!
//! A golden file in `tests/sql` is a schema and cases over it; one without a schema has schemas as
//! its cases:
//!
//! ```text
//! # what the file is about
//! CREATE TABLE … ;
//!
//! == what the case shows
//! CREATE MATERIALIZED VIEW … ;
//! =>
//! the plan, or the error as a user sees it
//! ```
//!
//! A plan's head, which repeats the schema, is shown only where the title ends with `(in full)`.
//! `UPDATE_GOLDENS=1 cargo test -p anabranch-core --test sql` writes what the compiler gives now;
//! read the difference before you commit it.

#![allow(
    clippy::disallowed_methods,
    reason = "these tests write golden files and measure time, which the crate itself must not"
)]

#[path = "sql/golden.rs"]
mod golden;
#[path = "sql/guide.rs"]
mod guide;
#[path = "sql/hostile.rs"]
mod hostile;
#[path = "sql/meaning.rs"]
mod meaning;
#[path = "sql/typed.rs"]
mod typed;

use anabranch_core::schema::Schema;
use anabranch_core::sql::{CompileError, Source, compile_schema, compile_views};
use anabranch_core::view::View;

fn schema(text: &str) -> Result<Schema, CompileError> {
    compile_schema(&Source { name: "schema.sql".to_owned(), text: text.to_owned() })
}

fn views(schema: &Schema, text: &str) -> Result<Vec<View>, CompileError> {
    compile_views(schema, &Source { name: "views.sql".to_owned(), text: text.to_owned() }, &[])
}
