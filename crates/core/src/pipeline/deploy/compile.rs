//! Superseded definitions, compiled from the SQL that the store kept.
//!
//! One whose text compiles over the project's own schema to the very same definition is folded in
//! one pass with the project's views; any other brings its own schema, by whose rules records are
//! accepted for it. Text that this program no longer understands, or understands otherwise, stops
//! nothing: its definition is given up.

use crate::definitions::{Definition, Definitions, State};
use crate::project::{Project, Superseded};
use crate::schema::Schema;
use crate::sql::{self, CompileError, Source};
use crate::view::{Fingerprint, View};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The current definitions, compiled; or why they cannot be.
pub(super) fn current(definitions: &Definitions) -> Result<Project, String> {
    let source = |view: &str, text: &str| Source { name: view.to_owned(), text: text.to_owned() };
    let mut schema = None;
    // Each text once, although it may define several views; in the order of the project's files.
    let mut texts: Vec<(usize, Source)> = Vec::new();
    for current in definitions.in_state(State::Current) {
        schema = schema.or_else(|| definitions.text(current.schema));
        if let (Some(at), Some(text)) = (current.source, definitions.text(current.source))
            && !texts.iter().any(|(known, _)| *known == at)
        {
            texts.push((at, source(&current.view, text)));
        }
    }
    let schema = source("schema.sql", schema.ok_or("their schema is gone")?);
    let views: Vec<Source> = texts.into_iter().map(|(_, source)| source).collect();
    let project = Project::compile(&schema, &views).map_err(|errors| {
        let first = errors.iter().flat_map(CompileError::diagnostics).next();
        let first = first.map_or("", |first| first.message.as_str());
        format!("their SQL does not compile any more: {first}")
    })?;
    match super::is_current(&project, definitions) {
        true => Ok(project),
        false => Err("their SQL means others to this version of Anabranch".to_owned()),
    }
}

/// The superseded definitions, compiled; and those that cannot serve on, with the reason.
pub(super) fn compile(
    project: &Project,
    definitions: &Definitions,
) -> (Vec<Superseded>, BTreeMap<Fingerprint, String>) {
    let mut groups: Vec<Superseded> = Vec::new();
    let mut given_up = BTreeMap::new();
    for definition in definitions.in_state(State::Superseded) {
        let (schema, records, view) = match compile_one(project, definitions, definition) {
            Ok(compiled) => compiled,
            Err(because) => {
                given_up.insert(definition.fingerprint, because);
                continue;
            }
        };
        match groups.iter_mut().find(|group| group.schema == schema) {
            Some(group) => group.views.extend(view),
            None => groups.push(Superseded { schema, records, views: view.into_iter().collect() }),
        }
    }
    (groups, given_up)
}

/// A superseded definition over the schema that its columns index, and the view that counts records
/// there. The built-in view itself comes as the latter.
type Compiled = (Schema, Arc<View>, Option<Arc<View>>);

