//! A project: one schema, the views over it, and the built-in view that counts records.
//!
//! A deployed project also carries the definitions that its own ones supersede and that serve on
//! until those are complete (see [`crate::pipeline::deploy`]). They are live: absorbed and built by
//! the same code, each over the schema that it was written for.

use crate::schema::{ColumnId, Schema};
use crate::sql::{self, CompileError, Source};
use crate::view::{Fingerprint, View};
use std::collections::BTreeMap;
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
    /// The text that the schema was compiled from.
    pub(crate) schema_text: Arc<str>,
    /// The text that each of the user's views was compiled from.
    pub(crate) view_texts: BTreeMap<Fingerprint, Arc<str>>,
    /// Superseded definitions that serve on.
    pub(crate) superseded: Vec<Superseded>,
}

/// Superseded views over one schema.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Superseded {
    /// What their columns index: the project's own schema wherever their text compiles over it to
    /// the same definition, so that one pass over the events does for both.
    pub(crate) schema: Schema,
    /// The user's views.
    pub(crate) views: Vec<Arc<View>>,
    /// The view that counts records by this schema's acceptance; perhaps the project's own.
    pub(crate) records: Arc<View>,
}

/// What is folded in one pass over decoded events.
pub(crate) struct Pass<'p> {
    pub(crate) schema: &'p Schema,
    /// The user's views, current and superseded.
    pub(crate) views: Vec<&'p Arc<View>>,
    /// The view that counts records, unless another pass does.
    pub(crate) records: Option<&'p Arc<View>>,
}

impl Project {
    /// Compiles a project. Errors of all sources come together.
    pub fn compile(schema: &Source, views: &[Source]) -> Result<Project, Vec<CompileError>> {
        let schema_text = Arc::from(schema.text.as_str());
        let schema = sql::compile_schema(schema).map_err(|error| vec![error])?;
        let mut compiled: Vec<Arc<View>> = Vec::new();
        let mut errors = Vec::new();
        let mut view_texts = BTreeMap::new();
        for source in views {
            let taken: Vec<&str> = compiled.iter().map(|view| view.name.as_str()).collect();
            match sql::compile_views(&schema, source, &taken) {
                Ok(views) => {
                    let text: Arc<str> = Arc::from(source.text.as_str());
                    let texts = views.iter().map(|view| (view.fingerprint, Arc::clone(&text)));
                    view_texts.extend(texts);
                    compiled.extend(views.into_iter().map(Arc::new));
                }
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let (records_schema, records) = sql::records_view(&schema);
        compiled.push(Arc::new(records));
        Ok(Project {
            schema,
            views: compiled,
            records_event_time: records_schema.event_time,
            schema_text,
            view_texts,
            superseded: Vec::new(),
        })
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

    /// Every view that is absorbed and built: the project's own, and the superseded ones that serve
    /// on. In the order of the tables of a [`crate::fold::Fold`].
    pub fn live(&self) -> impl Iterator<Item = &Arc<View>> {
        self.passes().into_iter().flat_map(|pass| pass.views.into_iter().chain(pass.records))
    }

    /// The superseded definition of the view `name` that serves on, if there is one.
    pub fn superseded(&self, name: &str) -> Option<&Arc<View>> {
        let views = self.superseded_views();
        views.into_iter().find(|view| view.name.eq_ignore_ascii_case(name))
    }

    /// Every superseded definition that serves on.
    pub fn superseded_views(&self) -> Vec<&Arc<View>> {
        self.live().filter(|view| self.by_fingerprint(view.fingerprint).is_none()).collect()
    }

    /// The view that counts records by the rules by which `view` accepts them.
    pub fn records_of(&self, view: Fingerprint) -> &Arc<View> {
        let holds = |group: &&Superseded| {
            group.records.fingerprint == view || group.views.iter().any(|v| v.fingerprint == view)
        };
        let group = self.superseded.iter().find(holds);
        match group {
            Some(group) if self.by_fingerprint(view).is_none() => &group.records,
            _ => self.records_view(),
        }
    }

    /// The project with those of its superseded definitions that `serves` holds for.
    pub fn retain_superseded(&self, serves: impl Fn(Fingerprint) -> bool) -> Project {
        let mut project = self.clone();
        for group in &mut project.superseded {
            group.views.retain(|view| serves(view.fingerprint));
        }
        let ours = project.records_view().fingerprint;
        project.superseded.retain(|group| {
            let counts = group.records.fingerprint;
            !group.views.is_empty() || (counts != ours && serves(counts))
        });
        project
    }

    /// What is folded together. The first pass is over the project's own schema.
    pub(crate) fn passes(&self) -> Vec<Pass<'_>> {
        let (shared, others): (Vec<&Superseded>, Vec<&Superseded>) =
            self.superseded.iter().partition(|group| group.schema == self.schema);
        let shared = shared.into_iter().flat_map(|group| &group.views);
        let mut passes = vec![Pass {
            schema: &self.schema,
            views: self.user_views().iter().chain(shared).collect(),
            records: Some(self.records_view()),
        }];
        for group in others {
            let counts = |pass: &Pass<'_>| {
                pass.records.is_some_and(|view| view.fingerprint == group.records.fingerprint)
            };
            let records = (!passes.iter().any(counts)).then_some(&group.records);
            passes.push(Pass {
                schema: &group.schema,
                views: group.views.iter().collect(),
                records,
            });
        }
        passes
    }
}

impl Pass<'_> {
    /// The columns that the user's views read.
    pub(crate) fn needed_columns(&self) -> Vec<ColumnId> {
        let mut needed = vec![false; self.schema.columns.len()];
        for view in &self.views {
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
