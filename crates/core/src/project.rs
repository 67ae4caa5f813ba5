//! A project: one schema, the views over it, and the built-in view that counts records.

use crate::schema::{ColumnId, Schema};
use crate::sql::{self, CompileError, Source};
use crate::view::{Fingerprint, View};
use std::sync::Arc;

/// The name of the built-in view: records by outcome (`accepted`, or why rejected) and hour of
/// arrival. It goes the way of every other view, so its counts are as exact as theirs.
pub const RECORDS_VIEW: &str = "anabranch_records";

/// The outcome of a record that was decoded.
pub const ACCEPTED: &str = "accepted";

/// Everything that the fold needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// What an event looks like.
    pub schema: Schema,
    /// The user's views in the order of their sources, then [`RECORDS_VIEW`].
    pub views: Vec<Arc<View>>,
    /// The event time in the columns that [`RECORDS_VIEW`] folds.
    pub(crate) records_event_time: ColumnId,
}

impl Project {
    /// Compiles a project. Errors of all sources come together.
    pub fn compile(schema: &Source, views: &[Source]) -> Result<Project, Vec<CompileError>> {
        let schema = sql::compile_schema(schema).map_err(|error| vec![error])?;
        let mut compiled: Vec<Arc<View>> = Vec::new();
        let mut errors = Vec::new();
        for source in views {
            let taken: Vec<&str> = compiled.iter().map(|view| view.name.as_str()).collect();
            match sql::compile_views(&schema, source, &taken) {
                Ok(views) => compiled.extend(views.into_iter().map(Arc::new)),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let (records_schema, records) = sql::records_view(&schema);
        compiled.push(Arc::new(records));
        Ok(Project { schema, views: compiled, records_event_time: records_schema.event_time })
    }

    /// The user's views, without the built-in one.
    pub fn user_views(&self) -> &[Arc<View>] {
        &self.views[..self.views.len() - 1]
    }

    /// The built-in view that counts records.
    pub fn records_view(&self) -> &Arc<View> {
        self.views.last().expect("a project always has the built-in view")
    }

    /// The view of that name, if there is one.
    pub fn view(&self, name: &str) -> Option<&Arc<View>> {
        self.views.iter().find(|view| view.name.eq_ignore_ascii_case(name))
    }

    /// The view of that definition, if there is one.
    pub fn by_fingerprint(&self, fingerprint: Fingerprint) -> Option<&Arc<View>> {
        self.views.iter().find(|view| view.fingerprint == fingerprint)
    }

    /// The columns that the user's views read.
    pub(crate) fn needed_columns(&self) -> Vec<ColumnId> {
        let mut needed = vec![false; self.schema.columns.len()];
        for view in self.user_views() {
            if view.bucket.is_some() {
                needed[self.schema.event_time] = true;
            }
            let aggregates = view.aggregates.iter().flat_map(|a| a.args.iter().chain(&a.filter));
            let keys = view.keys.iter().map(|key| &key.expr);
            for expr in view.filter.iter().chain(keys).chain(aggregates) {
                expr.mark_columns(&mut needed);
            }
        }
        (0..needed.len()).filter(|&id| needed[id]).collect()
    }
}
