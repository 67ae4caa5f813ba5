//! Files of every form and compression give the same payloads, in any batch size.

use super::*;
use std::io::Write;

fn read(files: &[PathBuf], batch_bytes: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut payloads = Vec::new();
    let progress = ProgressBar::hidden();
    Input::new(files, None)?.read(&Columns::default(), batch_bytes, &progress, &mut |batch| {
        assert_eq!(batch.block.last(), Some(&b'\n'));
        assert_eq!(batch.payloads().count(), batch.events);
        payloads.extend(batch.payloads().map(<[u8]>::to_vec));
        Ok(())
    })?;
    Ok(payloads)
}

fn write(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// Lines of many lengths, some blank, the last one without an end.
fn lines() -> (Vec<u8>, Vec<Vec<u8>>) {
    let (mut text, mut payloads) = (Vec::new(), Vec::new());
    for i in 0..500usize {
        let payload = format!("{{\"i\":{i},\"x\":\"{}\"}}", "y".repeat(i * i % 300)).into_bytes();
        text.extend_from_slice(&payload);
        text.extend_from_slice([b"\n".as_slice(), b"\r\n", b"\n\n", b"\n \n"][i % 4]);
        payloads.push(payload);
    }
    text.extend_from_slice(b"\xff last");
    payloads.push(b"\xff last".to_vec());
    (text, payloads)
}

#[test]
fn every_compression_and_batch_size_gives_the_same_payloads() {
    let folder = tempfile::tempdir().unwrap();
    let (text, expected) = lines();
    let (a, b) = text.split_at(text.len() / 3);
    for (name, bytes) in [
        ("plain.ndjson", text.clone()),
        ("one.ndjson.gz", gzip(&text)),
        ("one.ndjson.zst", zstd(&text)),
        ("one.ndjson.xz", xz(&text)),
        ("members.jsonl.gz", [gzip(a), gzip(b)].concat()),
        ("members.jsonl.zst", [zstd(a), zstd(b)].concat()),
        ("members.jsonl.xz", [xz(a), xz(b)].concat()),
        ("no-ending", gzip(&text)),
    ] {
        let path = write(&folder, name, &bytes);
        for batch_bytes in [1, 100, 4096, 1 << 20] {
            assert!(
                read(std::slice::from_ref(&path), batch_bytes).unwrap() == expected,
                "{name} {batch_bytes}"
            );
        }
    }
}

#[test]
fn files_follow_one_another_and_a_last_line_without_an_end_counts() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        write(&folder, "a", b"1\n2"),
        write(&folder, "empty", b""),
        write(&folder, "b.csv", b"n\n3\n4"),
        write(&folder, "c", b"5"),
    ];
    let payloads = read(&files, 1 << 20).unwrap();
    assert_eq!(payloads, [b"1".as_slice(), b"2", b"{\"n\":\"3\"}", b"{\"n\":\"4\"}", b"5"]);
}

#[test]
fn a_line_of_many_megabytes_is_one_payload() {
    let folder = tempfile::tempdir().unwrap();
    let long = vec![b'x'; 20 << 20];
    let path = write(&folder, "long", &[b"short\n", long.as_slice(), b"\nshort"].concat());
    let payloads = read(&[path], 1 << 20).unwrap();
    assert_eq!(payloads.iter().map(Vec::len).collect::<Vec<_>>(), [5, 20 << 20, 5]);
}

#[test]
fn a_live_source_hands_over_each_line_when_it_is_whole() {
    /// Gives one piece a read, as a pipe does.
    struct Pieces(std::vec::IntoIter<&'static [u8]>);
    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.0.next().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }
    let pieces: Vec<&[u8]> = vec![b"1\n", b"2", b"2\n3\n4", b"4"];
    let mut batches = Vec::new();
    line_blocks::read(Pieces(pieces.into_iter()), 1 << 20, true, &mut |batch| {
        batches.push(batch.block);
        Ok(())
    })
    .unwrap();
    assert_eq!(batches, [b"1\n".as_slice(), b"22\n3\n", b"44\n"]);
}

#[test]
fn a_damaged_or_unreadable_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let whole = gzip(&lines().0);
    for (name, bytes) in [
        ("cut.gz", &whole[..whole.len() / 2]),
        ("text.gz", b"{}\n".as_slice()),
        ("empty.zst", b""),
        ("archive.bz2", b"BZh9"),
    ] {
        let path = write(&folder, name, bytes);
        let error = format!("{:#}", read(&[path], 1 << 20).unwrap_err());
        assert!(error.contains(name), "{error}");
    }
    let missing = folder.path().join("missing.ndjson");
    let error = format!("{:#}", Input::new(&[missing], None).unwrap_err());
    assert!(error.contains("missing.ndjson"), "{error}");
}

#[test]
fn formats_are_told_by_names() {
    for (name, format) in [
        ("a.csv", Format::Csv),
        ("a.csv.gz", Format::Csv),
        ("b/a.tsv.xz", Format::Tsv),
        ("a.ndjson.zst", Format::Ndjson),
        ("a.csv.old", Format::Ndjson),
        ("-", Format::Ndjson),
    ] {
        assert_eq!(format_of(Path::new(name)), format, "{name}");
    }
}

#[test]
fn a_batch_splits_behind_an_event() {
    let whole = Batch::new(b"\n1\n\n2\n3\n\n".to_vec());
    assert_eq!(whole.events, 3);
    let mut rest = whole.clone();
    let mut front = rest.split_front(2);
    assert_eq!((front.block.as_slice(), front.events), (b"\n1\n\n2\n".as_slice(), 2));
    assert_eq!((rest.block.as_slice(), rest.events), (b"3\n\n".as_slice(), 1));
    front.append(rest);
    assert_eq!(front, whole);
    assert_eq!(whole.clone().split_front(9), whole);
}
