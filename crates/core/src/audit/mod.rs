//! Audit: does what is stored say the same everywhere? For users, on live data, over ports.
//!
//! ```text
//! snapshot ─> units: every object is read once ─┬─> its description, its place in the chain
//!                                               ├─> a fold of each epoch ──> speed rows
//!                                               └─> a fold of everything ──> batch versions
//! ```
//!
//! So is a definition that is superseded and serves on: its rows and versions are compared like those
//! of the project's own, and named as its own in the report.
//!
//! It reads and never writes, and may run while events flow: the snapshot is read in an order in
//! which later things cannot contradict earlier ones, speed rows that differ are judged again by a
//! fresh snapshot, and versions that are retired meanwhile are followed to the current one. So a
//! difference in the report is one in the data.
//!
//! Memory holds the stored speed rows, and on every worker the rows of the views; never the records.
//! What the audit takes as given is the fold itself: it finds what was lost, doubled or changed on
//! the way, not an aggregate that is wrong everywhere. That one is held by the aggregates' own tests.

mod judge;
mod ledger;
mod report;
mod rows;
mod snapshot;
mod units;
mod versions;

pub use report::{Check, Compared, Difference, Report};

use crate::epoch::{Epoch, EpochLength};
use crate::key;
use crate::pipeline::deploy;
use crate::port::{Control, Error, MasterDataSet, Result, SpeedStore, ViewStore, Workers};
use crate::project::{Project, RECORDS_VIEW};
use crate::record::ShardId;
use crate::table::Table;
use crate::types::{Type, Value};
use crate::view::{Fingerprint, View};
use bumpalo::Bump;
use report::Findings;
use snapshot::Snapshot;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use units::Pass;

/// How often speed rows that differ are judged by a fresh snapshot.
const SECOND_LOOKS: usize = 3;

/// What to compare, and how much of it to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The views to compare, superseded definitions of theirs included; `None` compares all. Records
    /// are counted either way.
    pub views: Option<Vec<Fingerprint>>,
    /// Only the ledger: objects are read, and nothing is folded.
    pub ledger_only: bool,
    /// How many differences of each check are listed; all are counted.
    pub limit: usize,
}

impl Default for Options {
    /// Everything, and up to 100 differences of each check.
    fn default() -> Self {
        Options { views: None, ledger_only: false, limit: 100 }
    }
}

/// How far an audit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Of the records to read, this many are.
    Read {
        /// So far.
        records: u64,
        /// In all.
        total: u64,
    },
    /// Of the parts of one version, this many are compared.
    Compared {
        /// So far.
        parts: u64,
        /// In all.
        total: u64,
    },
}

/// What an audit is to do.
pub struct Request<'a> {
    /// Whose data.
    pub project: &'a Arc<Project>,
    /// The length of epochs.
    pub length: EpochLength,
    /// What to compare.
    pub options: &'a Options,
    /// Told about the work as it goes.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// What is compared in an audit.
struct Scope<'a> {
    /// The project with whatever else serves.
    project: Arc<Project>,
    /// Its live views: a fold has a table for each.
    views: Vec<Arc<View>>,
    /// Of these, which are compared.
    wanted: Vec<bool>,
    /// Of these, the one that counts records by the project's own schema.
    records: usize,
    length: EpochLength,
    options: &'a Options,
    progress: &'a (dyn Fn(Progress) + Sync),
}

impl<'a> Scope<'a> {
    fn new(request: &Request<'a>, project: Project) -> Self {
        let views: Vec<Arc<View>> = project.live().cloned().collect();
        let chosen = request.options.views.as_ref().map(|chosen| {
            let named = |of| project.by_fingerprint(of).map(|view| view.name.to_lowercase());
            chosen.iter().filter_map(|&of| named(of)).collect::<BTreeSet<String>>()
        });
        // The built-in view counts the records of all.
        let is_wanted = |view: &Arc<View>| {
            let is_chosen = |chosen: &BTreeSet<_>| chosen.contains(&view.name.to_lowercase());
            view.name == RECORDS_VIEW || chosen.as_ref().is_none_or(is_chosen)
        };
        let wanted = views.iter().map(is_wanted).collect();
        let ours = project.records_view().fingerprint;
        let records = views.iter().position(|view| view.fingerprint == ours);
        Scope {
            project: Arc::new(project),
            wanted,
            records: records.expect("a live project has the built-in view"),
            views,
            length: request.length,
            options: request.options,
            progress: request.progress,
        }
    }

    /// Whether a view is compared.
    fn wants(&self, at: usize) -> bool {
        self.wanted[at]
    }

    /// The views that count records, each by another schema.
    fn counts(&self) -> impl Iterator<Item = usize> {
        (0..self.views.len()).filter(|&at| self.views[at].name == RECORDS_VIEW)
    }

    /// How many definitions are compared that are not the project's own.
    fn superseded(&self) -> u64 {
        let own = |view: &Arc<View>| self.project.by_fingerprint(view.fingerprint).is_some();
        let wanted = self.views.iter().zip(&self.wanted);
        wanted.filter(|(view, wanted)| **wanted && !own(view)).count() as u64
    }
}

/// The stores of a deployment.
struct Stores<'a, M, S, C, V> {
    master: &'a M,
    speed: &'a S,
    control: &'a C,
    views: &'a V,
}

