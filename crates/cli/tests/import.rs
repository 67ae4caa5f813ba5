//! Imports and batch builds that are killed half-way: either everything counts or nothing does, and
//! the old version serves until the new one is complete.

mod support;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use support::events::{self, Requests, Sites};
use support::server::Server;
use support::{Random, arg, command, fails, succeeds};

/// A project, a data folder, and what should be in it.
struct World {
    folder: tempfile::TempDir,
    random: Random,
    next: u64,
    expected: (Requests, Sites),
}

impl World {
    fn new(seed: u64) -> World {
        let folder = tempfile::tempdir().unwrap();
        events::write_project(&folder.path().join("project"));
        let expected = (Requests::new(), Sites::new());
        World { folder, random: Random(seed), next: 1, expected }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of new events; they count once it has been imported.
    fn new_file(&mut self, name: &str, requests: u64) -> (PathBuf, Vec<events::Event>) {
        let mut all = Vec::new();
        for _ in 0..requests {
            all.extend(events::request(&mut self.random, self.next, 400));
            self.next += 1;
        }
        let path = self.path(name);
        fs::write(&path, events::body(&all)).unwrap();
        (path, all)
    }

    fn expect(&mut self, events: &[events::Event]) {
        for event in events {
            events::add(&mut self.expected.0, &mut self.expected.1, event);
        }
    }

    /// `anabranch COMMAND project --data data …`
    fn arguments<'a>(&self, words: &[&'a str], paths: &'a [String]) -> Vec<&'a str> {
        [&words[..1], &[paths[0].as_str(), "--data", paths[1].as_str()], &words[1..]].concat()
    }

    fn paths(&self) -> [String; 2] {
        ["project", "data"].map(|name| arg(&self.path(name)).to_owned())
    }

    fn run(&self, words: &[&str]) -> String {
        let paths = self.paths();
        succeeds(&self.arguments(words, &paths))
    }

    /// Starts the command, kills it after a while, and returns whether it was still running.
    fn run_and_kill(&self, words: &[&str], after: Duration) -> bool {
        let paths = self.paths();
        let mut command = command(&self.arguments(words, &paths));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(after);
        let was_running = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        was_running
    }

    /// A server that builds nothing by itself.
    fn serve(&self) -> Server {
        let (project, data, log) = (self.path("project"), self.path("data"), self.path("log"));
        Server::start(&project, &data, &log, &["--batch-every", "1h"])
    }

    #[track_caller]
    fn check(&self, when: &str) {
        let server = self.serve();
        let (requests, sites, receipt) = server.answers();
        assert!(requests == self.expected.0, "{when}: {receipt}");
        assert!(sites == self.expected.1, "{when}: {receipt}");
        assert_eq!(receipt["complete"], true, "{when}: {receipt}");
        server.interrupt();
    }

    fn objects(&self) -> usize {
        fn count(folder: &Path) -> usize {
            let entries = fs::read_dir(folder).into_iter().flatten();
            let count = |path: PathBuf| if path.is_dir() { count(&path) } else { 1 };
            entries.map(|entry| count(entry.unwrap().path())).sum()
        }
        count(&self.path("data").join("raw"))
    }
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
        let before = world.objects();
        let after = Duration::from_millis(5 + 3 * attempt);
        let killed = world.run_and_kill(&words, after);
        leftovers += usize::from(killed && world.objects() > before);
        let listed = world.run(&["batch", "--format", "json"]);
        let records = records(&listed);
        imported = records == first_count(&world) + events.len() as u64;
        assert!(imported || records == first_count(&world), "{records} records: {listed}");
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
    world.check("after the import");
    let paths = world.paths();
    let refusal = fails(2, &world.arguments(&words, &paths));
    assert!(refusal.contains("second.ndjson: imported before, as import-"), "{refusal}");
}

/// How many events are expected before the second import.
fn first_count(world: &World) -> u64 {
    world.expected.0.values().map(|(events, _)| events).sum()
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
    world.check("the first version");
    let (second, events) = world.new_file("second.ndjson", 1_000);
    world.run(&["import", arg(&second), "--no-batch"]);

    let mut after = Duration::from_millis(10);
    while world.run_and_kill(&["batch"], after) {
        let server = world.serve();
        let (requests, sites, receipt) = server.answers();
        if receipt["complete"] == false {
            let because = receipt["incomplete_because"].as_str().unwrap();
            assert!(because.contains("not in a batch version yet"), "{because}");
            assert!(requests == world.expected.0 && sites == world.expected.1, "{receipt}");
        }
        server.kill();
        after += Duration::from_millis(5);
    }
    world.run(&["batch"]);
    world.expect(&events);
    world.check("after the build");
    world.run(&["batch", "--full"]);
    world.check("after a full build");
}

#[test]
fn history_and_the_stream_come_together_in_one_answer() {
    let mut world = World::new(9);
    let (first, events) = world.new_file("first.ndjson", 30);
    world.run(&["import", arg(&first), "--no-batch"]);
    world.expect(&events);
    let server = world.serve();
    assert_eq!(server.answers().2["complete"], false);
    let posted = events::request(&mut world.random, 1_000_000, 300);
    assert!(support::server::post(&server.url, &events::body(&posted)));
    world.expect(&posted);
    // Killed before anything of it is archived: a question to the folder finds it all the same.
    server.kill();
    let words = ["query", "requests", "--where", "request=1000000", "--format", "json"];
    let paths = world.paths();
    let answer =
        succeeds(&[&words[..1], &[&paths[0]], &words[1..], &["--data", &paths[1]]].concat());
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["rows"][0]["events"], posted.len(), "{answer}");
    let (second, events) = world.new_file("second.ndjson", 30);
    let printed = world.run(&["import", arg(&second)]);
    assert!(printed.contains("imported"), "{printed}");
    world.expect(&events);
    world.check("after import, stream and import");
}

#[test]
fn content_is_imported_once_whatever_the_file_is_called() {
    let mut world = World::new(10);
    let (first, events) = world.new_file("first.ndjson", 10);
    let copy = world.path("copy.ndjson");
    fs::copy(&first, &copy).unwrap();
    let paths = world.paths();
    let twice = fails(2, &world.arguments(&["import", arg(&first), arg(&copy)], &paths));
    assert!(twice.contains("copy.ndjson: the same content as"), "{twice}");
    world.run(&["import", arg(&first)]);
    world.expect(&events);
    let again = fails(2, &world.arguments(&["import", arg(&copy)], &paths));
    assert!(again.contains("imported before"), "{again}");
    world.check("once");
    world.run(&["import", arg(&copy), "--again"]);
    world.expect(&events);
    world.check("twice, as asked for");
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
