//! `anabranch audit` over a real data folder and a running server: silent while all is right, and
//! naming what was changed by hand.

mod support;

use anabranch_core::epoch::Epoch;
use anabranch_core::port::{PutRow, RowId, SpeedRow, SpeedStore as _};
use anabranch_core::project::Project;
use anabranch_core::record::ShardId;
use anabranch_core::sql::Source;
use anabranch_stores::local::{Local, Options};
use futures::executor::block_on;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use support::server::post;
use support::world::World;
use support::{anabranch, events, text};

/// What the audit prints, and its exit code.
fn audit(world: &World, words: &[&str]) -> (i32, String) {
    let words = world.words(&[&["audit"], words].concat());
    let output = anabranch(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let told = text(&output.stdout) + &text(&output.stderr);
    (output.status.code().unwrap(), told)
}

/// What the audit says about a folder in which something is wrong.
#[track_caller]
fn differs(world: &World, words: &[&str]) -> String {
    let (code, told) = audit(world, words);
    assert_eq!(code, 3, "{told}");
    told
}

/// A folder with two imports and two rounds of events through a server, one of them in a batch
/// version.
fn world(seed: u64) -> World {
    let mut world = World::new(seed);
    for name in ["a.ndjson", "b.ndjson"] {
        let (file, _) = world.new_file(name, 2);
        world.run(&["import", file.to_str().unwrap()]);
    }
    for batch_every in ["200ms", "1h"] {
        let server = world.serve(&["--epoch", "10s", "--batch-every", batch_every]);
        // Enough requests for both shards to have some.
        for _ in 0..8 {
            let events = world.new_events(5, 30);
            assert!(post(&server.url, &events::body(&events)));
        }
        server.wait_until_absorbed();
        server.interrupt();
        if batch_every == "200ms" {
            world.run(&["batch"]);
        }
    }
    let (code, told) = audit(&world, &[]);
    assert!(code == 0 && told.ends_with("nothing differs\n"), "{told}");
    world
}

/// The files below a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// The objects of the stream's shards and of imports.
fn objects(world: &World, of: &str) -> Vec<PathBuf> {
    let raw = files(&world.path("data").join("raw")).into_iter();
    raw.filter(|path| name(path).contains(of)).collect()
}

#[test]
fn an_object_that_was_deleted_is_missed() {
    let world = world(1);
    let chains = ["shard-0000", "shard-0001"].map(|shard| objects(&world, shard));
    let chain =
        chains.iter().find(|chain| chain.len() > 1).expect("one shard has been filled twice");
    fs::remove_file(&chain[0]).unwrap();
    let told = differs(&world, &[]);
    assert!(told.contains("it is the first of its shard, but follows a record"), "{told}");
    assert!(told.contains("batch: view "), "the rows are named as well: {told}");
    // The ledger alone says where the gap is.
    let ledger = differs(&world, &["--ledger"]);
    assert!(ledger.ends_with("1 difference\n"), "{ledger}");
    // An import has an end that is known.
    for object in objects(&world, "import-") {
        fs::remove_file(&object).unwrap();
    }
    let told = differs(&world, &["--ledger"]);
    assert!(told.contains("the shard is closed, and its last objects are missing"), "{told}");
}

#[test]
fn a_flipped_byte_is_named_by_its_file_and_the_rest_is_compared() {
    let world = world(2);
    let object = objects(&world, "import-").remove(0);
    let mut bytes = fs::read(&object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&object, bytes).unwrap();
    let told = differs(&world, &[]);
    assert!(told.contains(object.to_str().unwrap()) && told.contains("corrupt"), "{told}");
    assert!(told.contains("not compared: an object that they are made from"), "{told}");
    assert!(told.ends_with("1 difference\n"), "{told}");
    // A footer that cannot be read hides what the object is, and hides no other object.
    let mut bytes = fs::read(&object).unwrap();
    let end = bytes.len() - 20;
    bytes[end] ^= 0x10;
    fs::write(&object, bytes).unwrap();
    let told = differs(&world, &["--ledger"]);
    assert!(told.contains("an object cannot be read") && told.contains(name(&object)), "{told}");
    assert!(told.contains("its last objects are missing"), "{told}");
}

#[test]
fn an_object_copied_as_another_shards_is_found_out() {
    let world = world(3);
    let object = objects(&world, "shard-0000").remove(0);
    let copy = object.with_file_name(name(&object).replace("shard-0000", "shard-0001"));
    let copy = if copy.exists() {
        object.with_file_name(name(&object).replace("shard-0000-0", "shard-0001-1"))
    } else {
        copy
    };
    fs::copy(&object, &copy).unwrap();
    let told = differs(&world, &[]);
    assert!(told.contains(name(&copy)) && told.contains("it holds the object"), "{told}");
    assert!(told.contains(name(&object)), "{told}");
}

#[test]
fn a_part_that_is_gone_or_changed_is_named() {
    let world = world(4);
    let view = fs::read_dir(world.path("data/views")).unwrap().map(|entry| entry.unwrap().path());
    let view = view.into_iter().find(|path| name(path).starts_with("sites-")).unwrap();
    let parts = files(&view).into_iter().filter(|path| name(path).ends_with(".parquet"));
    let parts: Vec<PathBuf> = parts.collect();
    // Versions before the current one keep theirs.
    let told = parts.iter().find_map(|part| {
        let bytes = fs::read(part).unwrap();
        fs::remove_file(part).unwrap();
        let (code, told) = audit(&world, &["--view", "sites"]);
        fs::write(part, bytes).unwrap();
        (code == 3).then_some((part.to_owned(), told))
    });
    let (part, told) = told.expect("one of the parts is the current version's");
    assert!(told.contains("a part that it lists is gone") && told.contains(name(&part)), "{told}");
    let mut bytes = fs::read(&part).unwrap();
    bytes[8] ^= 1;
    fs::write(&part, &bytes).unwrap();
    let told = differs(&world, &["--view", "sites"]);
    assert!(told.contains("a part cannot be read") && told.contains(name(&part)), "{told}");
}

#[test]
fn a_manifest_that_does_not_add_up_is_named() {
    let world = world(5);
    for manifest in files(&world.path("data/views")) {
        if manifest.parent().unwrap().ends_with("manifests") {
            let text = fs::read_to_string(&manifest).unwrap();
            let mut json: Value = serde_json::from_str(&text).unwrap();
            json["records"] = (json["records"].as_u64().unwrap() + 7).into();
            fs::write(&manifest, json.to_string()).unwrap();
        }
    }
    let report = differs(&world, &["--format", "json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    let differences = report["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 3, "two views and the built-in one: {report:#}");
    for difference in differences {
        assert_eq!(difference["check"], "versions");
        let number = |field: &str| difference[field].as_str().unwrap().parse::<u64>().unwrap();
        assert_eq!(number("found"), number("expected") + 7);
    }
}

/// The stores of a folder that no process uses, and its project.
fn open(world: &World) -> (Local, Project) {
    let read = |name: &str| {
        let path = world.path("project").join(name);
        let text = fs::read_to_string(&path).unwrap();
        Source { name: name.to_owned(), text }
    };
    let project = Project::compile(&read("schema.sql"), &[read("views/all.sql")]).unwrap();
    let folder = world.path("data");
    let epoch_length = Local::epoch_length(&folder).unwrap().unwrap();
    (Local::open(&folder, Options { epoch_length, shards: 1 }).unwrap(), project)
}

fn rows(local: &Local, project: &Project, view: &str) -> Vec<(RowId, SpeedRow)> {
    let fingerprint = project.view(view).unwrap().fingerprint;
    let mut rows = Vec::new();
    let mut visit = |key: &[u8], epoch, shard: &ShardId, row: &SpeedRow| {
        let shard = shard.clone();
        rows.push((RowId { fingerprint, key: key.to_vec(), epoch, shard }, row.clone()));
        Ok(())
    };
    block_on(local.speed.scan(fingerprint, &[], Epoch::ZERO, &mut visit)).unwrap();
    rows
}

#[test]
fn an_edited_speed_row_and_one_in_another_shard_are_named_with_their_values() {
    let mut world = world(6);
    // Another version lies on top, so that the archive has all that the rows hold.
    let server = world.serve(&["--batch-every", "1h"]);
    let events = world.new_events(5, 30);
    assert!(post(&server.url, &events::body(&events)));
    server.wait_until_absorbed();
    server.interrupt();
    world.run(&["batch"]);
    assert_eq!(audit(&world, &[]).0, 0);

    let (local, project) = open(&world);
    let rows = rows(&local, &project, "requests");
    let newest = rows.iter().map(|(id, _)| id.epoch).max().unwrap();
    let live: Vec<_> = rows.iter().filter(|(id, _)| id.epoch == newest).collect();
    let (id, row) = live[0];
    let other = live.iter().find(|(_, other)| other.state != row.state).unwrap();
    let edited = SpeedRow { applied: row.applied, state: other.1.state.clone() };
    let stranger = match other.0.shard.0.as_str() {
        "shard-0000" => ShardId("shard-0001".to_owned()),
        _ => ShardId("shard-0000".to_owned()),
    };
    let moved = RowId { shard: stranger, ..other.0.clone() };
    let mut puts = vec![PutRow { id: id.clone(), expected: Some(row.applied), row: edited }];
    let taken = rows.iter().any(|(id, _)| *id == moved);
    if !taken {
        puts.push(PutRow { id: moved.clone(), expected: None, row: other.1.clone() });
    }
    block_on(local.speed.put_rows(puts)).unwrap();
    // The next synced commit makes them durable.
    let info = block_on(anabranch_core::port::Control::shards(&local.control)).unwrap().remove(0);
    block_on(anabranch_core::port::Control::put_shard(&local.control, Some(&info), &info)).unwrap();
    drop(local);

    let told = differs(&world, &["--view", "requests"]);
    let place =
        format!("speed: view requests, shard {}, epoch {}, row request=", id.shard, id.epoch);
    assert!(told.contains(&place), "{told}");
    assert!(told.contains("not the fold of its records up to"), "{told}");
    assert!(told.contains("amount "), "with the values: {told}");
    if !taken {
        let place = format!("shard {}, epoch {}", moved.shard, moved.epoch);
        assert!(told.contains(&place), "{told}");
    }
    let csv = differs(&world, &["--view", "requests", "--format", "csv"]);
    assert!(csv.starts_with(
        "check,view,definition,shard,epoch,object,row,what,expected,found\nspeed,requests,,"
    ));
}

#[test]
fn a_running_server_is_audited_while_events_flow() {
    let mut world = World::new(7);
    let server = world.serve(&["--epoch", "1s", "--batch-every", "300ms"]);
    for _ in 0..12 {
        let events = world.new_events(10, 40);
        assert!(post(&server.url, &events::body(&events)));
        let output = anabranch(&["audit", "--url", &server.url]);
        let told = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{told}\n{}", server.log());
        assert!(told.ends_with("nothing differs\n"), "{told}");
    }
    let (code, told) = audit(&world, &[]);
    assert!(code == 1 && told.contains("--url"), "the folder is in use: {told}");
    let output = anabranch(&["audit", "--url", &server.url, "--view", "nothing"]);
    assert_eq!(output.status.code(), Some(2));
    server.interrupt();
    assert_eq!(audit(&world, &[]).0, 0);
}

#[test]
fn wrong_usage_is_told() {
    let world = World::new(8);
    let (code, told) = audit(&world, &[]);
    assert!(code == 2 && told.contains("no data here"), "{told}");
    assert_eq!(anabranch(&["audit"]).status.code(), Some(2));
}
