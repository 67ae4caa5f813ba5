//! The projects that a world deploys: the view `traffic` in several definitions, `totals` in one,
//! over several schemas.

use anabranch_core::project::Project;
use anabranch_core::sql::Source;
use std::sync::Arc;

/// A project, in the words of the oracle.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    /// Whether the schema has `note BIGINT`, by which it rejects events that others accept.
    pub(crate) declares_note: bool,
    /// Whether `traffic` has a WHERE.
    pub(crate) only_positive: bool,
    /// Whether `traffic` has the key column `site`.
    pub(crate) by_site: bool,
    /// Compiled.
    pub(crate) project: Arc<Project>,
}

/// Every project: the first four differ in one view, the fifth in every one, the sixth in nothing
/// but how the schema is written, and the last lacks `traffic`.
pub(crate) fn all() -> Vec<Variant> {
    let plain = "t TIMESTAMP(3), site VARCHAR, amount BIGINT";
    let noted = "t TIMESTAMP(3), site VARCHAR, amount BIGINT, note BIGINT";
    let turned = "amount BIGINT, site VARCHAR, t TIMESTAMP(3)";
    vec![
        variant(plain, "events", Some((false, true))),
        variant(plain, "events", Some((true, true))),
        variant(plain, "events", Some((false, false))),
        variant(plain, "events", Some((true, false))),
        variant(noted, "events", Some((true, true))),
        variant(turned, "happenings", Some((true, true))),
        variant(plain, "events", None),
    ]
}

fn variant(columns: &str, table: &str, traffic: Option<(bool, bool)>) -> Variant {
    let source = |name: &str, text: String| Source { name: name.to_owned(), text };
    let schema = format!(
        "CREATE TABLE {table} ({columns})
         WITH (format = 'json', event_time = 't', timestamp_format = 'epoch_milliseconds')"
    );
    let totals = format!(
        "CREATE MATERIALIZED VIEW totals AS
         SELECT site, count(*) AS events, sum(amount) AS amount FROM {table} GROUP BY 1"
    );
    let mut views = vec![source("totals.sql", totals)];
    let (only_positive, by_site) = traffic.unwrap_or_default();
    if traffic.is_some() {
        let filter = if only_positive { "WHERE amount > 0" } else { "" };
        let (site, group) = if by_site { ("site,", "1, 2") } else { ("", "1") };
        let text = format!(
            "CREATE MATERIALIZED VIEW traffic AS
             SELECT {site} date_trunc('minute', t) AS minute, count(*) AS events,
                    sum(amount) AS amount
             FROM {table} {filter} GROUP BY {group}"
        );
        views.push(source("traffic.sql", text));
    }
    let project = Project::compile(&source("schema.sql", schema), &views).expect("it compiles");
    let declares_note = columns.contains("note");
    Variant { declares_note, only_positive, by_site, project: Arc::new(project) }
}
