//! Which column a name means.
//!
//! Unquoted names match in any letter case, quoted ones exactly; a path may begin with the table's
//! name or alias. What more than one column answers to is an error, never a choice.

use super::parse::Name;
use super::suggest::closest;
use crate::schema::{ColumnId, Schema};
use sqlparser::ast::Ident;

/// The columns in reach of a SELECT.
pub(super) struct Scope<'a> {
    schema: &'a Schema,
    /// The alias, or the table's own name.
    relation: Name,
}

/// Why a name means no column: what is wrong, and what is allowed.
pub(super) struct Unresolved {
    pub(super) message: String,
    pub(super) help: String,
}

impl<'a> Scope<'a> {
    /// `relation` is the name by which columns can be qualified.
    pub(super) fn new(schema: &'a Schema, relation: Name) -> Self {
        Scope { schema, relation }
    }

    pub(super) fn schema(&self) -> &'a Schema {
        self.schema
    }

    /// The column that `parts`, split at the points, names.
    pub(super) fn resolve(&self, parts: &[Ident]) -> Result<ColumnId, Unresolved> {
        let found = self.matching(parts, |path, parts| path == parts);
        match found.as_slice() {
            [column] => Ok(*column),
            [] => Err(self.not_a_column(parts)),
            _ => Err(Unresolved {
                message: format!("`{}` is ambiguous", written(parts)),
                help: format!("write one of: {}", self.quoted(&found).join(", ")),
            }),
        }
    }

    /// Columns that begin with `parts`, qualified or not, where the lengths of the path and of the
    /// name fit each other.
    fn matching(&self, parts: &[Ident], fits: fn(usize, usize) -> bool) -> Vec<ColumnId> {
        let is_match = |path: &[String], parts: &[Ident]| {
            fits(path.len(), parts.len())
                && path.iter().zip(parts).all(|(key, part)| matches(part, key))
        };
        let unqualified = self.unqualified(parts);
        let columns = self.schema.columns.iter().enumerate();
        columns
            .filter(|(_, column)| {
                is_match(&column.path, parts) || is_match(&column.path, unqualified)
            })
            .map(|(id, _)| id)
            .collect()
    }

    /// `parts` without the table's name or alias in front.
    fn unqualified<'p>(&self, parts: &'p [Ident]) -> &'p [Ident] {
        match parts {
            [first, rest @ ..] if !rest.is_empty() && self.is_relation(first) => rest,
            _ => parts,
        }
    }

    fn is_relation(&self, part: &Ident) -> bool {
        if part.quote_style.is_some() && self.relation.quoted {
            part.value == self.relation.text
        } else {
            part.value.to_lowercase() == self.relation.text.to_lowercase()
        }
    }

    fn not_a_column(&self, parts: &[Ident]) -> Unresolved {
        let name = written(parts);
        let fields = self.matching(parts, |path, parts| path > parts);
        if !fields.is_empty() {
            return Unresolved {
                message: format!("`{name}` is a STRUCT"),
                help: format!("name one of its fields: {}", self.names(&fields).join(", ")),
            };
        }
        let names_table = |first: &Ident| parts.len() > 1 && matches(first, &self.schema.table);
        if parts.first().is_some_and(|first| names_table(first) && !self.is_relation(first)) {
            return Unresolved {
                message: format!("there is no column `{name}`"),
                help: format!("the table is called `{}` here", self.relation.text),
            };
        }
        let all: Vec<ColumnId> = (0..self.schema.columns.len()).collect();
        let names = self.names(&all);
        let unqualified = written(self.unqualified(parts));
        let help = match closest(&unqualified, names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean `{name}`? {}", listed(&names)),
            None => listed(&names),
        };
        Unresolved { message: format!("there is no column `{name}`"), help }
    }

    /// Names that match one column only.
    fn quoted(&self, columns: &[ColumnId]) -> Vec<String> {
        let path = |id: &ColumnId| self.schema.columns[*id].path.iter().map(|key| quoted(key));
        columns.iter().map(|id| path(id).collect::<Vec<_>>().join(".")).collect()
    }

    fn names(&self, columns: &[ColumnId]) -> Vec<String> {
        columns.iter().map(|&id| dotted(&self.schema.columns[id].path)).collect()
    }
}

/// Whether the name `part` means the JSON key `key`.
fn matches(part: &Ident, key: &str) -> bool {
    if part.quote_style.is_some() {
        part.value == key
    } else if part.value.is_ascii() && key.is_ascii() {
        // Nearly every name; asked of every column for every reference.
        part.value.eq_ignore_ascii_case(key)
    } else {
        part.value.to_lowercase() == key.to_lowercase()
    }
}

fn written(parts: &[Ident]) -> String {
    let parts: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
    parts.join(".")
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("the columns are: {}{more}", names[..names.len().min(SHOWN)].join(", "))
}

/// Whether `name` needs no quotes in SQL, and can be a name of a view, a key or a measure.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A path as it is written in SQL: `device.os`, `"user agent".name`.
pub(super) fn dotted(path: &[String]) -> String {
    let written = |key: &String| if is_identifier(key) { key.clone() } else { quoted(key) };
    path.iter().map(written).collect::<Vec<_>>().join(".")
}

fn quoted(key: &str) -> String {
    format!("\"{}\"", key.replace('"', "\"\""))
}
