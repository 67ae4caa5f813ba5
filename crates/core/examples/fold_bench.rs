//! The fold alone: `fold_bench PROJECT FILE [VIEW…]` reads NDJSON, folds it on one thread, and
//! prints nanoseconds per event. For finding where time goes; `make bench` is the measurement.
#![allow(clippy::print_stdout, missing_docs, reason = "a benchmark prints")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use anabranch_core::fold::Fold;
use anabranch_core::project::Project;
use anabranch_core::record::{Record, SequenceNumber};
use anabranch_core::sql::Source;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let project = Path::new(&args[0]);
    let source = |path: &Path| Source {
        name: path.display().to_string(),
        text: std::fs::read_to_string(path).expect("the source is there"),
    };
    let mut views: Vec<_> = std::fs::read_dir(project.join("views"))
        .expect("the views are there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            args.len() < 3 || args[2..].contains(&name)
        })
        .collect();
    views.sort();
    let views: Vec<Source> = views.iter().map(|path| source(path)).collect();
    let compiled = Project::compile(&source(&project.join("schema.sql")), &views);
    let project = Arc::new(compiled.expect("the project compiles"));
    let data = std::fs::read(&args[1]).expect("the file is there");
    let records: Vec<Record<'_>> = data
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|payload| Record {
            sequence: SequenceNumber::ZERO,
            arrival_ms: 0,
            partition_key: "",
            payload,
        })
        .collect();
    let mut fold = Fold::new(&project);
    let start = Instant::now();
    fold.fold(&records);
    let nanos = start.elapsed().as_nanos();
    println!("{} events, {} ns/event", records.len(), nanos / records.len() as u128);
    for table in fold.tables() {
        let megabytes = table.memory_bytes() >> 20;
        println!("{:20} {:9} rows {:6} MiB", table.view().name, table.len(), megabytes);
    }
}
