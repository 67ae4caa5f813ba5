//! The report: what was compared, and every difference by its name.
//!
//! Differences are kept in order and up to a limit per check, whichever worker finds them first, so
//! that two audits of the same state say the same; the rest is counted. Nothing is clean that was
//! not looked at: what could not be read is a difference of its own.

use crate::epoch::Epoch;
use crate::record::ShardId;
use crate::view::{Fingerprint, View};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What is held against what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The chains of objects, and each object's description against its records.
    Ledger,
    /// Per shard and epoch: records archived, folded and absorbed.
    Counts,
    /// Speed rows against a fold of the records that they say they hold.
    Speed,
    /// The rows of each batch version against a fold of everything below its horizon.
    Batch,
    /// Pointers, manifests and parts.
    Versions,
}

impl Check {
    /// Every check, in the order in which they are reported.
    pub const ALL: [Check; 5] =
        [Check::Ledger, Check::Counts, Check::Speed, Check::Batch, Check::Versions];

    /// Its name, as JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Check::Ledger => "ledger",
            Check::Counts => "counts",
            Check::Speed => "speed",
            Check::Batch => "batch",
            Check::Versions => "versions",
        }
    }
}

/// One thing that is not as it must be. Fields that do not apply are absent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Difference {
    /// The check that found it.
    pub check: Check,
    /// The view's name.
    pub view: Option<String>,
    /// Which definition of the view, where it is not the project's own but one that serves on.
    pub definition: Option<Fingerprint>,
    /// The shard.
    pub shard: Option<ShardId>,
    /// The epoch.
    pub epoch: Option<Epoch>,
    /// The object, part, manifest or checkpoint.
    pub object: Option<String>,
    /// The row: its key and bucket.
    pub row: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What should be there.
    pub expected: Option<String>,
    /// What is there.
    pub found: Option<String>,
}

impl Difference {
    pub(super) fn new(check: Check, what: impl Into<String>) -> Self {
        Difference {
            check,
            view: None,
            definition: None,
            shard: None,
            epoch: None,
            object: None,
            row: None,
            what: what.into(),
            expected: None,
            found: None,
        }
    }

    /// The definition is left out of the report where it is the project's own.
    pub(super) fn view(mut self, view: &View) -> Self {
        self.view = Some(view.name.clone());
        self.definition = Some(view.fingerprint);
        self
    }

    pub(super) fn place(mut self, shard: &ShardId, epoch: Epoch) -> Self {
        self.shard = Some(shard.clone());
        self.epoch = Some(epoch);
        self
    }

    pub(super) fn shard(mut self, shard: &ShardId) -> Self {
        self.shard = Some(shard.clone());
        self
    }

    pub(super) fn object(mut self, name: impl fmt::Display) -> Self {
        self.object = Some(name.to_string());
        self
    }

    pub(super) fn row(mut self, name: String) -> Self {
        self.row = Some(name);
        self
    }

    pub(super) fn values(mut self, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        self.expected = Some(expected.to_string());
        self.found = Some(found.to_string());
        self
    }
}

impl fmt::Display for Difference {
    /// `speed: view traffic, shard shard-0000, epoch 7, row site="a": …: expected …, found …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.check.as_str())?;
        let epoch = self.epoch.map(|epoch| epoch.to_string());
        let shard = self.shard.as_ref().map(|shard| shard.0.as_str());
        let definition = self.definition.map(|definition| definition.to_string());
        let named = [
            ("view ", self.view.as_deref()),
            ("superseded definition ", definition.as_deref()),
            ("", self.object.as_deref()),
            ("shard ", shard.filter(|_| self.object.is_none())),
            ("epoch ", epoch.as_deref().filter(|_| self.object.is_none())),
            ("row ", self.row.as_deref()),
        ];
        let named: Vec<String> = named
            .into_iter()
            .filter_map(|(kind, name)| name.map(|name| format!("{kind}{name}")))
            .collect();
        if !named.is_empty() {
            write!(f, "{}: ", named.join(", "))?;
        }
        f.write_str(&self.what)?;
        if let Some(expected) = &self.expected {
            write!(f, ": expected {expected}")?;
        }
        if let Some(found) = &self.found {
            write!(f, ", found {found}")?;
        }
        Ok(())
    }
}

/// How much was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Compared {
    /// Shards whose chains were followed.
    pub shards: u64,
    /// Objects whose records were read.
    pub objects: u64,
    /// Records in them, heartbeats not counted.
    pub records: u64,
    /// Heartbeats in them.
    pub heartbeats: u64,
    /// Of the records, those that the schema accepts.
    pub accepted: u64,
    /// Of the records, those that the schema rejects.
    pub rejected: u64,
    /// Epochs of a shard whose speed rows were held against a fold of its records.
    pub speed_epochs: u64,
    /// Speed rows compared.
    pub speed_rows: u64,
    /// Speed rows that hold more than the archive has yet: to be compared later.
    pub speed_rows_ahead: u64,
    /// Speed rows that no answer reads or relies on: expired, or of an epoch that the speed layer
    /// has not seen all of for this view.
    pub speed_rows_unused: u64,
    /// Definitions that are not the project's own and serve on, compared like those.
    #[serde(default)]
    pub superseded: u64,
    /// Batch versions compared.
    pub versions: u64,
    /// Their parts.
    pub parts: u64,
    /// The rows in these.
    pub batch_rows: u64,
}

