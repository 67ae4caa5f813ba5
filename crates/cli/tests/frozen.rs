//! A data folder that a released version left behind must open for ever, and give the answers that it
//! gave then.
//!
//! ```text
//! frozen/format-1/project    schema and views: every aggregate, and keys of every type
//!                /data       a batch version of epochs past, speed rows of later ones, and the stream
//!                /answers    what each view answered when the folder was left
//! ```
//!
//! Nothing in `frozen` is ever made anew. A change that fails here has changed a stored form, or what
//! a view's fingerprint is made from: either takes a new version that is read beside the old one.
//! The databases are compressed, because they are mostly zeros.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use support::{arg, succeeds};

fn frozen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frozen/format-1")
}

/// A copy to open, since opening writes.
fn thaw(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            thaw(&path, &target);
        } else if path.extension().is_some_and(|extension| extension == "zst") {
            let bytes = zstd::decode_all(fs::File::open(&path).unwrap()).unwrap();
            fs::write(target.with_extension(""), bytes).unwrap();
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn a_data_folder_of_format_1_gives_the_answers_that_it_gave() {
    let root = tempfile::tempdir().unwrap();
    let (project, data) = (root.path().join("project"), root.path().join("data"));
    thaw(&frozen().join("project"), &project);
    thaw(&frozen().join("data"), &data);
    let run = |words: &[&str]| {
        let all = [&words[..1], &[arg(&project)], &words[1..], &["--data", arg(&data)]].concat();
        succeeds(&all)
    };
    let same_answers = |when: &str| {
        for view in ["by_minute", "by_month", "by_value", "totals", "anabranch_records"] {
            let answer = run(&["query", view, "--format", "csv"]);
            let path = frozen().join(format!("answers/{view}.csv"));
            assert_eq!(answer, fs::read_to_string(path).unwrap(), "{view}, {when}");
        }
    };
    same_answers("batch and speed rows as they were left");
    run(&["batch"]);
    same_answers("a version on top of the one that was left");
    run(&["batch", "--full"]);
    same_answers("a version from the master data set alone");
}
