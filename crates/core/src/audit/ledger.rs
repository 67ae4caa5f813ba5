//! The ledger: a shard's objects must be a chain, and each object what its description says.
//!
//! ```text
//! (epoch 7, 1..9) <- (epoch 7, 10..12, follows 9) <- (epoch 9, 15..20, follows 12)      a chain
//! (epoch 7, 1..9) <-          missing            <- (epoch 9, 15..20, follows 12)      a gap
//! ```
//!
//! Sequence numbers may have gaps of their own, so only `follows` tells whether an object is
//! missing. A record's epoch follows from the one before it; behind a gap that one is not known, and
//! only an epoch that is too low can be told.

use super::report::{Check, Difference, Findings};
use crate::epoch::{Epoch, EpochLength};
use crate::pipeline::absorb::NOT_KNOWN;
use crate::pipeline::archive::object_name;
use crate::port::{Checkpoint, ObjectInfo, ShardInfo, ShardKind};
use crate::record::{Record, SequenceNumber, ShardId};
use std::collections::BTreeMap;

/// An object, and where it stands in its shard's chain.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) info: ObjectInfo,
    /// The epoch of the record before its first, if that is known.
    pub(super) before: Option<Epoch>,
    /// The epoch of the object listed before it, where that is not the one it follows.
    pub(super) gap_from: Option<Epoch>,
}

/// Follows the chains of the registered shards. `objects` are ordered by (shard, epoch, first).
pub(super) fn follow(
    objects: Vec<ObjectInfo>,
    registered: &BTreeMap<ShardId, ShardInfo>,
    findings: &mut Findings,
) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::with_capacity(objects.len());
    for info in objects {
        let Some(shard) = registered.get(&info.shard) else { continue };
        let previous = links.last().filter(|link| link.info.shard == info.shard);
        links.push(match previous {
            Some(previous) => follow_one(&previous.info, info, findings),
            None => begin(shard, info, findings),
        });
    }
    links
}

fn begin(shard: &ShardInfo, info: ObjectInfo, findings: &mut Findings) -> Link {
    if info.epoch < shard.base_epoch {
        let what = "its epoch is below the one that its shard began with";
        findings.add(about(&info, what).values(shard.base_epoch, info.epoch));
    }
    match info.follows {
        None => Link { info, before: Some(shard.base_epoch), gap_from: None },
        Some(follows) => {
            let what = "it is the first of its shard, but follows a record: objects are missing";
            findings.add(about(&info, what).values("nothing before it", follows));
            Link { info, before: None, gap_from: Some(Epoch::ZERO) }
        }
    }
}

fn follow_one(previous: &ObjectInfo, info: ObjectInfo, findings: &mut Findings) -> Link {
    if info.follows == Some(previous.last) && info.first > previous.last {
        return Link { info, before: Some(previous.epoch), gap_from: None };
    }
    let name = |n: Option<SequenceNumber>| n.map_or("nothing".to_owned(), |n| n.to_string());
    let what = match info.first > previous.last {
        true => {
            "it does not follow the object before it: one is missing, or it is not of this chain"
        }
        false => "it overlaps the object before it: records are doubled",
    };
    let expected = format!("to follow {}, the end of the object before it", previous.last);
    let found =
        format!("records {} to {}, following {}", info.first, info.last, name(info.follows));
    findings.add(about(&info, what).values(expected, found));
    let gap_from = Some(previous.epoch);
    Link { info, before: None, gap_from }
}

/// Checks that every shard's chain has come as far as the registry says.
pub(super) fn check_ends(
    registered: &BTreeMap<ShardId, ShardInfo>,
    links: &[Link],
    horizon: Epoch,
    findings: &mut Findings,
    notes: &mut Vec<String>,
) {
    let mut ends: BTreeMap<&ShardId, &ObjectInfo> = BTreeMap::new();
    ends.extend(links.iter().map(|link| (&link.info.shard, &link.info)));
    for info in registered.values() {
        let Some(closed) = info.closed else { continue };
        let end = ends.get(&info.shard);
        let last = end.map(|end| end.last).unwrap_or_default();
        let reached = end.map_or(info.base_epoch, |end| end.epoch);
        let difference = |what: &str| {
            let of = Difference::new(Check::Ledger, what).shard(&info.shard);
            of.values(format!("records up to {closed}"), format!("up to {last}"))
        };
        if last > closed {
            findings.add(difference("the shard is closed, and its chain goes on behind its end"));
        } else if last < closed && (info.kind == ShardKind::Import || reached < horizon) {
            findings.add(difference("the shard is closed, and its last objects are missing"));
        } else if last < closed {
            notes.push(format!(
                "shard {} is closed at {closed} and archived up to {last} so far",
                info.shard
            ));
        }
    }
}

