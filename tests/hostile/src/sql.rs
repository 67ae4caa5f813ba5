//! SQL: any text gives views or errors that point into it, and what compiles can be run.
//!
//! The bytes are text, cut at zero bytes: a schema, if there is more than one piece, and views.

use anabranch_core::fold::Fold;
use anabranch_core::project::Project;
use anabranch_core::query::Query;
use anabranch_core::record::{Record, SequenceNumber};
use anabranch_core::sql::{CompileError, Source};
use anabranch_core::table::Table;
use bumpalo::Bump;
use std::sync::Arc;

/// The schema of views that bring none.
pub(crate) const SCHEMA: &str = "CREATE TABLE events (t TIMESTAMP(3), a BIGINT, b BOOLEAN, \
    s VARCHAR, d DECIMAL(12,2), f DOUBLE, o STRUCT<s VARCHAR, p STRUCT<n BIGINT>>) \
    WITH (format = 'json', event_time = 't')";

/// Events at the edges of their types.
const EVENTS: [&str; 8] = [
    r#"{"t":"2026-01-31T12:34:56.789Z"}"#,
    r#"{"t":"0001-01-01","a":-9223372036854775808,"b":true,"s":"","d":9999999999.99,"f":1.7e308}"#,
    r#"{"t":"9999-12-31T23:59:59.999Z","a":9223372036854775807,"b":false,"d":-9999999999.99}"#,
    r#"{"t":"1969-12-31T23:59:59.999Z","a":0,"s":"é\u0000%_\\","d":0.01,"f":5e-324}"#,
    r#"{"t":"2024-02-29","a":-1,"s":"2024-02-29 12:00","f":-1.7e308,"o":{"s":"x","p":{"n":7}}}"#,
    r#"{"t":"2024-02-29","a":7,"s":"x","f":0.1,"o":{"s":"x","p":{"n":-7}},"b":true}"#,
    r#"{"t":"2024-12-30","a":3,"s":"12345678901234567890","d":-0.01,"o":null}"#,
    r#"{"t":"no time"}"#,
];

/// Panics unless the text compiles to views that can be run, or to errors with a place in it.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut pieces: Vec<&str> = text.split('\0').collect();
    let schema = if pieces.len() > 1 { pieces.remove(0) } else { SCHEMA };
    let source = |name: &str, text: &str| Source { name: name.to_owned(), text: text.to_owned() };
    let schema = source("schema.sql", schema);
    let views: Vec<Source> = (0..).zip(pieces).map(|(i, p)| source(&format!("v{i}"), p)).collect();
    match Project::compile(&schema, &views) {
        Ok(project) => {
            let again = Project::compile(&schema, &views).expect("it compiled before");
            assert!(project == again, "another project from the same text");
            run(&Arc::new(project));
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                let name = &error.diagnostics()[0].source;
                let mut sources = views.iter().chain([&schema]);
                let source = sources.find(|source| source.name == *name).expect("a source");
                check_error(&error, &source.text);
            }
        }
    }
}

fn check_error(error: &CompileError, text: &str) {
    for diagnostic in error.diagnostics() {
        assert_eq!(Some(diagnostic.text.as_str()), text.get(diagnostic.span.clone()));
        assert!(!diagnostic.message.is_empty() && !diagnostic.help.is_empty());
        assert!(!diagnostic.message.contains('\n') && !diagnostic.help.contains('\n'));
        let before = &text[..diagnostic.span.start];
        assert_eq!(diagnostic.line, before.matches('\n').count() + 1);
        let line = before.rsplit('\n').next().unwrap_or_default();
        assert_eq!(diagnostic.column, line.chars().count() + 1);
    }
    assert!(error.render(false).contains(&error.diagnostics()[0].message));
}

/// Folds events; every row must survive its encoding and its columns, and can be presented.
fn run(project: &Arc<Project>) {
    let mut fold = Fold::new(project);
    let records = EVENTS.map(|event| Record {
        sequence: SequenceNumber::ZERO,
        arrival_ms: 1_700_000_000_000,
        partition_key: "k",
        payload: event.as_bytes(),
    });
    fold.fold(&records);
    fold.fold(&records[2..]);
    for (view, table) in project.views.iter().zip(fold.tables()) {
        Query::parse(view, []).expect("a view can be asked without parameters");
        check_table(table);
    }
}

/// Every row of a table survives its encoding and its stored columns.
pub(crate) fn check_table(table: &Table) {
    let groups = table.sorted();
    let arena = Bump::new();
    let rows = table.rows(&groups, &arena).expect("keys that were written can be read");
    let mut loaded = Table::new(table.view());
    let places = loaded.groups_of_rows(&rows);
    loaded.load(&places, &rows.states).expect("columns that were stored can be loaded");
    let mut merged = Table::new(table.view());
    for &group in &groups {
        let (mut state, mut again) = (Vec::new(), Vec::new());
        table.encode(group, &mut state);
        merged.merge(table.key(group), &state).expect("a state that was written can be read");
        for other in [&merged, &loaded] {
            again.clear();
            other.encode(other.find(table.key(group)).expect("the key"), &mut again);
            assert_eq!(again, state);
        }
    }
    let measures = table.measures(&groups, &arena);
    assert!(measures.iter().all(|column| column.len() == groups.len()));
    let places: Vec<u32> =
        groups.iter().map(|&g| merged.find(table.key(g)).expect("the key")).collect();
    assert_eq!(merged.measures(&places, &arena), measures);
}
