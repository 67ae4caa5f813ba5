//! Imports and batch builds that are killed half-way: either everything counts or nothing does, and
//! the old version serves until the new one is complete.

mod support;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use support::events;
use support::server::Server;
use support::world::World;
use support::{arg, command, fails};

/// Starts the command, kills it after a while, and returns whether it was still running.
fn run_and_kill(world: &World, words: &[&str], after: Duration) -> bool {
    let words = world.words(words);
    let mut command = command(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    let was_running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    was_running
}

/// A server that builds nothing by itself.
fn serve(world: &World) -> Server {
    world.serve(&["--batch-every", "1h"])
}

#[track_caller]
fn check(world: &World, when: &str) {
    let server = serve(world);
    world.check(&server, when);
    server.interrupt();
}

/// What a command says that must end with exit code 2.
#[track_caller]
fn refusal(world: &World, words: &[&str]) -> String {
    let words = world.words(words);
    fails(2, &words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// How many objects there are.
fn objects(world: &World) -> usize {
    fn count(folder: &Path) -> usize {
        let entries = fs::read_dir(folder).into_iter().flatten();
        let count = |path: PathBuf| if path.is_dir() { count(&path) } else { 1 };
        entries.map(|entry| count(entry.unwrap().path())).sum()
    }
    count(&world.path("data").join("raw"))
}

#[test]
fn an_import_killed_at_any_point_counts_as_a_whole_or_not_at_all() {
    let mut world = World::new(7);
    let (first, events) = world.new_file("first.ndjson", 20);
    world.run(&["import", arg(&first)]);
    world.expect(&events);

    let (file, events) = world.new_file("second.ndjson", 600);
    let words = ["import", arg(&file), "--object-bytes", "200000", "--no-batch"];
    let mut leftovers = 0;
    let mut imported = false;
    for attempt in 0..40 {
        let before = objects(&world);
        let after = Duration::from_millis(5 + 3 * attempt);
        let killed = run_and_kill(&world, &words, after);
        leftovers += usize::from(killed && objects(&world) > before);
        let listed = world.run(&["batch", "--format", "json"]);
        let records = records(&listed);
        let before = world.expected_events();
        imported = records == before + events.len() as u64;
        assert!(imported || records == before, "{records} records: {listed}");
        if imported {
            break;
        }
    }
    if !imported {
        world.run(&words);
        world.run(&["batch"]);
    }
    assert!(leftovers > 0, "no kill came between the first object and the last");
    world.expect(&events);
    check(&world, "after the import");
    let told = refusal(&world, &words);
    assert!(told.contains("second.ndjson: imported before, as import-"), "{told}");
}

/// How many records the versions hold that `batch --format json` has printed.
fn records(printed: &str) -> u64 {
    let versions: Vec<Value> = serde_json::from_str(printed).unwrap();
    versions[0]["records"].as_u64().unwrap()
}

#[test]
fn a_batch_build_killed_at_any_point_leaves_a_version_that_serves() {
    let mut world = World::new(8);
    let (first, events) = world.new_file("first.ndjson", 50);
    world.run(&["import", arg(&first)]);
    world.expect(&events);
    check(&world, "the first version");
    let (second, events) = world.new_file("second.ndjson", 1_000);
    world.run(&["import", arg(&second), "--no-batch"]);
    let mut built = world.expected.clone();
    events.iter().for_each(|event| events::add(&mut built.0, &mut built.1, event));

    let mut after = Duration::from_millis(10);
    while run_and_kill(&world, &["batch"], after) {
        let server = serve(&world);
        let (requests, sites, receipt) = server.answers();
        if receipt["complete"] == false {
            let because = receipt["incomplete_because"].as_str().unwrap();
            assert!(because.contains("not in a batch version yet"), "{because}");
            if because.starts_with("its counts: ") {
                // The view of the counts is built last: the rows are the new ones already.
                assert!(requests == built.0, "{receipt}");
            } else {
                assert!(requests == world.expected.0 && sites == world.expected.1, "{receipt}");
            }
        }
        server.kill();
        after += Duration::from_millis(5);
    }
    world.run(&["batch"]);
    world.expect(&events);
    check(&world, "after the build");
    world.run(&["batch", "--full"]);
    check(&world, "after a full build");
}

#[test]
fn history_and_the_stream_come_together_in_one_answer() {
    let mut world = World::new(9);
    let (first, events) = world.new_file("first.ndjson", 30);
    world.run(&["import", arg(&first), "--no-batch"]);
    world.expect(&events);
    let server = serve(&world);
    assert_eq!(server.answers().2["complete"], false);
    let posted = world.new_events(1, 300);
    assert!(support::server::post(&server.url, &events::body(&posted)));
    world.expect(&posted);
    // Killed before anything of it is archived: a question to the folder finds it all the same.
    server.kill();
    let request = format!("request={}", posted[0].request);
    let answer = world.run(&["query", "requests", "--where", &request, "--format", "json"]);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["rows"][0]["events"], posted.len(), "{answer}");
    let (second, events) = world.new_file("second.ndjson", 30);
    let printed = world.run(&["import", arg(&second)]);
    assert!(printed.contains("imported"), "{printed}");
    world.expect(&events);
    check(&world, "after import, stream and import");
}

#[test]
fn content_is_imported_once_whatever_the_file_is_called() {
    let mut world = World::new(10);
    let (first, events) = world.new_file("first.ndjson", 10);
    let copy = world.path("copy.ndjson");
    fs::copy(&first, &copy).unwrap();
    let twice = refusal(&world, &["import", arg(&first), arg(&copy)]);
    assert!(twice.contains("copy.ndjson: the same content as"), "{twice}");
    world.run(&["import", arg(&first)]);
    world.expect(&events);
    let again = refusal(&world, &["import", arg(&copy)]);
    assert!(again.contains("imported before"), "{again}");
    check(&world, "once");
    world.run(&["import", arg(&copy), "--again"]);
    world.expect(&events);
    check(&world, "twice, as asked for");
}

/// A pipe was empty when it was read for the second time: the import succeeded with nothing in it.
#[test]
fn a_pipe_is_refused_and_not_imported_as_nothing() {
    let world = World::new(6);
    let (project, data) = (world.path("project"), world.path("data"));
    let arguments =
        ["import", arg(&project), "--data", arg(&data), "--format", "ndjson", "/dev/stdin"];
    let import = command(&arguments).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = import.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = support::text(&output.stderr);
    assert!(message.contains("/dev/stdin: not a file"), "{message}");
    assert!(!data.exists());
}