impl Compared {
    pub(super) fn add(&mut self, other: &Compared) {
        self.shards += other.shards;
        self.objects += other.objects;
        self.records += other.records;
        self.heartbeats += other.heartbeats;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.speed_epochs += other.speed_epochs;
        self.speed_rows += other.speed_rows;
        self.speed_rows_ahead += other.speed_rows_ahead;
        self.speed_rows_unused += other.speed_rows_unused;
        self.superseded += other.superseded;
        self.versions += other.versions;
        self.parts += other.parts;
        self.batch_rows += other.batch_rows;
    }
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether nothing is wrong.
    pub clean: bool,
    /// Whether only the ledger was checked.
    pub ledger_only: bool,
    /// How much was compared.
    pub compared: Compared,
    /// How many differences each check found, those not listed included.
    pub found: BTreeMap<Check, u64>,
    /// The differences, up to the limit per check.
    pub differences: Vec<Difference>,
    /// What was not compared and why, and what is no difference but worth knowing.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.clean
    }

    /// How many differences there are, those not listed included.
    pub fn total(&self) -> u64 {
        self.found.values().sum()
    }

    /// How many differences are counted and not listed.
    pub fn unlisted(&self) -> u64 {
        self.total() - self.differences.len() as u64
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.differences.iter().try_for_each(|difference| writeln!(f, "{difference}"))?;
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))?;
        write!(f, "{} differences, {} of them not listed", self.total(), self.unlisted())
    }
}

/// Differences as they are found.
#[derive(Debug, Clone)]
pub(super) struct Findings {
    limit: usize,
    found: BTreeMap<Check, u64>,
    kept: BTreeMap<Check, Vec<Difference>>,
}

impl Findings {
    /// None yet; the first `limit` of each check will be kept.
    pub(super) fn new(limit: usize) -> Self {
        Findings { limit, found: BTreeMap::new(), kept: BTreeMap::new() }
    }

    /// None yet, with the same limit.
    pub(super) fn fresh(&self) -> Self {
        Self::new(self.limit)
    }

    pub(super) fn add(&mut self, difference: Difference) {
        let check = difference.check;
        *self.found.entry(check).or_default() += 1;
        self.keep(check, [difference]);
    }

    pub(super) fn extend(&mut self, other: Findings) {
        for (check, count) in other.found {
            *self.found.entry(check).or_default() += count;
        }
        other.kept.into_iter().for_each(|(check, differences)| self.keep(check, differences));
    }

    fn keep(&mut self, check: Check, differences: impl IntoIterator<Item = Difference>) {
        let kept = self.kept.entry(check).or_default();
        kept.extend(differences);
        if kept.len() > 2 * self.limit {
            kept.sort_unstable();
            kept.truncate(self.limit);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn into_report(
        self,
        ledger_only: bool,
        compared: Compared,
        notes: Vec<String>,
    ) -> Report {
        let first = |mut differences: Vec<Difference>| {
            differences.sort_unstable();
            differences.truncate(self.limit);
            differences
        };
        let clean = self.found.is_empty();
        let differences = self.kept.into_values().flat_map(first).collect();
        Report { clean, ledger_only, compared, found: self.found, differences, notes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;
    use crate::sql::Source;

    fn difference(n: u64) -> Difference {
        Difference::new(Check::Speed, "").place(&ShardId("s".to_owned()), Epoch(n))
    }

    /// A difference in a row of the built-in view, for want of another.
    fn told_of_a_view() -> Difference {
        let schema = "CREATE TABLE e (t TIMESTAMP(3)) WITH (format = 'json', event_time = 't')";
        let source = Source { name: "schema.sql".to_owned(), text: schema.to_owned() };
        let project = Project::compile(&source, &[]).unwrap();
        difference(7).view(project.records_view())
    }

    #[test]
    fn the_first_in_order_are_listed_and_the_rest_is_counted_whoever_finds_them() {
        let report = |numbers: &mut dyn Iterator<Item = u64>| {
            let mut findings = Findings::new(3);
            numbers.for_each(|n| findings.add(difference(n)));
            findings.into_report(false, Compared::default(), Vec::new())
        };
        let rising = report(&mut (0..50));
        assert_eq!(rising, report(&mut (0..50).rev()));
        assert_eq!((rising.total(), rising.unlisted(), rising.is_clean()), (50, 47, false));
        let epochs: Vec<u64> = rising.differences.iter().map(|d| d.epoch.unwrap().0).collect();
        assert_eq!(epochs, [0, 1, 2]);
    }

    #[test]
    fn a_difference_is_one_line_that_names_everything() {
        let told = told_of_a_view().row("site=\"a\"".to_owned()).values(1, 2);
        let told = Difference { what: "another state".to_owned(), ..told };
        let own = Difference { definition: None, ..told.clone() };
        assert_eq!(
            own.to_string(),
            "speed: view anabranch_records, shard s, epoch 7, row site=\"a\": another state: \
             expected 1, found 2"
        );
        let superseded = Difference { definition: Some(Fingerprint([0xab; 16])), ..told };
        assert_eq!(
            superseded.to_string(),
            "speed: view anabranch_records, superseded definition \
             abababababababababababababababab, shard s, epoch 7, row site=\"a\": another state: \
             expected 1, found 2"
        );
    }

    #[test]
    fn the_report_of_a_server_that_knew_of_no_superseded_definition_is_read() {
        let json = r#"{"clean":false,"ledger_only":false,"compared":{"shards":1,"objects":2,"records":3,"heartbeats":4,"accepted":5,"rejected":6,"speed_epochs":7,"speed_rows":8,"speed_rows_ahead":9,"speed_rows_unused":10,"versions":11,"parts":12,"batch_rows":13},"found":{"ledger":1},"differences":[{"check":"ledger","view":null,"shard":"s","epoch":1,"object":null,"row":null,"what":"wrong","expected":null,"found":null}],"notes":[]}"#;
        let report: Report = serde_json::from_str(json).unwrap();
        assert_eq!((report.compared.superseded, report.compared.versions), (0, 11));
        assert_eq!(report.differences[0].definition, None);
    }
}
