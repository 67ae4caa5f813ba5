//! Query parameters: an error names one of them, and a query that parses is answered.
//!
//! The first byte picks a view; then comes text, a parameter a line: `name=value`.

use crate::row::PROJECT;
use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::pipeline::Delivery;
use anabranch_core::pipeline::absorb::Absorber;
use anabranch_core::pipeline::archive;
use anabranch_core::pipeline::build::{self, Mode};
use anabranch_core::port::{Control as _, Inline, ShardInfo, ShardKind};
use anabranch_core::query::{self, PARAMETERS, Query};
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anabranch_stores::memory::Memory;
use futures::executor::block_on;
use std::sync::LazyLock;

static LENGTH: LazyLock<EpochLength> =
    LazyLock::new(|| EpochLength::from_millis(1000).expect("above zero"));

/// Some rows in a batch version, and some in the speed layer.
static STORES: LazyLock<Memory> = LazyLock::new(|| {
    let stores = Memory::new(1);
    let shard = ShardId("shard-0000".to_owned());
    let info = ShardInfo {
        shard: shard.clone(),
        kind: ShardKind::Stream,
        base_epoch: Epoch::ZERO,
        closed: None,
    };
    block_on(stores.control.put_shard(None, &info)).expect("memory");
    let payloads: Vec<String> = (0..60).map(event).collect();
    let record = |i: usize| Record {
        sequence: SequenceNumber::from(i as u64 + 1),
        arrival_ms: i as i64 * 100,
        partition_key: "k",
        payload: payloads[i].as_bytes(),
    };
    let records: Vec<Record<'_>> = (0..payloads.len()).map(record).collect();
    let delivery =
        Delivery { shard: &shard, records: &records, follows: Some(SequenceNumber::ZERO) };
    block_on(archive::archive(&stores.master, &stores.control, *LENGTH, delivery)).expect("memory");
    let mut absorber = Absorber::new(&PROJECT, shard.clone(), *LENGTH);
    block_on(absorber.absorb(&stores.speed, &stores.control, &stores.master, delivery))
        .expect("memory");
    let request = build::Request {
        project: &PROJECT,
        horizon: Epoch(3),
        mode: Mode::Full,
        build: "b1",
        now_ms: 0,
        progress: &|_| {},
    };
    block_on(build::build(&stores.master, &stores.control, &stores.views, &Inline, &request))
        .expect("memory");
    stores
});

/// Events at the edges of the calendar and on a few ordinary days.
fn event(i: usize) -> String {
    let times = [
        "2024-02-29T23:59:59",
        "2024-03-31T01:30:00",
        "1970-01-01",
        "0001-01-01",
        "9999-12-31T23:59:59.999",
    ];
    let time = times[i % times.len()];
    format!(
        r#"{{"t":"{time}","a":{},"b":{},"s":"t{}","d":{}.25,"f":{}e{},"o":{{"s":"é"}}}}"#,
        i % 3,
        i.is_multiple_of(2),
        i % 4,
        i,
        i,
        i % 5
    )
}

/// Panics unless the parameters are refused by name or answered.
pub fn check(data: &[u8]) {
    let Some((&picked, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let views = &PROJECT.views;
    let view = &views[usize::from(picked) % views.len()];
    let lines = text.split('\n').filter(|line| !line.is_empty());
    let parameters: Vec<(&str, &str)> =
        lines.map(|line| line.split_once('=').unwrap_or((line, ""))).collect();
    let query = match Query::parse(view, parameters.iter().copied()) {
        Ok(query) => query,
        Err(error) => {
            let given = parameters.iter().any(|(name, _)| *name == error.parameter);
            let known = PARAMETERS.iter().any(|(name, _)| *name == error.parameter);
            assert!(given || known, "{error}: no such parameter was given");
            assert!(!error.message.is_empty());
            return;
        }
    };
    let stores = &*STORES;
    let answer = block_on(query::answer(
        &PROJECT,
        view,
        &query,
        *LENGTH,
        &stores.views,
        &stores.speed,
        &stores.control,
    ))
    .expect("what parses is answered");
    assert!(answer.receipt.complete, "{:?}", answer.receipt.incomplete_because);
    assert!(answer.rows.iter().all(|row| row.len() == answer.columns.len()));
    assert!(answer.rows.len() <= query.limit.unwrap_or(usize::MAX));
    let json: serde_json::Value = serde_json::from_slice(&answer.to_json()).expect("JSON");
    assert!(json.is_object());
}
