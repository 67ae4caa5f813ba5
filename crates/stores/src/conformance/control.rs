//! What every [`Control`] does.

use super::{block_on, race};
use anabranch_core::definitions::{Definition, Definitions, State};
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{Checkpoint, Control, ShardInfo, ShardKind};
use anabranch_core::record::{SequenceNumber, ShardId};
use anabranch_core::view::Fingerprint;
use std::collections::BTreeMap;

/// Makes a test of every behaviour of a [`Control`].
#[macro_export]
macro_rules! control_conformance {
    ($fixture:expr, |$held:ident| $store:expr) => {
        $crate::conformance_tests! { control, $fixture, |$held| $store, [
            a_checkpoint_is_replaced_only_where_the_belief_holds,
            of_racing_checkpoints_one_wins,
            checkpoints_of_shards_are_apart,
            shards_are_listed_by_name_as_last_put,
            definitions_are_replaced_only_where_the_belief_holds,
            of_racing_deployments_one_wins,
            a_shard_is_replaced_only_where_the_belief_holds,
        ] }
    };
}

fn shard(name: &str) -> ShardId {
    ShardId(name.to_owned())
}

fn checkpoint(sequence: SequenceNumber) -> Checkpoint {
    Checkpoint {
        sequence,
        epoch: Epoch(178_000_000),
        newest_arrival_ms: -1,
        covered: BTreeMap::from([
            (Fingerprint([0; 16]), Epoch::ZERO),
            (Fingerprint([255; 16]), Epoch(u64::MAX)),
        ]),
        distrusted: Epoch(178_000_001),
    }
}

/// Sequence numbers may have 192 bits.
pub async fn a_checkpoint_is_replaced_only_where_the_belief_holds<S: Control>(store: &S) {
    let s = shard("shardId-000000000000");
    let large = "49590338271490256608559692538361571095921575989136588898".parse().unwrap();
    let steps = [
        (Some(1.into()), 1.into(), false, None),
        (None, 5.into(), true, Some(5.into())),
        (None, 6.into(), false, Some(5.into())),
        (Some(4.into()), 6.into(), false, Some(5.into())),
        (Some(5.into()), large, true, Some(large)),
        (Some(5.into()), 7.into(), false, Some(large)),
        (Some(large), large, true, Some(large)),
    ];
    for (step, (expected, new, done, there)) in steps.into_iter().enumerate() {
        let put = store.put_checkpoint(&s, expected, &checkpoint(new)).await.unwrap();
        assert_eq!(put, done, "step {step}");
        assert_eq!(store.checkpoint(&s).await.unwrap(), there.map(checkpoint), "step {step}");
    }
}

/// Of several writers with the same belief, one is right.
pub async fn of_racing_checkpoints_one_wins<S: Control>(store: &S) {
    let s = shard("s");
    let mut believed = None;
    for round in 1..=10_u64 {
        let outcomes = race((0..4).collect(), |writer: u64| {
            let sequence = SequenceNumber::from(round * 10 + writer);
            let new = checkpoint(sequence);
            (sequence, block_on(store.put_checkpoint(&s, believed, &new)).unwrap())
        });
        let winners: Vec<SequenceNumber> =
            outcomes.iter().filter(|(_, won)| *won).map(|(sequence, _)| *sequence).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        believed = Some(winners[0]);
        assert_eq!(store.checkpoint(&s).await.unwrap(), believed.map(checkpoint));
    }
}

/// Names that begin alike do not mix.
pub async fn checkpoints_of_shards_are_apart<S: Control>(store: &S) {
    let names = ["a", "a-1", "a-10", "A"];
    for (n, name) in names.iter().enumerate() {
        let sequence = (n as u64).into();
        assert!(store.put_checkpoint(&shard(name), None, &checkpoint(sequence)).await.unwrap());
    }
    for (n, name) in names.iter().enumerate() {
        let there = store.checkpoint(&shard(name)).await.unwrap();
        assert_eq!(there, Some(checkpoint((n as u64).into())), "{name}");
    }
    assert_eq!(store.checkpoint(&shard("a-")).await.unwrap(), None);
}

