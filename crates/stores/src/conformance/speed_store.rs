//! What every [`SpeedStore`] does.

use super::random::Random;
use super::{block_on, race};
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{Error, PutRow, RowId, RowOutcome, SpeedRow, SpeedStore};
use anabranch_core::record::{SequenceNumber, ShardId};
use anabranch_core::view::Fingerprint;
use std::collections::BTreeMap;

/// Makes a test of every behaviour of a [`SpeedStore`].
#[macro_export]
macro_rules! speed_store_conformance {
    ($fixture:expr, |$held:ident| $store:expr) => {
        $crate::conformance_tests! { speed_store, $fixture, |$held| $store, [
            a_row_is_put_only_where_the_belief_holds,
            one_conflict_does_not_stop_the_other_puts,
            puts_to_one_row_are_applied_in_order,
            of_racing_writers_of_a_row_one_wins,
            a_scan_finds_exactly_the_keys_with_the_prefix,
            rows_differ_by_fingerprint_epoch_and_shard,
            a_scan_leaves_out_epochs_before_the_first_wanted,
            expired_rows_are_not_visited_and_the_floor_tells,
            a_floor_never_falls,
            what_is_forgotten_was_never_there,
            long_keys_and_empty_states_are_kept,
            an_error_of_the_visitor_ends_the_scan,
            random_puts_scans_and_expiries_agree_with_a_map,
        ] }
    };
}

/// Makes a test of every behaviour of a [`SpeedStore`] that removes expired rows itself, and does
/// not leave it to what keeps them.
#[macro_export]
macro_rules! speed_store_removal_conformance {
    ($fixture:expr, |$held:ident| $store:expr) => {
        $crate::conformance_tests! { speed_store, $fixture, |$held| $store, [
            expired_rows_are_removed_at_once_and_counted,
            random_expiries_remove_what_a_map_would,
        ] }
    };
}

const VIEW: Fingerprint = Fingerprint([7; 16]);

fn id(key: &[u8], epoch: u64, shard: &str) -> RowId {
    RowId {
        fingerprint: VIEW,
        key: key.to_vec(),
        epoch: Epoch(epoch),
        shard: ShardId(shard.to_owned()),
    }
}

fn row(applied: u64, state: &[u8]) -> SpeedRow {
    SpeedRow { applied: applied.into(), state: state.to_vec() }
}

fn put(id: RowId, expected: Option<u64>, row: SpeedRow) -> PutRow {
    PutRow { id, expected: expected.map(SequenceNumber::from), row }
}

async fn put_new(store: &impl SpeedStore, ids: impl IntoIterator<Item = RowId>) {
    let puts: Vec<PutRow> = ids.into_iter().map(|id| put(id, None, row(1, b"state"))).collect();
    let outcomes = store.put_rows(puts).await.unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == RowOutcome::Written), "{outcomes:?}");
}

/// The rows that a scan visits, each once, and the floor it returns.
async fn scan(
    store: &impl SpeedStore,
    fingerprint: Fingerprint,
    prefix: &[u8],
    from: Epoch,
) -> (BTreeMap<RowId, SpeedRow>, Epoch) {
    let mut found = BTreeMap::new();
    let mut keep = |key: &[u8], epoch, shard: &ShardId, row: &SpeedRow| {
        let id = RowId { fingerprint, key: key.to_vec(), epoch, shard: shard.clone() };
        assert_eq!(found.insert(id, row.clone()), None, "a row was visited twice");
        Ok(())
    };
    let floor = store.scan(fingerprint, prefix, from, &mut keep).await.unwrap();
    (found, floor)
}

async fn scanned_keys(store: &impl SpeedStore, prefix: &[u8]) -> Vec<Vec<u8>> {
    let (rows, _) = scan(store, VIEW, prefix, Epoch::ZERO).await;
    rows.into_keys().map(|id| id.key).collect()
}

/// A conflict changes nothing and returns what is there.
pub async fn a_row_is_put_only_where_the_belief_holds<S: SpeedStore>(store: &S) {
    let steps = [
        (Some(1), row(2, b"b"), RowOutcome::Conflict(None)),
        (None, row(3, b"c"), RowOutcome::Written),
        (None, row(4, b"d"), RowOutcome::Conflict(Some(row(3, b"c")))),
        (Some(2), row(5, b"e"), RowOutcome::Conflict(Some(row(3, b"c")))),
        (Some(3), row(6, b""), RowOutcome::Written),
        (Some(3), row(7, b"g"), RowOutcome::Conflict(Some(row(6, b"")))),
        (Some(6), row(6, b"h"), RowOutcome::Written),
    ];
    for (step, (expected, new, outcome)) in steps.into_iter().enumerate() {
        let puts = vec![put(id(b"k", 1, "s"), expected, new)];
        assert_eq!(store.put_rows(puts).await.unwrap(), [outcome], "step {step}");
    }
    let (rows, _) = scan(store, VIEW, b"", Epoch::ZERO).await;
    assert_eq!(rows, BTreeMap::from([(id(b"k", 1, "s"), row(6, b"h"))]));
}

