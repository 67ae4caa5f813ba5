//! Columns: what the cells of a table become, as the schema says.

use anabranch_core::schema::Schema;
use serde::Deserialize;
use std::collections::HashMap;

/// The schema's leaf columns by name; the leaves of a STRUCT are named `device.os`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    leaves: HashMap<String, Leaf>,
}

/// Where a cell goes in the event, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) path: Vec<String>,
    pub(super) kind: Kind,
}

/// What JSON value a cell becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Number,
    Text,
}

impl Kind {
    /// By the name of a column's type.
    fn of(ty: &str) -> Kind {
        match ty.split('(').next() {
            Some("BOOLEAN") => Kind::Boolean,
            Some("BIGINT" | "DOUBLE" | "DECIMAL") => Kind::Number,
            // The schema reads timestamps from strings in every format that it knows.
            _ => Kind::Text,
        }
    }
}

/// `GET /v1/schema`, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(crate) struct SchemaReply {
    columns: Vec<ColumnReply>,
}

#[derive(Debug, Deserialize)]
struct ColumnReply {
    path: Vec<String>,
    r#type: String,
}

impl Columns {
    /// Those of a server's schema.
    pub(crate) fn of_server(schema: SchemaReply) -> Self {
        Self::new(schema.columns.into_iter().map(|column| (column.path, column.r#type)))
    }

    /// Those of a project's schema.
    pub(crate) fn of_schema(schema: &Schema) -> Self {
        Self::new(schema.columns.iter().map(|column| (column.path.clone(), column.ty.to_string())))
    }

    fn new(columns: impl Iterator<Item = (Vec<String>, String)>) -> Self {
        let leaf = |(path, ty): (Vec<String>, String)| {
            (path.join("."), Leaf { path, kind: Kind::of(&ty) })
        };
        Columns { leaves: columns.map(leaf).collect() }
    }

    /// The column that a table's header names; one that the schema does not declare is text.
    pub(super) fn leaf(&self, name: &str) -> Leaf {
        let undeclared = || Leaf { path: vec![name.to_owned()], kind: Kind::Text };
        self.leaves.get(name).cloned().unwrap_or_else(undeclared)
    }
}