/// Registering again replaces; that is how a shard is closed.
pub async fn shards_are_listed_by_name_as_last_put<S: Control>(store: &S) {
    assert_eq!(store.shards().await.unwrap(), []);
    let info = |name: &str, closed| ShardInfo {
        shard: shard(name),
        kind: if name == "import-1" { ShardKind::Import } else { ShardKind::Stream },
        base_epoch: Epoch(3),
        closed,
    };
    for name in ["shard-0001", "import-1", "shard-0000"] {
        assert!(store.put_shard(None, &info(name, None)).await.unwrap());
    }
    let open = info("shard-0001", None);
    let closed = info("shard-0001", Some(9.into()));
    assert!(store.put_shard(Some(&open), &closed).await.unwrap());
    let expected = [info("import-1", None), info("shard-0000", None), closed];
    assert_eq!(store.shards().await.unwrap(), expected);
}

/// Definitions with as much text as some hundred views have.
fn definitions(revision: u64) -> Definitions {
    let text =
        format!("-- é \"{revision}\"\nCREATE MATERIALIZED VIEW v AS SELECT …;\n").repeat(2_000);
    let states = [State::Current, State::Superseded, State::Retired, State::Removed];
    let definition = |(hash, state)| Definition {
        view: format!("view {hash}"),
        fingerprint: Fingerprint([hash; 16]),
        records: Fingerprint([255; 16]),
        state,
        schema: (hash < 2).then_some(0),
        source: (hash == 0).then_some(1),
    };
    let views = (0..).zip(states).map(definition).collect();
    let texts = vec!["CREATE TABLE events".to_owned(), text];
    let put_ms = (revision > 1).then(|| 1_770_000_000_000 + revision as i64);
    Definitions { revision, texts, views, put_ms }
}

/// The revision before is the belief.
pub async fn definitions_are_replaced_only_where_the_belief_holds<S: Control>(store: &S) {
    assert_eq!(store.definitions().await.unwrap(), None);
    let steps = [
        (Some(1), 2, false, None),
        (None, 1, true, Some(1)),
        (None, 2, false, Some(1)),
        (Some(2), 3, false, Some(1)),
        (Some(1), 2, true, Some(2)),
        (Some(2), 3, true, Some(3)),
    ];
    for (step, (expected, revision, done, there)) in steps.into_iter().enumerate() {
        let put = store.put_definitions(expected, &definitions(revision)).await.unwrap();
        assert_eq!(put, done, "step {step}");
        assert_eq!(store.definitions().await.unwrap(), there.map(definitions), "step {step}");
    }
}

/// Of several that deploy over the same revision, one is right.
pub async fn of_racing_deployments_one_wins<S: Control>(store: &S) {
    for revision in 1..=5 {
        let expected = (revision > 1).then_some(revision - 1);
        let outcomes = race((0..4).collect(), |deployer: usize| {
            let mut new = definitions(revision);
            new.texts[0] = format!("by {deployer}");
            (new.clone(), block_on(store.put_definitions(expected, &new)).unwrap())
        });
        let mut winners = outcomes.into_iter().filter(|(_, won)| *won).map(|(new, _)| new);
        let winner = winners.next();
        assert!(winner.is_some() && winners.next().is_none(), "revision {revision}");
        assert_eq!(store.definitions().await.unwrap(), winner, "revision {revision}");
    }
}

/// Two planners may register a shard at once, and a late one must not open it again.
pub async fn a_shard_is_replaced_only_where_the_belief_holds<S: Control>(store: &S) {
    let info = |base_epoch, closed: Option<u64>| ShardInfo {
        shard: shard("shard-0000"),
        kind: ShardKind::Stream,
        base_epoch: Epoch(base_epoch),
        closed: closed.map(SequenceNumber::from),
    };
    let (open, other, closed) = (info(3, None), info(4, None), info(3, Some(9)));
    let steps = [
        (Some(&open), &closed, false, None),
        (None, &open, true, Some(&open)),
        (None, &other, false, Some(&open)),
        (Some(&other), &closed, false, Some(&open)),
        (Some(&open), &closed, true, Some(&closed)),
        (Some(&open), &open, false, Some(&closed)),
    ];
    for (step, (expected, new, done, there)) in steps.into_iter().enumerate() {
        assert_eq!(store.put_shard(expected, new).await.unwrap(), done, "step {step}");
        let there: Vec<ShardInfo> = there.cloned().into_iter().collect();
        assert_eq!(store.shards().await.unwrap(), there, "step {step}");
    }
}