/// Compares everything with everything, as [`Options`] say.
///
/// # Errors
/// Those of the ports that say that a store is not available, and of its lists. Whatever else cannot
/// be read is a difference in the report, and the audit goes on with the rest.
pub async fn audit(
    master: &impl MasterDataSet,
    speed: &impl SpeedStore,
    control: &impl Control,
    views: &impl ViewStore,
    workers: &impl Workers,
    request: &Request<'_>,
) -> Result<Report> {
    let stores = Stores { master, speed, control, views };
    let mut findings = Findings::new(request.options.limit);
    let mut notes = Vec::new();
    let project = serving(request.project, control, &mut findings, &mut notes).await?;
    let scope = &Scope::new(request, project);
    let snapshot = Snapshot::read(&stores, scope, &mut findings, &mut notes).await?;
    let (links, horizon) = (&snapshot.links, snapshot.horizon());
    ledger::check_ends(&snapshot.registered, links, horizon, &mut findings, &mut notes);
    ledger::check_checkpoints(&snapshot.checkpoints, links, &mut findings);
    let shards = snapshot.registered.len() as u64;
    let superseded = if request.options.ledger_only { 0 } else { scope.superseded() };
    let mut compared = Compared { shards, superseded, ..Compared::default() };

    let work = units::cut(&snapshot, scope, None, &mut compared);
    let Pass { tables, ledger, speed, suspects, unread, compared: read } =
        units::read(&stores, workers, scope, work).await?;
    findings.extend(ledger);
    findings.extend(look_again(&stores, workers, scope, speed, suspects).await?);
    compared.add(&read);

    let auditor = versions::Auditor { stores: &stores, workers, scope };
    for (view, table) in tables.into_iter().enumerate() {
        if request.options.ledger_only || !scope.wants(view) {
            continue;
        }
        let horizon = snapshot.horizons[view];
        let whole = snapshot.unreadable == 0 && unread.is_none_or(|epoch| epoch >= horizon);
        if !whole {
            let name = &scope.views[view].name;
            notes.push(format!(
                "the rows of {name}'s batch version are not compared: an object that they are made \
                 from cannot be read"
            ));
        }
        let records = snapshot.records_below(horizon);
        let expected = versions::Expected { view, table, horizon, records, whole };
        auditor.compare(expected, &mut findings, &mut compared).await?;
    }
    let mut report = findings.into_report(request.options.ledger_only, compared, notes);
    for difference in &mut report.differences {
        let is_own = |of: &Fingerprint| scope.project.by_fingerprint(*of).is_some();
        difference.definition = difference.definition.filter(|of| !is_own(of));
    }
    Ok(report)
}

/// The project with whatever else serves by what is deployed. What cannot be told of that is said.
async fn serving(
    project: &Project,
    control: &impl Control,
    findings: &mut Findings,
    notes: &mut Vec<String>,
) -> Result<Project> {
    match deploy::serving(project, control).await {
        Ok(deploy::Deployed { project, changes }) => {
            notes.extend(changes.iter().map(|deploy::Change { view, fingerprint, what }| {
                format!("definition {fingerprint} of {view} is not compared: {what}")
            }));
            Ok(Arc::unwrap_or_clone(project))
        }
        Err(error @ Error::Unavailable { .. }) => Err(error),
        Err(error) => {
            let what = format!("what is deployed cannot be read: {error}");
            findings.add(Difference::new(Check::Versions, what));
            Ok(project.clone())
        }
    }
}

/// Judges the speed rows of `suspects` by fresh snapshots: what has expired, or was not meant to be
/// whole, was no difference. Returns what is left.
async fn look_again<M, S, C, V>(
    stores: &Stores<'_, M, S, C, V>,
    workers: &impl Workers,
    scope: &Scope<'_>,
    mut speed: Findings,
    mut suspects: BTreeSet<(ShardId, Epoch)>,
) -> Result<Findings>
where
    M: MasterDataSet,
    S: SpeedStore,
    C: Control,
    V: ViewStore,
{
    for _ in 0..SECOND_LOOKS {
        if suspects.is_empty() {
            break;
        }
        // Of everything else the first snapshot has told.
        let (mut told, mut noted) = (speed.fresh(), Vec::new());
        let snapshot = Snapshot::read(stores, scope, &mut told, &mut noted).await?;
        let work = units::cut(&snapshot, scope, Some(&suspects), &mut Compared::default());
        let pass = units::read(stores, workers, scope, work).await?;
        (speed, suspects) = (pass.speed, pass.suspects);
    }
    Ok(speed)
}

/// Records by outcome, in a table of the built-in view.
fn outcomes(table: &Table) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let groups: Vec<u32> = (0..table.len() as u32).collect();
    let arena = Bump::new();
    let records = table.measures(&groups, &arena);
    for &group in &groups {
        let outcome = match key::take(&mut table.key(group), Type::Varchar) {
            Ok(Value::Varchar(outcome)) => outcome,
            other => format!("{other:?}"),
        };
        if let Value::BigInt(count) = records[0].value(group as usize) {
            *counts.entry(outcome).or_default() += u64::try_from(count).unwrap_or(0);
        }
    }
    counts
}
