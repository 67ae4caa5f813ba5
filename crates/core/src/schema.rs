//! The schema of events: which fields a payload may have, and of what type.
//!
//! A record is accepted or rejected by the schema alone, never by the views that happen to exist:
//! every declared column is checked in every payload. `STRUCT` columns are kept as their leaves.

use crate::types::Type;

/// Index of a leaf column in [`Schema::columns`].
pub type ColumnId = usize;

/// One leaf column: a path of JSON object keys and the type of what is found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDef {
    /// JSON keys from the top, such as `["device", "os"]`; matched exactly, case included.
    pub path: Vec<String>,
    /// The type a value must have; a missing field or a JSON `null` is NULL.
    pub ty: Type,
}

/// How timestamps stand in payloads, as a JSON string or a number (epochs: either).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampFormat {
    /// ISO 8601, `T` or a space between date and time, with or without a zone (none means UTC).
    #[default]
    Iso8601,
    /// Seconds since the Unix epoch; a fraction is allowed.
    EpochSeconds,
    /// Milliseconds since the Unix epoch.
    EpochMillis,
    /// Microseconds since the Unix epoch.
    EpochMicros,
}

/// The compiled `CREATE TABLE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The table's name.
    pub table: String,
    /// Leaf columns in the order declared.
    pub columns: Vec<ColumnDef>,
    /// The column that says when an event happened; its type is TIMESTAMP and it must not be NULL.
    pub event_time: ColumnId,
    /// How every TIMESTAMP column is written in payloads.
    pub timestamp_format: TimestampFormat,
}
