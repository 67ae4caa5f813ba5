//! The projects of the worlds: several views, a changed and a missing one, and one with a bug.
//!
//! Compiled once per thread and shared, because compiling costs as much as a world.

use anabranch_core::project::Project;
use anabranch_core::sql::Source;
use anabranch_core::view::View;
use std::sync::Arc;

const SCHEMA: &str = "
CREATE TABLE events (
  t TIMESTAMP(3), site VARCHAR, kind VARCHAR, visitor VARCHAR, amount BIGINT, ratio DOUBLE
) WITH (format = 'json', event_time = 't', timestamp_format = 'epoch_milliseconds')";

/// By minute, so that batch views have roll-ups; exact, with a FILTER.
const TRAFFIC: &str = "
CREATE MATERIALIZED VIEW traffic AS
SELECT site, date_trunc('minute', t) AS minute, count(*) AS events, sum(amount) AS amount,
       min(amount) AS least, count(*) FILTER (WHERE kind = 'buy') AS buys
FROM events";

/// Over all time.
const TOTALS: &str = "
CREATE MATERIALIZED VIEW totals AS
SELECT kind, count(amount) AS amounts, max(amount) AS most, sum(ratio) AS ratio,
       sum(amount) FILTER (WHERE site <> 'site-1') AS elsewhere
FROM events WHERE ratio > -9 GROUP BY 1";

/// Sketches.
const AUDIENCE: &str = "
CREATE MATERIALIZED VIEW audience AS
SELECT site, date_trunc('hour', t) AS hour, approx_distinct(visitor) AS visitors,
       approx_distinct(visitor) FILTER (WHERE kind = 'buy') AS buyers
FROM events GROUP BY 1, 2";

/// Which events `traffic` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    All,
    /// The changed definition: without `site-2`.
    Fewer,
    /// There is no such view.
    Absent,
}

/// A project and what is to be known of it.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub(crate) project: Arc<Project>,
    pub(crate) traffic: Traffic,
}

/// Every deployment there is.
#[derive(Debug, Clone)]
pub(crate) struct Deployments {
    pub(crate) all: Deployment,
    pub(crate) fewer: Deployment,
    pub(crate) absent: Deployment,
    /// The same fingerprints as `all`, but the code behind `traffic` is wrong.
    pub(crate) buggy: Arc<Project>,
}

impl Deployments {
    pub(crate) fn compile() -> Deployments {
        let all = compile(Some(""));
        let fewer = compile(Some(" WHERE site <> 'site-2'"));
        let deployment = |project, traffic| Deployment { project: Arc::new(project), traffic };
        Deployments {
            buggy: Arc::new(with_bug(&all, &fewer)),
            absent: deployment(compile(None), Traffic::Absent),
            fewer: deployment(fewer, Traffic::Fewer),
            all: deployment(all, Traffic::All),
        }
    }

    pub(crate) fn of(&self, traffic: Traffic) -> &Deployment {
        match traffic {
            Traffic::All => &self.all,
            Traffic::Fewer => &self.fewer,
            Traffic::Absent => &self.absent,
        }
    }
}

fn compile(traffic: Option<&str>) -> Project {
    let source = |name: &str, text: String| Source { name: name.to_owned(), text };
    let mut views =
        vec![source("totals.sql", TOTALS.to_owned()), source("audience.sql", AUDIENCE.to_owned())];
    if let Some(condition) = traffic {
        views.push(source("traffic.sql", format!("{TRAFFIC}{condition} GROUP BY 1, 2")));
    }
    Project::compile(&source("schema.sql", SCHEMA.to_owned()), &views)
        .expect("the project compiles")
}

/// `right`, where the code behind `traffic` does what `wrong` says.
fn with_bug(right: &Project, wrong: &Project) -> Project {
    let mut project = right.clone();
    for view in &mut project.views {
        if view.name == "traffic" {
            let wrong = wrong.view("traffic").expect("the view is there");
            let fingerprint = view.fingerprint;
            *view = Arc::new(View { fingerprint, ..View::clone(wrong) });
        }
    }
    project
}
