//! Changing by hand what stores in memory hold, which no port allows.

use crate::world::World;
use anabranch_core::audit::{self, Options, Report};
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{
    Error, Fields, Inline, Manifest, MasterDataSet, ObjectInfo, PutObject, PutRow, Result, RowId,
    Rows, Selection, SpeedRow, SpeedStore, ViewStore, VisitRecords,
};
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anabranch_core::view::View;
use anabranch_stores::memory::{Master, Speed};
use futures::FutureExt as _;
use futures::executor::block_on;
use std::ops::Range;
use std::sync::Arc;

/// A record that owns what it has.
#[derive(Debug, Clone)]
pub(crate) struct Owned {
    pub(crate) sequence: SequenceNumber,
    pub(crate) arrival_ms: i64,
    pub(crate) partition_key: String,
    pub(crate) payload: Vec<u8>,
}

impl Owned {
    fn view(&self) -> Record<'_> {
        Record {
            sequence: self.sequence,
            arrival_ms: self.arrival_ms,
            partition_key: &self.partition_key,
            payload: &self.payload,
        }
    }
}

pub(crate) fn views(records: &[Owned]) -> Vec<Record<'_>> {
    records.iter().map(Owned::view).collect()
}

pub(crate) type Objects = Vec<(ObjectInfo, Vec<Owned>)>;

/// Every object of a world with its records.
pub(crate) fn objects(world: &World) -> Objects {
    let master = world.master.inner();
    let infos = block_on(master.objects(Epoch::ZERO..Epoch(u64::MAX))).unwrap();
    let read = |info: ObjectInfo| {
        let mut records = Vec::new();
        let mut visit = |batch: &[Record<'_>]| {
            records.extend(batch.iter().map(|record| Owned {
                sequence: record.sequence,
                arrival_ms: record.arrival_ms,
                partition_key: record.partition_key.to_owned(),
                payload: record.payload.to_vec(),
            }));
        };
        block_on(master.scan(&info, Fields::All, &mut visit)).unwrap();
        (info, records)
    };
    infos.into_iter().map(read).collect()
}

/// Makes these the world's objects.
pub(crate) fn set_objects(world: &mut World, objects: &Objects) {
    let master = Master::default();
    for (info, records) in objects {
        let put = block_on(master.put_if_absent(info, &views(records))).unwrap();
        assert_eq!(put, PutObject::Created);
    }
    world.set_master(master);
}

/// Every speed row of a world.
pub(crate) fn speed_rows(world: &World) -> Vec<(RowId, SpeedRow)> {
    let mut rows = Vec::new();
    for view in world.live.live() {
        let fingerprint = view.fingerprint;
        let mut visit = |key: &[u8], epoch, shard: &ShardId, row: &SpeedRow| {
            let shard = shard.clone();
            rows.push((RowId { fingerprint, key: key.to_vec(), epoch, shard }, row.clone()));
            Ok(())
        };
        let scanned = world.speed.inner().scan(fingerprint, &[], Epoch::ZERO, &mut visit);
        block_on(scanned).unwrap();
    }
    rows
}

/// Makes these the world's speed rows. The floors are as the rows have been expired.
pub(crate) fn set_speed_rows(world: &mut World, rows: Vec<(RowId, SpeedRow)>) {
    let floor = |view: &Arc<View>| {
        let mut ignore = |_: &[u8], _, _: &ShardId, _: &SpeedRow| Ok(());
        let scan = world.speed.inner().scan(view.fingerprint, &[], Epoch::ZERO, &mut ignore);
        (view.fingerprint, block_on(scan).unwrap())
    };
    let floors: Vec<_> = world.live.live().map(floor).collect();
    let speed = Speed::default();
    let puts = rows.into_iter().map(|(id, row)| PutRow { id, expected: None, row }).collect();
    block_on(speed.put_rows(puts)).unwrap();
    for (fingerprint, floor) in floors {
        block_on(speed.expire(fingerprint, floor)).unwrap();
    }
    world.set_speed(speed);
}

/// The manifest of a view's current version.
pub(crate) fn manifest(world: &World, view: &View) -> Manifest {
    let pointer = block_on(world.views.pointer(view.fingerprint)).unwrap().expect("a version");
    Arc::unwrap_or_clone(block_on(world.views.manifest(view.fingerprint, &pointer)).unwrap())
}

/// Changes the rows of a part in place.
pub(crate) fn edit_part(
    world: &World,
    view: &View,
    manifest: &Manifest,
    part: usize,
    edit: impl FnOnce(&mut Rows<'_>) + Send,
) {
    let info = &manifest.parts[part];
    let everything = Selection {
        keys: vec![None; view.keys.len()],
        buckets: i64::MIN..i64::MAX,
        states: vec![true; view.aggregates.len()],
    };
    // The build that wrote the part stands in its path.
    let build = info.path.split('/').nth(1).unwrap();
    let (version, build) = build.split_once('-').unwrap();
    let mut edit = Some(edit);
    let views = &world.views;
    let mut visit = |rows: &Rows<'_>| {
        let mut rows = rows.clone();
        edit.take().expect("a part in memory comes at once")(&mut rows);
        let written = views.write_part(view, version.parse().unwrap(), build, info.id, &rows);
        let written = written.now_or_never().expect("a store in memory does not wait");
        assert_eq!(written.unwrap().path, info.path);
        Ok(())
    };
    block_on(views.read_part(view, info, &everything, &mut visit)).unwrap();
}

/// A master data set of which one object's bytes have been damaged.
pub(crate) struct Damaged<'a> {
    pub(crate) master: &'a Master,
    pub(crate) object: ObjectInfo,
    /// Whether even its description cannot be read.
    pub(crate) description: bool,
}

impl Damaged<'_> {
    fn error(&self) -> Error {
        Error::corrupt("the damaged object", "a wrong checksum")
    }
}

impl MasterDataSet for Damaged<'_> {
    async fn put_if_absent(&self, info: &ObjectInfo, records: &[Record<'_>]) -> Result<PutObject> {
        self.master.put_if_absent(info, records).await
    }

    async fn objects(&self, epochs: Range<Epoch>) -> Result<Vec<ObjectInfo>> {
        self.survey(epochs).await?.into_iter().collect()
    }

    async fn survey(&self, epochs: Range<Epoch>) -> Result<Vec<Result<ObjectInfo>>> {
        let read = |info| match self.description && info == self.object {
            true => Err(self.error()),
            false => Ok(info),
        };
        Ok(self.master.objects(epochs).await?.into_iter().map(read).collect())
    }

    async fn tail(&self, shard: &ShardId) -> Result<Option<ObjectInfo>> {
        self.master.tail(shard).await
    }

    async fn scan(&self, info: &ObjectInfo, fields: Fields, visit: VisitRecords<'_>) -> Result<()> {
        self.master.scan(info, fields, visit).await?;
        if *info == self.object { Err(self.error()) } else { Ok(()) }
    }
}

/// What the audit of a world says whose object `object` is damaged.
pub(crate) fn audit_damaged(world: &World, object: &ObjectInfo, description: bool) -> Report {
    let master = Damaged { master: world.master.inner(), object: object.clone(), description };
    let request = audit::Request {
        project: &world.project,
        length: world.length,
        options: &Options::default(),
        progress: &|_| {},
    };
    let (speed, control, views) = (world.speed.inner(), &world.control, &world.views);
    block_on(audit::audit(&master, speed, control, views, &Inline, &request)).unwrap()
}