fn compile_one(
    project: &Project,
    definitions: &Definitions,
    definition: &Definition,
) -> Result<Compiled, String> {
    let source = |text: Option<&str>| {
        let (name, text) = (definition.view.clone(), text?.to_owned());
        Some(Source { name, text })
    };
    let defines = source(definitions.text(definition.source));
    let is_it = |view: &View| view.fingerprint == definition.fingerprint;
    let find = |schema: &Schema, source: &Source| {
        let views = sql::compile_views(schema, source, &[])?;
        Ok::<_, CompileError>(views.into_iter().find(|view| is_it(view)).map(Arc::new))
    };
    if let Some(Ok(Some(view))) = defines.as_ref().map(|defines| find(&project.schema, defines)) {
        return Ok((project.schema.clone(), Arc::clone(project.records_view()), Some(view)));
    }
    let refused = |error: CompileError| {
        let first = error.diagnostics().first().map_or("", |first| first.message.as_str());
        format!("its SQL does not compile any more: {first}")
    };
    let changed = || "its SQL means another definition to this version of Anabranch".to_owned();
    let schema = source(definitions.text(definition.schema)).ok_or("its SQL is gone")?;
    let schema = sql::compile_schema(&schema).map_err(refused)?;
    let (_, records) = sql::records_view(&schema);
    if records.fingerprint != definition.records {
        return Err(changed());
    }
    let view = match &defines {
        Some(defines) => Some(find(&schema, defines).map_err(refused)?.ok_or_else(changed)?),
        None => None,
    };
    Ok((schema, Arc::new(records), view))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(columns: &str, table: &str, measure: &str) -> Project {
        let source = |name: &str, text: String| Source { name: name.to_owned(), text };
        let schema =
            format!("CREATE TABLE {table} ({columns}) WITH (format = 'json', event_time = 't')");
        let view = format!(
            "CREATE MATERIALIZED VIEW v AS SELECT a, {measure} AS m FROM {table} GROUP BY 1"
        );
        Project::compile(&source("schema.sql", schema), &[source("v.sql", view)]).unwrap()
    }

    /// What `old` leaves when it is superseded, with its SQL as `mend` leaves that.
    fn superseded(old: &Project, mend: impl Fn(&str) -> String) -> Definitions {
        let mut definitions = Definitions::default();
        for view in &old.views {
            let definition = Definition {
                view: view.name.clone(),
                fingerprint: view.fingerprint,
                records: old.records_view().fingerprint,
                state: State::Superseded,
                schema: None,
                source: None,
            };
            let text = old.view_texts.get(&view.fingerprint).map(|text| mend(text));
            definitions.push(definition, Some(&old.schema_text), text.as_deref());
        }
        definitions
    }

    const COLUMNS: &str = "t TIMESTAMP(3), a BIGINT, b BIGINT";

    #[test]
    fn the_same_acceptance_is_folded_in_one_pass_whatever_the_order_of_columns() {
        let old = project(COLUMNS, "events", "count(*)");
        let new = project("b BIGINT, a BIGINT, t TIMESTAMP(3)", "events", "sum(b)");
        let mut definitions = superseded(&old, str::to_owned);
        definitions.views.retain(|definition| definition.view == "v");
        let (groups, given_up) = compile(&new, &definitions);
        assert!(given_up.is_empty(), "{given_up:?}");
        let new = Project { superseded: groups, ..new };
        assert_eq!(new.passes().len(), 1);
        let live: Vec<&str> = new.live().map(|view| view.name.as_str()).collect();
        assert_eq!(live, ["v", "v", "anabranch_records"]);
        let serves_on = new.superseded("V").unwrap();
        assert_eq!(serves_on.fingerprint, old.views[0].fingerprint);
        assert_eq!(new.records_of(serves_on.fingerprint), new.records_view());
        assert!(new.retain_superseded(|_| false).superseded_views().is_empty());
    }

    #[test]
    fn what_is_deployed_is_compiled_from_its_texts() {
        let files = |measure: &str| project(COLUMNS, "events", measure);
        let deployed = |project: &Project, of: &Project| {
            let definitions = superseded(of, str::to_owned);
            let definitions = definitions.with_states(|_| State::Current);
            let compiled = super::super::deployed(&definitions).unwrap();
            assert_eq!(compiled, *project);
        };
        deployed(&files("count(*)"), &files("count(*)"));
        let changed = superseded(&files("count(*)"), |text| text.replace("count(*)", "sum(b)"));
        let changed = changed.with_states(|_| State::Current);
        let error = super::super::deployed(&changed).unwrap_err().to_string();
        assert!(error.contains("means others"), "{error}");
        let error = super::super::deployed(&Definitions::default()).unwrap_err().to_string();
        assert!(error.contains("schema is gone"), "{error}");
    }

    #[test]
    fn another_schema_is_a_pass_of_its_own_with_its_own_count_of_records() {
        let old = project(COLUMNS, "events", "count(*)");
        let new = project("t TIMESTAMP(3), a BIGINT", "events", "count(*)");
        let (groups, given_up) = compile(&new, &superseded(&old, str::to_owned));
        assert!(given_up.is_empty(), "{given_up:?}");
        let new = Project { superseded: groups, ..new };
        let live: Vec<Fingerprint> = new.live().map(|view| view.fingerprint).collect();
        let both =
            [&new.views, &old.views].map(|views| [views[0].fingerprint, views[1].fingerprint]);
        assert_eq!(live, both.concat());
        assert_eq!(new.records_of(old.views[0].fingerprint), old.records_view());
        assert_eq!(new.records_of(new.views[0].fingerprint), new.records_view());
    }

    #[test]
    fn another_name_of_the_table_counts_no_record_twice() {
        let old = project(COLUMNS, "events", "count(*)");
        let new = project(COLUMNS, "happenings", "sum(b)");
        let mut definitions = superseded(&old, str::to_owned);
        definitions.views.retain(|definition| definition.view == "v");
        let (groups, _) = compile(&new, &definitions);
        let new = Project { superseded: groups, ..new };
        // The schemas are equal but for the name, and so is what they accept.
        let live: Vec<&str> = new.live().map(|view| view.name.as_str()).collect();
        assert_eq!(live.iter().filter(|name| **name == "anabranch_records").count(), 1, "{live:?}");
        assert!(new.superseded("v").is_some());
    }

    #[test]
    fn sql_that_is_not_understood_any_more_is_given_up_with_the_reason() {
        let old = project(COLUMNS, "events", "count(*)");
        let new = project("t TIMESTAMP(3), a BIGINT", "events", "count(*)");
        let cases = [
            ("count", "total", "does not compile any more"),
            ("count(*)", "sum(b)", "another definition"),
        ];
        for (from, to, because) in cases {
            let (groups, given_up) =
                compile(&new, &superseded(&old, |text| text.replace(from, to)));
            assert!(groups.iter().all(|group| group.views.is_empty()));
            let said = &given_up[&old.views[0].fingerprint];
            assert!(said.contains(because), "{said}");
            assert_eq!(given_up.len(), 1);
        }
    }
}
