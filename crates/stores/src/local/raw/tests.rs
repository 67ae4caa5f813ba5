use super::*;
use crate::local::{Local, Options};
use anabranch_core::port::MasterDataSet as _;
use anabranch_core::record::{HEARTBEAT, SequenceNumber};
use futures::executor::block_on;
use std::fs;

const EPOCH_MS: u64 = 10_000;

fn open(root: &Path) -> Local {
    let epoch_length = EpochLength::from_millis(EPOCH_MS).unwrap();
    Local::open(root, Options { epoch_length, shards: 1 }).unwrap()
}

fn info_of(records: &[Record<'_>]) -> ObjectInfo {
    let arrivals = records.iter().map(|record| record.arrival_ms);
    ObjectInfo {
        shard: ShardId("a-b_c-0".to_owned()),
        epoch: Epoch(178_000_000),
        first: records[0].sequence,
        last: records[records.len() - 1].sequence,
        follows: None,
        records: records.len() as u64,
        heartbeats: records.iter().filter(|record| record.is_heartbeat()).count() as u64,
        min_arrival_ms: arrivals.clone().min().unwrap(),
        max_arrival_ms: arrivals.max().unwrap(),
    }
}

/// Records in the form that a scan's visitor can keep.
type Owned = (SequenceNumber, i64, String, Vec<u8>);

fn scanned(master: &Master, info: &ObjectInfo, fields: Fields) -> Result<Vec<Owned>> {
    let mut found = Vec::new();
    block_on(master.scan(info, fields, &mut |records: &[Record<'_>]| {
        assert!(!records.is_empty() && records.len() <= 1024);
        found.extend(
            records.iter().map(|r| {
                (r.sequence, r.arrival_ms, r.partition_key.to_owned(), r.payload.to_vec())
            }),
        );
    }))?;
    Ok(found)
}

fn records_of(payloads: &[Vec<u8>]) -> Vec<Record<'_>> {
    let record = |(i, payload)| Record {
        sequence: SequenceNumber::from(i as u64 + 1),
        arrival_ms: 1_780_000_000_000 + (i as i64 * 7919) % 1000,
        partition_key: if i % 1000 == 999 { HEARTBEAT } else { "clé" },
        payload,
    };
    payloads.iter().map(Vec::as_slice).enumerate().map(record).collect()
}

/// Bytes that do not compress.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn assert_scans(master: &Master, info: &ObjectInfo, records: &[Record<'_>]) {
    let all = scanned(master, info, Fields::All).unwrap();
    let fold = scanned(master, info, Fields::Fold).unwrap();
    assert_eq!((all.len(), fold.len()), (records.len(), records.len()));
    for ((record, all), fold) in records.iter().zip(all).zip(fold) {
        let (sequence, arrival_ms, key, payload) = all;
        assert_eq!((sequence, arrival_ms), (record.sequence, record.arrival_ms));
        assert_eq!((key.as_str(), &payload[..]), (record.partition_key, record.payload));
        let (_, arrival_ms, key, payload) = fold;
        assert_eq!((arrival_ms, &payload[..]), (record.arrival_ms, record.payload));
        assert_eq!(key == HEARTBEAT, record.is_heartbeat());
    }
}

#[test]
fn records_come_back_across_pages() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    let mut payloads: Vec<Vec<u8>> = (0..5000).map(|i| noise(i % 1500, i as u64)).collect();
    payloads[77] = noise(3 << 20, 77);
    let records = records_of(&payloads);
    let info = info_of(&records);
    assert_eq!(info.heartbeats, 5);
    assert_eq!(block_on(local.master.put_if_absent(&info, &records)).unwrap(), PutObject::Created);
    assert_scans(&local.master, &info, &records);
}

#[test]
fn records_come_back_across_row_groups() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    let payloads: Vec<Vec<u8>> = (0..70).map(|i| noise(1 << 20, i)).collect();
    let records = records_of(&payloads);
    let info = info_of(&records);
    block_on(local.master.put_if_absent(&info, &records)).unwrap();
    let path = local.master.path(&Name::of(&info));
    let metadata = parquet::file::metadata::ParquetMetaDataReader::new()
        .parse_and_finish(&fs::File::open(path).unwrap())
        .unwrap();
    assert_eq!(metadata.num_row_groups(), 2);
    assert_scans(&local.master, &info, &records);
}

#[test]
fn sequence_numbers_of_kinesis_come_back() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    let mut records = records_of(&[]);
    for text in [
        "49590338271490256608559692538361571095921575989136588898",
        "49590338271490256608559692538361571095921575989136588899",
    ] {
        let sequence = text.parse().unwrap();
        records.push(Record { sequence, arrival_ms: -5, partition_key: "", payload: b"{}" });
    }
    let info = info_of(&records);
    block_on(local.master.put_if_absent(&info, &records)).unwrap();
    assert_scans(&local.master, &info, &records);
    assert_eq!(block_on(local.master.tail(&info.shard)).unwrap(), Some(info));
}

