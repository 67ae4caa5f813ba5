//! Audit: does what is stored say the same everywhere? For users, on live data, over ports.
//!
//! ```text
//! snapshot ─> units: every object is read once ─┬─> its description, its place in the chain
//!                                               ├─> a fold of each epoch ──> speed rows
//!                                               └─> a fold of everything ──> batch versions
//! ```
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
use crate::port::{Control, MasterDataSet, Result, SpeedStore, ViewStore, Workers};
use crate::project::Project;
use crate::record::ShardId;
use crate::table::Table;
use crate::types::{Type, Value};
use crate::view::Fingerprint;
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
    /// The views to compare; `None` compares all. Records are counted either way.
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

impl Request<'_> {
    /// Whether view `at` of the project is compared. The built-in view counts the records of all.
    fn wants(&self, at: usize) -> bool {
        let views = &self.project.views;
        let listed = |views: &Vec<Fingerprint>, of| views.contains(&of);
        let chosen = &self.options.views;
        at + 1 == views.len()
            || chosen.as_ref().is_none_or(|chosen| listed(chosen, views[at].fingerprint))
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
    let snapshot = Snapshot::read(&stores, request, &mut findings, &mut notes).await?;
    let (links, horizon) = (&snapshot.links, snapshot.horizon());
    ledger::check_ends(&snapshot.registered, links, horizon, &mut findings, &mut notes);
    ledger::check_checkpoints(&snapshot.checkpoints, links, &mut findings);
    let shards = snapshot.registered.len() as u64;
    let mut compared = Compared { shards, ..Compared::default() };

    let work = units::cut(&snapshot, request, None, &mut compared);
    let Pass { tables, ledger, speed, suspects, unread, compared: read } =
        units::read(&stores, workers, request, work).await?;
    findings.extend(ledger);
    findings.extend(look_again(&stores, workers, request, speed, suspects).await?);
    compared.add(&read);

    let auditor = versions::Auditor { stores: &stores, workers, request };
    for (view, table) in tables.into_iter().enumerate() {
        if request.options.ledger_only || !request.wants(view) {
            continue;
        }
        let horizon = snapshot.horizons[view];
        let whole = snapshot.unreadable == 0 && unread.is_none_or(|epoch| epoch >= horizon);
        if !whole {
            let name = &request.project.views[view].name;
            notes.push(format!(
                "the rows of {name}'s batch version are not compared: an object that they are made \
                 from cannot be read"
            ));
        }
        let records = snapshot.records_below(horizon);
        let expected = versions::Expected { view, table, horizon, records, whole };
        auditor.compare(expected, &mut findings, &mut compared).await?;
    }
    Ok(findings.into_report(request.options.ledger_only, compared, notes))
}

/// Judges the speed rows of `suspects` by fresh snapshots: what has expired, or was not meant to be
/// whole, was no difference. Returns what is left.
async fn look_again<M, S, C, V>(
    stores: &Stores<'_, M, S, C, V>,
    workers: &impl Workers,
    request: &Request<'_>,
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
        let snapshot = Snapshot::read(stores, request, &mut told, &mut noted).await?;
        let work = units::cut(&snapshot, request, Some(&suspects), &mut Compared::default());
        let pass = units::read(stores, workers, request, work).await?;
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
