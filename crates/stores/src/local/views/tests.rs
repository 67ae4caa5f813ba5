use crate::local::{Local, Options};
use anabranch_core::aggregate::Function;
use anabranch_core::column::{Column, Data};
use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::port::{
    Error, Manifest, PartId, PartInfo, Pointer, Rows, Selection, ViewStore as _,
};
use anabranch_core::resolution::HOUR;
use anabranch_core::types::{Type, Value};
use anabranch_core::view::{
    Aggregate, Bucket, Expr, ExprKind, Fingerprint, Key, Measure, View, Width,
};
use futures::executor::block_on;
use parquet::file::metadata::ParquetMetaDataReader;
use std::fs::{self, File};
use std::path::Path;

const MINUTE: i64 = 60_000_000;
const PART: PartId = PartId { resolution: Some(HOUR), partition: 0 };

fn open(root: &Path) -> Local {
    let epoch_length = EpochLength::from_millis(10_000).unwrap();
    Local::open(root, Options { epoch_length, shards: 1 }).unwrap()
}

fn expr(ty: Type) -> Expr {
    Expr { kind: ExprKind::Column(0), ty }
}

fn view() -> View {
    let aggregate = Aggregate { function: Function::Sum, args: Vec::new(), filter: None };
    View {
        name: "traffic".to_owned(),
        fingerprint: Fingerprint([0xab; 16]),
        plan: String::new(),
        filter: None,
        keys: vec![Key { name: "site".to_owned(), expr: expr(Type::Varchar) }],
        bucket: Some(Bucket { name: "minute".to_owned(), width: Width::Fixed { micros: MINUTE } }),
        aggregates: vec![aggregate; 2],
        outputs: Vec::new(),
        measures: vec![Measure {
            name: "revenue".to_owned(),
            expr: expr(Type::Decimal { precision: 4, scale: 2 }),
        }],
    }
}

/// `per_key` minutes of each site; the first state and the measure are the same.
fn rows(sites: &[String], per_key: usize) -> Rows<'_> {
    let count = sites.len() * per_key;
    let sums = || Column::new(Data::Decimal((0..count).map(|i| (i % 9999) as i128).collect()));
    let keys = sites.iter().flat_map(|site| std::iter::repeat_n(site.as_str(), per_key));
    Rows {
        keys: vec![Column::new(Data::Varchar(keys.collect()))],
        buckets: Some((0..count).map(|i| (i % per_key) as i64 * MINUTE).collect()),
        states: vec![sums(), Column::new(Data::BigInt((0..count as i64).collect()))],
        measures: vec![sums()],
    }
}

fn sites(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("site-{i:04}")).collect()
}

fn select(site: Option<&str>, buckets: std::ops::Range<i64>) -> Selection {
    let site = site.map(|site| vec![Value::Varchar(site.to_owned())]);
    Selection { keys: vec![site], buckets, states: vec![true; 2] }
}

fn count(local: &Local, part: &PartInfo, selection: &Selection) -> Result<usize, Error> {
    let mut rows = 0;
    let mut visit = |batch: &Rows<'_>| {
        rows += batch.len();
        Ok(())
    };
    block_on(local.views.read_part(&view(), part, selection, &mut visit)).map(|()| rows)
}

#[test]
fn a_key_and_a_range_of_buckets_are_read_from_few_pages() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    let (sites, per_key) = (sites(200), 1440);
    let rows = rows(&sites, per_key);
    let part = block_on(local.views.write_part(&view(), 1, "b", PART, &rows)).unwrap();
    let day = 0..per_key as i64 * MINUTE;
    // 288,000 rows in pages of about 1,024: a key's 1,440 rows touch three at most.
    for site in ["site-0000", "site-0091", "site-0199"] {
        let visited = count(&local, &part, &select(Some(site), day.clone())).unwrap();
        assert!((1440..=3 * 1100).contains(&visited), "{site}: {visited} rows");
        let visited = count(&local, &part, &select(Some(site), 60 * MINUTE..90 * MINUTE)).unwrap();
        assert!((30..=3 * 1100).contains(&visited), "{site}, half an hour: {visited} rows");
    }
    assert_eq!(count(&local, &part, &select(Some("site-0"), day)).unwrap(), 0);
    assert_eq!(count(&local, &part, &select(None, i64::MIN..0)).unwrap(), 0);
    assert_eq!(count(&local, &part, &select(None, i64::MIN..i64::MAX)).unwrap(), rows.len());
}

#[test]
fn other_engines_find_columns_by_their_names_and_types() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    let sites = sites(2);
    let part = block_on(local.views.write_part(&view(), 1, "b", PART, &rows(&sites, 2))).unwrap();
    let file = File::open(root.path().join("views").join(&part.path)).unwrap();
    assert_eq!(part.bytes, file.metadata().unwrap().len());
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).unwrap();
    let columns = metadata.file_metadata().schema_descr().columns().to_vec();
    let columns: Vec<String> =
        columns.iter().map(|c| format!("{} {:?}", c.name(), c.logical_type_ref())).collect();
    // The first state is the measure, and is not written again.
    assert_eq!(columns.len(), 4, "{columns:?}");
    assert!(columns[0].starts_with("site Some(String"), "{columns:?}");
    assert!(columns[1].starts_with("minute Some(Timestamp"), "{columns:?}");
    assert!(columns[2].starts_with("revenue Some(Decimal"), "{columns:?}");
    assert_eq!(columns[3], "state_1 None");
}