#[test]
fn an_object_lies_in_the_folder_of_its_epoch() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    let payloads = [b"{}".to_vec()];
    let records = records_of(&payloads);
    let info = info_of(&records);
    block_on(local.master.put_if_absent(&info, &records)).unwrap();
    // 178,000,000 epochs of ten seconds.
    let expected =
        "raw/dt=2026-05-28/hour=20/00000000000178000000-a-b_c-0-00000000000000000001.parquet";
    assert!(root.path().join(expected).is_file());
}

#[test]
fn a_flipped_bit_is_an_error_or_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    let payloads: Vec<Vec<u8>> = (0..40).map(|i| format!("{{\"n\":{}}}", i * i).into()).collect();
    let records = records_of(&payloads);
    let info = info_of(&records);
    block_on(local.master.put_if_absent(&info, &records)).unwrap();
    let path = local.master.path(&Name::of(&info));
    let whole = fs::read(&path).unwrap();
    let expected = scanned(&local.master, &info, Fields::All).unwrap();
    let mut errors = 0;
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, bytes).unwrap();
        match scanned(&local.master, &info, Fields::All) {
            Ok(found) => assert_eq!(found, expected, "byte {at}"),
            Err(error) => {
                assert!(matches!(&error, Error::Corrupt { .. }), "byte {at}: {error:?}");
                assert!(error.to_string().contains("a-b_c-0-0000"), "byte {at}: {error}");
                errors += 1;
            }
        }
        if let Ok(found) = record_file::read_info(&fs::File::open(&path).unwrap()) {
            assert_eq!(found, info, "byte {at}");
        }
    }
    assert!(errors > whole.len() / 2, "{errors} of {}", whole.len());
}

#[test]
fn a_cut_file_is_corrupt_and_a_missing_one_not_found() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    let payloads = [noise(5000, 1), noise(5000, 2)];
    let records = records_of(&payloads);
    let info = info_of(&records);
    block_on(local.master.put_if_absent(&info, &records)).unwrap();
    let path = local.master.path(&Name::of(&info));
    let whole = fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(97) {
        fs::write(&path, &whole[..length]).unwrap();
        let error = scanned(&local.master, &info, Fields::Fold).unwrap_err();
        assert!(matches!(&error, Error::Corrupt { .. }), "{length} bytes: {error:?}");
    }
    fs::remove_file(&path).unwrap();
    let error = scanned(&local.master, &info, Fields::Fold).unwrap_err();
    assert!(matches!(&error, Error::NotFound { .. }), "{error:?}");
}

#[test]
fn a_file_that_is_not_what_its_name_says_is_corrupt() {
    let root = tempfile::tempdir().unwrap();
    let payloads = [b"{}".to_vec()];
    let records = records_of(&payloads);
    let info = info_of(&records);
    let other = {
        let local = open(root.path());
        block_on(local.master.put_if_absent(&info, &records)).unwrap();
        let name = Name::of(&info);
        let other = Name { first: 2.into(), ..name.clone() };
        fs::copy(local.master.path(&name), local.master.path(&other)).unwrap();
        local.master.path(&other)
    };
    let local = open(root.path());
    let error = block_on(local.master.objects(info.epoch..info.epoch.next())).unwrap_err();
    assert!(error.to_string().contains("it holds the object 00000000000178"), "{error}");
    fs::rename(&other, other.with_file_name("stray.parquet")).unwrap();
    let error = block_on(local.master.tail(&info.shard)).unwrap_err();
    assert!(error.to_string().contains("stray.parquet: corrupt"), "{error}");
}

#[test]
fn a_shard_that_never_was_leaves_nothing_behind_and_takes_no_other_with_it() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    let payloads = vec![b"one".to_vec()];
    let records = records_of(&payloads);
    let stays = info_of(&records);
    let goes = ObjectInfo { shard: ShardId("a-b_c".to_owned()), ..stays.clone() };
    for info in [&stays, &goes] {
        block_on(local.master.put_if_absent(info, &records)).unwrap();
    }
    let objects = || block_on(local.master.objects(Epoch::ZERO..Epoch(u64::MAX))).unwrap();
    assert_eq!(objects().len(), 2);
    assert_eq!(local.master.remove_shard(&goes.shard).unwrap(), 1);
    assert_eq!(block_on(local.master.tail(&goes.shard)).unwrap(), None);
    assert_eq!(objects(), std::slice::from_ref(&stays));
    let again = ObjectInfo { max_arrival_ms: 1_790_000_000_000, ..goes };
    block_on(local.master.put_if_absent(&again, &records)).unwrap();
    assert_eq!(objects(), [again, stays]);
}