/// Checks that every checkpoint's epoch is the one of its record in the archive.
pub(super) fn check_checkpoints(
    checkpoints: &BTreeMap<ShardId, Checkpoint>,
    links: &[Link],
    findings: &mut Findings,
) {
    for (shard, checkpoint) in checkpoints {
        // Without its place in the chain, the speed layer has guessed the epoch, and says so.
        if checkpoint.covered.values().any(|&covered| covered == NOT_KNOWN) {
            continue;
        }
        let of_shard = links.iter().filter(|link| link.info.shard == *shard);
        let mut holding = of_shard.filter(|Link { info, .. }| {
            info.first <= checkpoint.sequence && checkpoint.sequence <= info.last
        });
        let object = holding.next().map(|link| &link.info);
        if let Some(object) = object.filter(|object| object.epoch != checkpoint.epoch) {
            let what = "the checkpoint has another epoch than its record in the archive";
            let about = Difference::new(Check::Ledger, what).shard(shard);
            let about = about
                .object(format!("checkpoint of shard {shard} at record {}", checkpoint.sequence));
            findings.add(about.values(object.epoch, checkpoint.epoch));
        }
    }
}

fn about(info: &ObjectInfo, what: &str) -> Difference {
    Difference::new(Check::Ledger, what).place(&info.shard, info.epoch).object(object_name(info))
}

/// What a scan has seen of an object, to be held against its description.
#[derive(Debug)]
pub(super) struct Seen {
    length: EpochLength,
    epoch: Epoch,
    before: Option<Epoch>,
    pub(super) records: u64,
    pub(super) heartbeats: u64,
    first: Option<SequenceNumber>,
    last: SequenceNumber,
    arrivals_ms: Option<(i64, i64)>,
    /// The first record that does not lie behind the one before it.
    out_of_order: Option<SequenceNumber>,
    /// The first record of another epoch, that epoch, and how many there are.
    misplaced: Option<(SequenceNumber, Epoch)>,
    misplaced_count: u64,
}

impl Seen {
    pub(super) fn new(link: &Link, length: EpochLength) -> Self {
        Seen {
            length,
            epoch: link.info.epoch,
            before: link.before,
            records: 0,
            heartbeats: 0,
            first: None,
            last: SequenceNumber::ZERO,
            arrivals_ms: None,
            out_of_order: None,
            misplaced: None,
            misplaced_count: 0,
        }
    }

