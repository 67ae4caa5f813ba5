//! Reads, runs and rewrites the golden files.

use super::{schema, views};
use anabranch_core::schema::Schema;
use std::fmt::Write as _;
use std::path::PathBuf;

/// A golden file, read.
pub(crate) struct File {
    path: PathBuf,
    /// Comments and the schema.
    head: String,
    pub(crate) schema: Option<Schema>,
    pub(crate) cases: Vec<Case>,
}

pub(crate) struct Case {
    title: String,
    pub(crate) sql: String,
    expected: String,
}

impl File {
    pub(crate) fn read_all() -> Vec<File> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sql");
        let entries = std::fs::read_dir(folder).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "test"));
        paths.sort();
        assert!(paths.len() >= 5, "the golden files are gone: {paths:?}");
        paths.into_iter().map(File::read).collect()
    }

    fn read(path: PathBuf) -> File {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut sections =
            format!("\n{text}").split("\n== ").map(str::to_owned).collect::<Vec<_>>();
        let head = sections.remove(0).trim().to_owned();
        let sql: Vec<&str> = head.lines().filter(|line| !line.starts_with('#')).collect();
        let sql = sql.join("\n");
        let cases = sections.iter().map(|section| Case::read(&path, section)).collect();
        let schema = (!sql.trim().is_empty())
            .then(|| schema(&sql).unwrap_or_else(|error| panic!("{}:\n{error}", path.display())));
        File { path, head, schema, cases }
    }

    fn rewrite(&self, actual: &[String]) {
        let mut text = format!("{}\n", self.head);
        for (case, actual) in self.cases.iter().zip(actual) {
            write!(text, "\n== {}\n{}\n=>\n{actual}\n", case.title, case.sql).unwrap();
        }
        std::fs::write(&self.path, text).unwrap();
    }
}

impl Case {
    fn read(path: &std::path::Path, section: &str) -> Case {
        let (title, rest) = section.split_once('\n').unwrap_or((section, ""));
        let (sql, expected) = rest
            .split_once("\n=>")
            .unwrap_or_else(|| panic!("{}: the case `{title}` has no line `=>`", path.display()));
        Case {
            title: title.to_owned(),
            sql: sql.to_owned(),
            expected: expected.trim_matches('\n').to_owned(),
        }
    }

    fn run(&self, schema: Option<&Schema>) -> String {
        let outcome = match schema {
            None => super::schema(&self.sql).map(|schema| shown(&schema)),
            Some(schema) => views(schema, &self.sql).map(|views| {
                let plans: Vec<String> = views
                    .iter()
                    .map(|view| match self.title.ends_with("(in full)") {
                        true => format!("{}fingerprint {}", view.plan, view.fingerprint),
                        false => without_head(&view.plan),
                    })
                    .collect();
                plans.join("\n\n")
            }),
        };
        let text = outcome.unwrap_or_else(|error| error.to_string());
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n")
    }
}

fn shown(schema: &Schema) -> String {
    let mut text = format!("table {}\n", schema.table);
    for column in &schema.columns {
        writeln!(text, "column {:?} {}", column.path, column.ty).unwrap();
    }
    let event_time = &schema.columns[schema.event_time].path;
    write!(text, "event time {event_time:?}, timestamps {:?}", schema.timestamp_format).unwrap();
    text
}

/// The plan without the lines that say the same in every case.
fn without_head(plan: &str) -> String {
    let lines: Vec<&str> = plan.lines().collect();
    let head = lines.iter().position(|line| line.starts_with("event time ")).unwrap();
    let shown: Vec<&str> = lines[1..2].iter().chain(&lines[head + 1..]).copied().collect();
    shown.join("\n")
}

#[test]
fn every_golden_case_compiles_to_what_it_says() {
    let update = std::env::var_os("UPDATE_GOLDENS").is_some();
    let mut failures = String::new();
    for file in File::read_all() {
        let actual: Vec<String> =
            file.cases.iter().map(|case| case.run(file.schema.as_ref())).collect();
        if update {
            file.rewrite(&actual);
            continue;
        }
        for (case, actual) in file.cases.iter().zip(&actual) {
            if *actual != case.expected {
                let (path, title, expected) = (file.path.display(), &case.title, &case.expected);
                writeln!(
                    failures,
                    "{path}: {title}\n--- expected\n{expected}\n--- actual\n{actual}\n"
                )
                .unwrap();
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