/// Outcomes stand in the order of the puts.
pub async fn one_conflict_does_not_stop_the_other_puts<S: SpeedStore>(store: &S) {
    put_new(store, [id(b"m", 1, "s")]).await;
    let keys: [&[u8]; 3] = [b"z", b"m", b"a"];
    let puts = keys.map(|key| put(id(key, 1, "s"), None, row(2, key)));
    let outcomes = store.put_rows(puts.to_vec()).await.unwrap();
    let conflict = RowOutcome::Conflict(Some(row(1, b"state")));
    assert_eq!(outcomes, [RowOutcome::Written, conflict, RowOutcome::Written]);
    assert_eq!(scanned_keys(store, b"").await, [b"a", b"m", b"z"]);
    assert_eq!(store.put_rows(Vec::new()).await.unwrap(), []);
}

/// The second put of a call sees what the first has done.
pub async fn puts_to_one_row_are_applied_in_order<S: SpeedStore>(store: &S) {
    let puts = vec![
        put(id(b"k", 1, "s"), None, row(1, b"1")),
        put(id(b"k", 1, "s"), Some(1), row(2, b"2")),
        put(id(b"k", 1, "s"), Some(1), row(3, b"3")),
    ];
    let outcomes = store.put_rows(puts).await.unwrap();
    let conflict = RowOutcome::Conflict(Some(row(2, b"2")));
    assert_eq!(outcomes, [RowOutcome::Written, RowOutcome::Written, conflict]);
}

/// The others learn of the winner's row.
pub async fn of_racing_writers_of_a_row_one_wins<S: SpeedStore>(store: &S) {
    for round in 0..20_u64 {
        let outcomes = race((1..=4).collect(), |writer: u64| {
            let new = row(writer, &writer.to_be_bytes());
            let puts = vec![put(id(&round.to_be_bytes(), 1, "s"), None, new)];
            (writer, block_on(store.put_rows(puts)).unwrap().remove(0))
        });
        let winners: Vec<u64> = outcomes
            .iter()
            .filter(|(_, outcome)| *outcome == RowOutcome::Written)
            .map(|(writer, _)| *writer)
            .collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        let there = row(winners[0], &winners[0].to_be_bytes());
        for (writer, outcome) in outcomes {
            let conflict = RowOutcome::Conflict(Some(there.clone()));
            assert!(writer == winners[0] || outcome == conflict, "{outcome:?}");
        }
    }
}

/// Keys are bytes: none of them separates, ends or continues another.
pub async fn a_scan_finds_exactly_the_keys_with_the_prefix<S: SpeedStore>(store: &S) {
    let keys: [&[u8]; 12] = [
        b"",
        b"\0",
        b"\0\0",
        b"\0\xff",
        b"a",
        b"a\0",
        b"a\0b",
        b"a\xff",
        b"a\xff\xff",
        b"b",
        b"\xff",
        b"\xff\xff",
    ];
    // A shard may be named like the end of a key.
    let shards = ["s", "a", "b-0", "\u{1}"];
    put_new(store, keys.iter().flat_map(|key| shards.map(|shard| id(key, 3, shard)))).await;
    let prefixes = keys.into_iter().chain([&b"a\0bc"[..], b"c", b"\0\x01", b"as", b"aa"]);
    for prefix in prefixes {
        let with_prefix = keys.iter().filter(|key| key.starts_with(prefix));
        let mut expected: Vec<Vec<u8>> =
            with_prefix.flat_map(|key| shards.map(|_| key.to_vec())).collect();
        expected.sort();
        assert_eq!(scanned_keys(store, prefix).await, expected, "{prefix:?}");
    }
}

/// Each of them makes another row.
pub async fn rows_differ_by_fingerprint_epoch_and_shard<S: SpeedStore>(store: &S) {
    let other = Fingerprint([8; 16]);
    let of_other = RowId { fingerprint: other, ..id(b"k", 1, "s") };
    put_new(store, [id(b"k", 1, "s"), id(b"k", 2, "s"), id(b"k", 1, "t"), of_other.clone()]).await;
    let (rows, _) = scan(store, VIEW, b"k", Epoch::ZERO).await;
    let expected = [id(b"k", 1, "s"), id(b"k", 1, "t"), id(b"k", 2, "s")];
    assert_eq!(rows.into_keys().collect::<Vec<_>>(), expected);
    let (rows, _) = scan(store, other, b"", Epoch::ZERO).await;
    assert_eq!(rows.into_keys().collect::<Vec<_>>(), [of_other]);
    let (rows, floor) = scan(store, Fingerprint([255; 16]), b"", Epoch::ZERO).await;
    assert_eq!((rows.len(), floor), (0, Epoch::ZERO));
}