    /// Takes the next records of the scan.
    pub(super) fn take(&mut self, records: &[Record<'_>]) {
        for record in records {
            if self.first.is_some() && record.sequence <= self.last {
                self.out_of_order.get_or_insert(record.sequence);
            }
            self.first.get_or_insert(record.sequence);
            self.last = record.sequence;
            let (least, greatest) = self.arrivals_ms.unwrap_or((i64::MAX, i64::MIN));
            let at = record.arrival_ms;
            self.arrivals_ms = Some((least.min(at), greatest.max(at)));
            // Where the record before is not known, one of this very epoch may have been there.
            let before = self.before.unwrap_or(self.epoch);
            let epoch = self.length.epoch_of(at, before);
            if epoch != self.epoch {
                self.misplaced.get_or_insert((record.sequence, epoch));
                self.misplaced_count += 1;
            }
            self.before = Some(before.max(self.epoch));
            self.records += 1;
            self.heartbeats += u64::from(record.is_heartbeat());
        }
    }

    /// Holds what was seen against the description.
    pub(super) fn check(&self, info: &ObjectInfo, findings: &mut Findings) {
        let mut hold = |what: &str, said: String, seen: String| {
            if said != seen {
                let what = format!("its description says another {what} than its records");
                findings.add(about(info, &what).values(seen, said));
            }
        };
        let text = |n: Option<SequenceNumber>| n.map_or("none".to_owned(), |n| n.to_string());
        let (least, greatest) = self.arrivals_ms.unwrap_or_default();
        hold("number of records", info.records.to_string(), self.records.to_string());
        hold("number of heartbeats", info.heartbeats.to_string(), self.heartbeats.to_string());
        hold("first sequence number", info.first.to_string(), text(self.first));
        hold("last sequence number", info.last.to_string(), text(self.first.map(|_| self.last)));
        hold("least arrival", info.min_arrival_ms.to_string(), least.to_string());
        hold("greatest arrival", info.max_arrival_ms.to_string(), greatest.to_string());
        if let Some(sequence) = self.out_of_order {
            let what = format!("record {sequence} does not lie behind the one before it");
            findings.add(about(info, &what));
        }
        if let Some((sequence, epoch)) = self.misplaced {
            let what = match self.misplaced_count {
                1 => format!("record {sequence} is of another epoch"),
                n => format!("{n} records are of another epoch, record {sequence} the first"),
            };
            findings.add(about(info, &what).values(format!("epoch {epoch}"), info.epoch));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::archive::describe;

    fn shard() -> ShardInfo {
        let (shard, base_epoch) = (ShardId("s".to_owned()), Epoch(5));
        ShardInfo { shard, kind: ShardKind::Stream, base_epoch, closed: None }
    }

    fn record(sequence: u64, arrival_ms: i64) -> Record<'static> {
        Record { sequence: sequence.into(), arrival_ms, partition_key: "", payload: b"" }
    }

    fn object(epoch: u64, follows: Option<u64>, first: u64, last: u64) -> ObjectInfo {
        let at = epoch as i64 * 1000;
        let records: Vec<Record<'_>> = (first..=last).map(|n| record(n, at)).collect();
        describe(&shard().shard, Epoch(epoch), follows.map(SequenceNumber::from), &records)
    }

    fn told(objects: Vec<ObjectInfo>) -> String {
        let mut findings = Findings::new(9);
        let registered = BTreeMap::from([(shard().shard, shard())]);
        follow(objects, &registered, &mut findings);
        findings.into_report(true, Default::default(), Vec::new()).to_string()
    }

    #[test]
    fn a_chain_has_no_gap_no_overlap_and_a_beginning() {
        let (a, b, c) =
            (object(6, None, 3, 9), object(6, Some(9), 12, 15), object(9, Some(15), 16, 16));
        assert!(told(vec![a.clone(), b.clone(), c.clone()]).starts_with("0 differences"));
        let missing = told(vec![a.clone(), c.clone()]);
        assert!(missing.contains("epoch 9, first 16: it does not follow"), "{missing}");
        assert!(missing.contains("following 15"), "{missing}");
        let headless = told(vec![b.clone(), c]);
        assert!(headless.contains("first of its shard, but follows a record"), "{headless}");
        let doubled = told(vec![a, object(7, Some(9), 5, 9)]);
        assert!(doubled.contains("it overlaps the object before it"), "{doubled}");
        let early = told(vec![object(4, None, 1, 2)]);
        assert!(early.contains("expected 5, found 4"), "{early}");
        let stranger = ObjectInfo { shard: ShardId("other".to_owned()), ..b };
        assert!(told(vec![stranger]).starts_with("0 differences"), "only registered shards count");
    }

    #[test]
    fn a_description_that_its_records_do_not_bear_out_is_named() {
        let length = EpochLength::from_millis(1000).unwrap();
        let check = |info: ObjectInfo, before: Option<u64>, records: &[Record<'_>]| {
            let link = Link { before: before.map(Epoch), gap_from: None, info };
            let mut seen = Seen::new(&link, length);
            let mut findings = Findings::new(9);
            seen.take(records);
            seen.check(&link.info, &mut findings);
            findings.into_report(true, Default::default(), Vec::new()).to_string()
        };
        let records = [record(3, 6_500), record(4, 6_100), record(7, 2_000)];
        let info = describe(&shard().shard, Epoch(6), None, &records);
        assert!(check(info.clone(), Some(5), &records).starts_with("0 differences"));
        let fewer = check(info.clone(), Some(5), &records[..2]);
        for part in ["number of records", "last sequence number", "least arrival"] {
            assert!(fewer.contains(part), "{fewer}");
        }
        let swapped = check(info.clone(), Some(5), &[records[1], records[0], records[2]]);
        assert!(swapped.contains("record 3 does not lie behind"), "{swapped}");
        // The first record arrived in epoch 6; behind one of epoch 7 it is of epoch 7.
        let behind = check(info.clone(), Some(7), &records);
        assert!(behind.contains("3 records are of another epoch, record 3 the first"), "{behind}");
        let late = ObjectInfo { epoch: Epoch(8), ..info };
        assert!(check(late.clone(), Some(5), &records).contains("expected epoch 6, found 8"));
        assert!(check(late, None, &records).starts_with("0 differences"), "not known is not wrong");
    }
}