#[test]
fn a_measure_that_outgrows_its_decimal_is_null_and_its_state_exact() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    let sites = sites(1);
    let mut rows = rows(&sites, 3);
    // DECIMAL(4,2) ends at 99.99.
    let sums = vec![9_999, 10_000, i128::MIN];
    rows.states[0] = Column::new(Data::Decimal(sums.clone()));
    rows.measures[0] = rows.states[0].clone();
    let part = block_on(local.views.write_part(&view(), 1, "b", PART, &rows)).unwrap();
    let mut visit = |batch: &Rows<'_>| {
        assert_eq!(batch.states[0].data, Data::Decimal(sums.clone()));
        Ok(())
    };
    let all = select(None, i64::MIN..i64::MAX);
    block_on(local.views.read_part(&view(), &part, &all, &mut visit)).unwrap();
    let file = File::open(root.path().join("views").join(&part.path)).unwrap();
    let batches = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(file, 10);
    let batch = batches.unwrap().next().unwrap().unwrap();
    let nulls = arrow_array::Array::nulls(&batch["revenue"]).unwrap();
    assert_eq!(nulls.iter().collect::<Vec<_>>(), [true, false, false]);
}

#[test]
fn a_part_of_another_fingerprint_is_corrupt() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    let sites = sites(1);
    let other = View { fingerprint: Fingerprint([1; 16]), ..view() };
    let part = block_on(local.views.write_part(&other, 1, "b", PART, &rows(&sites, 3))).unwrap();
    let error = count(&local, &part, &select(None, 0..1)).unwrap_err();
    assert!(matches!(&error, Error::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains(&part.path), "{error}");
}

#[test]
fn a_flipped_bit_or_a_cut_is_corrupt() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    let sites = sites(40);
    let part = block_on(local.views.write_part(&view(), 1, "b", PART, &rows(&sites, 3))).unwrap();
    let path = root.path().join("views").join(&part.path);
    let whole = fs::read(&path).unwrap();
    let read = || {
        let mut rows = 0;
        let mut visit = |batch: &Rows<'_>| {
            rows += batch.len();
            Ok(())
        };
        let part = super::file::OpenPart::open(&path, &view())?;
        part.read(&select(None, i64::MIN..i64::MAX), &mut visit).map(|()| rows)
    };
    assert_eq!(read(), Ok(120));
    // The four bytes at the start say only that it is a Parquet file, as those at the end do.
    let mut unnoticed = 0;
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, bytes).unwrap();
        match read() {
            Err(Error::Corrupt { object, .. }) => assert!(object.contains(&part.path), "{object}"),
            Ok(120) => unnoticed += 1,
            other => panic!("byte {at}: {other:?}"),
        }
    }
    assert_eq!(unnoticed, 4, "of {}", whole.len());
    for length in (0..whole.len()).step_by(37) {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(read(), Err(Error::Corrupt { .. })), "cut to {length}");
    }
}

fn publish(local: &Local, version: u64) -> PartInfo {
    let (view, sites) = (view(), sites(1));
    let part = block_on(local.views.write_part(&view, version, "b", PART, &rows(&sites, 3)));
    let part = part.unwrap();
    let manifest = Manifest {
        view: view.name.clone(),
        fingerprint: view.fingerprint,
        plan: String::new(),
        version,
        build: "b".to_owned(),
        horizon: Epoch(version),
        created_ms: 0,
        records: 0,
        previous: None,
        parts: vec![part.clone()],
    };
    block_on(local.views.write_manifest(&manifest)).unwrap();
    let pointer = Pointer { version, build: "b".to_owned(), horizon: Epoch(version) };
    let expected = (version > 1).then_some(version - 1);
    assert!(block_on(local.views.publish(view.fingerprint, expected, &pointer)).unwrap());
    part
}

#[test]
fn what_was_published_is_there_after_reopening_and_what_was_not_is_swept() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    let (view, sites) = (view(), sites(1));
    let never = View { fingerprint: Fingerprint([5; 16]), ..view.clone() };
    let published = publish(&local, 1);
    let write = |view, version| {
        block_on(local.views.write_part(view, version, "x", PART, &rows(&sites, 3))).unwrap()
    };
    let (killed, first_killed) = (write(&view, 2), write(&never, 1));
    drop(local);
    let local = open(root.path());
    let current = block_on(local.views.pointer(view.fingerprint)).unwrap().unwrap();
    let manifest = block_on(local.views.manifest(view.fingerprint, &current)).unwrap();
    assert_eq!(manifest.parts, std::slice::from_ref(&published));
    assert_eq!(count(&local, &published, &select(None, i64::MIN..i64::MAX)).unwrap(), 3);
    for swept in [killed, first_killed] {
        assert!(!root.path().join("views").join(swept.path).exists());
    }
}

#[test]
fn a_corrupt_pointer_or_manifest_is_an_error_of_its_view_alone() {
    let root = tempfile::tempdir().unwrap();
    let local = open(root.path());
    let part = publish(&local, 1);
    drop(local);
    let folder = root.path().join("views").join(part.path.split('/').next().unwrap());
    fs::write(folder.join("manifests/1-b.json"), "{}").unwrap();
    let local = open(root.path());
    let fingerprint = view().fingerprint;
    let current = block_on(local.views.pointer(fingerprint)).unwrap().unwrap();
    let error = block_on(local.views.manifest(fingerprint, &current)).unwrap_err();
    assert!(error.to_string().contains("1-b.json: corrupt"), "{error}");
    assert!(block_on(local.views.retire(fingerprint, 1)).is_err(), "parts may be listed there");
    drop(local);
    fs::write(folder.join("pointer.json"), "7").unwrap();
    let local = open(root.path());
    let error = block_on(local.views.pointer(fingerprint)).unwrap_err();
    assert!(error.to_string().contains("pointer.json: corrupt"), "{error}");
    assert_eq!(block_on(local.views.pointer(Fingerprint([1; 16]))).unwrap(), None);
}