/// The first epoch wanted is among those found, and the greatest there can be is no special case.
pub async fn a_scan_leaves_out_epochs_before_the_first_wanted<S: SpeedStore>(store: &S) {
    let epochs = [0, 5, 255, 256, 65_536, u64::MAX];
    put_new(store, epochs.map(|epoch| id(b"k", epoch, "s"))).await;
    for from in [0, 1, 5, 6, 256, 257, u64::MAX] {
        let (rows, _) = scan(store, VIEW, b"", Epoch(from)).await;
        let found: Vec<u64> = rows.into_keys().map(|id| id.epoch.0).collect();
        let expected: Vec<u64> = epochs.into_iter().filter(|epoch| *epoch >= from).collect();
        assert_eq!(found, expected, "from {from}");
    }
}

/// Expiry excludes its bound and leaves other fingerprints alone.
pub async fn expired_rows_are_not_visited_and_the_floor_tells<S: SpeedStore>(store: &S) {
    let other = Fingerprint([6; 16]);
    put_new(store, (0..10).map(|epoch| id(b"k", epoch, "s"))).await;
    put_new(store, [RowId { fingerprint: other, ..id(b"k", 0, "s") }]).await;
    store.expire(VIEW, Epoch(4)).await.unwrap();
    let (rows, floor) = scan(store, VIEW, b"", Epoch::ZERO).await;
    assert_eq!(floor, Epoch(4));
    assert_eq!(rows.into_keys().map(|id| id.epoch.0).collect::<Vec<_>>(), [4, 5, 6, 7, 8, 9]);
    let (rows, floor) = scan(store, other, b"", Epoch::ZERO).await;
    assert_eq!((rows.len(), floor), (1, Epoch::ZERO));
}

/// What has gone is not there to conflict with.
pub async fn expired_rows_are_removed_at_once_and_counted<S: SpeedStore>(store: &S) {
    put_new(store, (0..10).map(|epoch| id(b"k", epoch, "s"))).await;
    assert_eq!(store.expire(VIEW, Epoch(4)).await.unwrap(), 4);
    assert_eq!(store.expire(VIEW, Epoch(4)).await.unwrap(), 0);
    put_new(store, [id(b"k", 3, "s")]).await;
}

/// A late expiry, asked for by one that has been overtaken, takes nothing back.
pub async fn a_floor_never_falls<S: SpeedStore>(store: &S) {
    store.expire(VIEW, Epoch(9)).await.unwrap();
    store.expire(VIEW, Epoch(3)).await.unwrap();
    assert_eq!(scan(store, VIEW, b"", Epoch::ZERO).await.1, Epoch(9));
}

/// Its rows and its floor; other views keep theirs, and it can be put anew.
pub async fn what_is_forgotten_was_never_there<S: SpeedStore>(store: &S) {
    let other = |fill| RowId { fingerprint: Fingerprint([fill; 16]), ..id(b"k", 1, "s") };
    put_new(store, [id(b"k", 1, "s"), id(b"l", 9, "t"), other(6), other(8)]).await;
    store.expire(VIEW, Epoch(5)).await.unwrap();
    store.expire(Fingerprint([8; 16]), Epoch(1)).await.unwrap();
    store.forget(VIEW).await.unwrap();
    assert_eq!(scan(store, VIEW, b"", Epoch::ZERO).await, (BTreeMap::new(), Epoch::ZERO));
    for (fill, floor) in [(6, Epoch::ZERO), (8, Epoch(1))] {
        let (rows, found) = scan(store, Fingerprint([fill; 16]), b"", Epoch::ZERO).await;
        assert_eq!((rows.len(), found), (1, floor), "{fill}");
    }
    put_new(store, [id(b"k", 1, "s")]).await;
    assert_eq!(scanned_keys(store, b"").await, [b"k"]);
    store.forget(Fingerprint([5; 16])).await.unwrap();
}

