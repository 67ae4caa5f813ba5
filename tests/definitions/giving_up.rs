//! A superseded definition that cannot be read any more is given up, and stops nothing.

use crate::oracle::Event;
use crate::variants;
use anabranch_core::definitions::State;
use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::pipeline::Delivery;
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::pipeline::deploy::{self, Deployed, What};
use anabranch_core::port::{
    Control as _, Error, PutRow, RowId, ShardInfo, ShardKind, SpeedRow, SpeedStore as _,
};
use anabranch_core::project::Project;
use anabranch_core::query::{self, Answer};
use anabranch_core::record::{Record, ShardId};
use anabranch_core::view::Fingerprint;
use anabranch_stores::memory::Memory;
use futures::executor::block_on;
use std::sync::Arc;

struct Shop {
    memory: Memory,
    shard: ShardId,
    length: EpochLength,
    /// How many records there have been; all are of one epoch.
    records: u64,
}

impl Shop {
    fn new() -> Self {
        let memory = Memory::new(1);
        let shard = ShardId("shard-0000".to_owned());
        let (kind, base_epoch) = (ShardKind::Stream, Epoch::ZERO);
        let info = ShardInfo { shard: shard.clone(), kind, base_epoch, closed: None };
        block_on(memory.control.put_shard(None, &info)).unwrap();
        let length = EpochLength::from_millis(1_000_000).unwrap();
        Shop { memory, shard, length, records: 0 }
    }

    fn deploy(&self, project: &Project) -> Deployed {
        let Memory { views, speed, control, .. } = &self.memory;
        block_on(deploy::deploy(project, views, speed, control)).unwrap()
    }

    /// A cold absorber absorbs five more events.
    fn absorb(&mut self, project: &Arc<Project>) -> (Absorber, Result<(), Error>) {
        let event = |site| Event { site, minute: 7, amount: 5, noted: false, broken: false };
        let payloads: Vec<Vec<u8>> = (0..5).map(|site| event(site).payload()).collect();
        let record = |(payload, sequence): (_, u64)| Record {
            sequence: sequence.into(),
            arrival_ms: 1,
            partition_key: "",
            payload,
        };
        let records: Vec<Record<'_>> =
            payloads.iter().map(Vec::as_slice).zip(self.records + 1..).map(record).collect();
        let follows = Some(self.records.into());
        let delivery = Delivery { shard: &self.shard, records: &records, follows };
        let Memory { speed, control, master, .. } = &self.memory;
        let mut absorber = Absorber::new(project, self.shard.clone(), self.length);
        let done = block_on(absorber.absorb(speed, control, master, delivery)).map(drop);
        if done.is_ok() {
            self.records += 5;
        }
        (absorber, done)
    }

    /// Makes every speed row of a definition one that no program can read.
    fn spoil(&self, fingerprint: Fingerprint) {
        let mut puts = Vec::new();
        let mut spoil = |key: &[u8], epoch, shard: &ShardId, row: &SpeedRow| {
            let id = RowId { fingerprint, key: key.to_vec(), epoch, shard: shard.clone() };
            let row = SpeedRow { state: vec![99], ..row.clone() };
            puts.push(PutRow { id, expected: Some(row.applied), row });
            Ok(())
        };
        let speed = &self.memory.speed;
        block_on(speed.scan(fingerprint, b"", Epoch::ZERO, &mut spoil)).unwrap();
        assert!(!puts.is_empty());
        block_on(speed.put_rows(puts)).unwrap();
    }

    fn ask(&self, project: &Project, view: &str) -> Answer {
        let Memory { views, speed, control, .. } = &self.memory;
        let view = project.view(view).unwrap();
        block_on(query::ask(project, view, &[], self.length, views, speed, control)).unwrap()
    }
}

#[test]
fn a_row_that_cannot_be_read_stops_a_shard_for_a_current_definition_only() {
    let variants = variants::all();
    let (old, new) = (&variants[0].project, &variants[1].project);
    let mut shop = Shop::new();
    let live = shop.deploy(old).project;
    shop.absorb(&live).1.unwrap();
    let traffic = old.view("traffic").unwrap().fingerprint;
    shop.spoil(traffic);
    assert!(matches!(shop.absorb(&live).1, Err(Error::Corrupt { .. })));

    let live = shop.deploy(new).project;
    let (absorber, done) = shop.absorb(&live);
    done.unwrap();
    let given_up: Vec<&Fingerprint> = absorber.given_up().keys().collect();
    assert_eq!(given_up, [&traffic]);
    let checkpoint = block_on(shop.memory.control.checkpoint(&shop.shard)).unwrap().unwrap();
    assert!(!checkpoint.covered.contains_key(&traffic));

    let control = &shop.memory.control;
    let live = block_on(deploy::give_up(&live, traffic, control)).unwrap();
    assert!(live.superseded("traffic").is_none());
    let definitions = block_on(control.definitions()).unwrap().unwrap();
    assert_eq!(definitions.state(traffic), Some(State::Retired));
    let receipt = shop.ask(&live, "traffic").receipt;
    assert!(!receipt.complete, "{receipt:?}");
    assert_eq!(receipt.fingerprint, new.view("traffic").unwrap().fingerprint);
    let receipt = shop.ask(&live, "totals").receipt;
    assert!(receipt.complete, "{receipt:?}");
    assert_eq!(receipt.accepted, 10);
}

#[test]
fn sql_that_this_program_does_not_understand_is_given_up_as_it_is_superseded() {
    let variants = variants::all();
    let (old, new) = (&variants[0].project, &variants[1].project);
    let mut shop = Shop::new();
    let live = shop.deploy(old).project;
    shop.absorb(&live).1.unwrap();
    // As if an older program had known a function that this one does not.
    let control = &shop.memory.control;
    let mut stored = block_on(control.definitions()).unwrap().unwrap();
    let text = stored.texts.iter_mut().find(|text| text.contains("traffic")).unwrap();
    *text = text.replace("count(*)", "count_of_old(*)");
    assert!(block_on(control.put_definitions(Some(stored.revision), &stored)).unwrap());

    let deployed = shop.deploy(new);
    let [change] = &deployed.changes[..] else { panic!("{:?}", deployed.changes) };
    assert_eq!(change.fingerprint, old.view("traffic").unwrap().fingerprint);
    let What::GivenUp(because) = &change.what else { panic!("{change:?}") };
    assert!(because.contains("does not compile any more"), "{because}");
    let receipt = shop.ask(&deployed.project, "traffic").receipt;
    assert!(!receipt.complete, "{receipt:?}");
    // Deployed again the same way nothing changes.
    assert_eq!(shop.deploy(new).changes, []);
}