/// A page's address may be a key; a view of no aggregate but a filter has an empty state.
pub async fn long_keys_and_empty_states_are_kept<S: SpeedStore>(store: &S) {
    let long: Vec<u8> = (0..1500_u32).map(|n| (n % 251) as u8).collect();
    let state: Vec<u8> = (0..100_000_u32).map(|n| (n % 241) as u8).collect();
    let puts = vec![
        put(id(&long, 1, "s"), None, row(1, b"")),
        put(id(&long[..1499], 1, "s"), None, row(2, &state)),
    ];
    store.put_rows(puts).await.unwrap();
    let (rows, _) = scan(store, VIEW, &long[..1000], Epoch::ZERO).await;
    let expected = [(id(&long[..1499], 1, "s"), row(2, &state)), (id(&long, 1, "s"), row(1, b""))];
    assert_eq!(rows, BTreeMap::from(expected));
}

/// The caller gets its own error, and no further row.
pub async fn an_error_of_the_visitor_ends_the_scan<S: SpeedStore>(store: &S) {
    put_new(store, [id(b"a", 1, "s"), id(b"b", 1, "s")]).await;
    let mut visits = 0;
    let mut stop = |_: &[u8], _, _: &ShardId, _: &SpeedRow| {
        visits += 1;
        Err(Error::corrupt("a row", "the visitor says so"))
    };
    let error = store.scan(VIEW, b"", Epoch::ZERO, &mut stop).await.unwrap_err();
    assert_eq!((error, visits), (Error::corrupt("a row", "the visitor says so"), 1));
}

/// The oracle is a map from row to content, and the floor a number. A row below the floor may be
/// there or not, so none is put.
pub async fn random_puts_scans_and_expiries_agree_with_a_map<S: SpeedStore>(store: &S) {
    let mut oracle = Oracle::new(20_260_131);
    for _ in 0..300 {
        oracle.put(store, oracle.floor).await;
        if oracle.random.once_in(10) {
            oracle.expire(store).await;
        }
        oracle.scan(store).await;
    }
}

/// As above, with rows put below the floor, and what each expiry removes counted.
pub async fn random_expiries_remove_what_a_map_would<S: SpeedStore>(store: &S) {
    let mut oracle = Oracle::new(20_260_132);
    for _ in 0..300 {
        oracle.put(store, 0).await;
        if oracle.random.once_in(10) {
            let (removed, expected) = oracle.expire(store).await;
            assert_eq!(removed, expected);
        }
        oracle.scan(store).await;
    }
}

/// What a store should hold, beside the random numbers that choose what it is asked.
struct Oracle {
    random: Random,
    rows: BTreeMap<RowId, SpeedRow>,
    floor: u64,
}

/// Epochs of random rows end here.
const EPOCHS: u64 = 8;

impl Oracle {
    fn new(seed: u64) -> Self {
        Oracle { random: Random::new(seed), rows: BTreeMap::new(), floor: 0 }
    }

    /// Puts some rows of epochs from `least` on.
    async fn put(&mut self, store: &impl SpeedStore, least: u64) {
        let puts: Vec<PutRow> =
            (0..self.random.below(40)).map(|_| random_put(&mut self.random, least)).collect();
        let outcomes = store.put_rows(puts.clone()).await.unwrap();
        for (put, outcome) in puts.into_iter().zip(outcomes) {
            let current = self.rows.get(&put.id);
            if current.map(|row| row.applied) == put.expected {
                assert_eq!(outcome, RowOutcome::Written);
                self.rows.insert(put.id, put.row);
            } else {
                assert_eq!(outcome, RowOutcome::Conflict(current.cloned()));
            }
        }
    }

    /// Returns how many rows the store says it removed, and how many it had.
    async fn expire(&mut self, store: &impl SpeedStore) -> (u64, u64) {
        let below = self.random.below(EPOCHS);
        self.floor = self.floor.max(below);
        let before = self.rows.len();
        self.rows.retain(|id, _| id.epoch.0 >= self.floor);
        let removed = store.expire(VIEW, Epoch(below)).await.unwrap();
        (removed, (before - self.rows.len()) as u64)
    }

    async fn scan(&mut self, store: &impl SpeedStore) {
        let prefix = random_key(&mut self.random);
        let from = Epoch(self.random.below(EPOCHS));
        let mut wanted = self.rows.clone();
        wanted.retain(|id, _| id.key.starts_with(&prefix) && id.epoch >= from);
        assert_eq!(scan(store, VIEW, &prefix, from).await, (wanted, Epoch(self.floor)));
    }
}

fn random_put(random: &mut Random, least: u64) -> PutRow {
    let shard = if random.once_in(2) { "s" } else { "t" };
    let id = id(&random_key(random), least + random.below(EPOCHS - least), shard);
    let expected = if random.once_in(3) { None } else { Some(random.below(3)) };
    put(id, expected, row(random.below(3), &random.next().to_be_bytes()))
}

fn random_key(random: &mut Random) -> Vec<u8> {
    (0..random.below(4)).map(|_| [0, 1, 255][random.below(3) as usize]).collect()
}
