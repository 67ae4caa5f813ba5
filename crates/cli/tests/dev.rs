//! The server under what operators do to it: other shards, two at once, broken files, Ctrl-C.

mod support;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::events::{self, Requests, Sites};
use support::server::{Server, post};
use support::{Random, arg, fails};

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

    fn serve(&self, options: &[&str]) -> Server {
        let options = [&["--epoch", "200ms", "--batch-every", "300ms"], options].concat();
        Server::start(&self.path("project"), &self.path("data"), &self.path("log"), &options)
    }

    /// Posts some requests, which must be acknowledged.
    fn post(&mut self, server: &Server, requests: u64) {
        for _ in 0..requests {
            let events = events::request(&mut self.random, self.next, 50);
            self.next += 1;
            assert!(post(&server.url, &events::body(&events)), "{}", server.log());
            for event in &events {
                events::add(&mut self.expected.0, &mut self.expected.1, event);
            }
        }
    }

    #[track_caller]
    fn check(&self, server: &Server) {
        server.wait_until_absorbed();
        let (requests, sites, receipt) = server.answers();
        assert!(requests == self.expected.0 && sites == self.expected.1, "{receipt}");
        assert_eq!(receipt["complete"], true, "{receipt}");
    }
}

/// How many shards of the stream are open.
fn open_shards(status: &Value) -> usize {
    let shards = status["shards"].as_array().unwrap();
    shards.iter().filter(|shard| shard["closed"].is_null()).count()
}

#[test]
fn the_number_of_shards_may_change_from_start_to_start() {
    let mut world = World::new(1);
    for shards in ["3", "1", "2", "1", "3"] {
        let server = world.serve(&["--shards", shards]);
        world.post(&server, 20);
        world.check(&server);
        let left: usize = shards.parse().unwrap();
        server.wait_for("closed, once drained", |status| open_shards(status) == left);
        world.check(&server);
        server.kill();
    }
}

#[test]
fn every_version_on_the_way_gives_the_same_answer() {
    let mut world = World::new(2);
    let server = world.serve(&[]);
    for round in 1..=5 {
        world.post(&server, 5);
        world.check(&server);
        server.wait_for("built", |status| status["views"][0]["version"].as_u64() >= Some(round));
        world.check(&server);
    }
    assert!(server.interrupt() < Duration::from_secs(10));
}

#[test]
fn a_data_folder_has_one_owner_and_one_length_of_epochs() {
    let world = World::new(3);
    let server = world.serve(&[]);
    let (project, data) = (world.path("project"), world.path("data"));
    let with_data = |command: &[&str]| {
        let arguments = [command, &["--data", arg(&data)]].concat();
        fails(1, &arguments)
    };
    for command in ["batch", "rejected"] {
        let told = with_data(&[command, arg(&project)]);
        assert!(told.contains(arg(&data)) && told.contains("another process is using"), "{told}");
    }
    let listen = server.url.strip_prefix("http://").unwrap().to_owned();
    let told =
        fails(1, &["dev", arg(&project), "--data", arg(&world.path("x")), "--listen", &listen]);
    assert!(told.contains(&format!("cannot listen on {listen}")), "{told}");
    server.interrupt();
    let told = with_data(&["dev", arg(&project), "--epoch", "1s", "--listen", "127.0.0.1:0"]);
    assert!(told.contains("epochs of 200 ms and 1000 ms was asked for"), "{told}");
}

/// Some file below `folder` whose path holds `part`.
fn some_file(folder: &Path, part: &str) -> PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if arg(&path).contains(part) && arg(&path).ends_with(".parquet") {
                return path;
            }
        }
    }
    panic!("no file with `{part}` in its path")
}

#[test]
fn a_broken_batch_view_is_named_and_other_views_go_on() {
    let mut world = World::new(4);
    let server = world.serve(&[]);
    world.post(&server, 10);
    server.wait_for("built", |status| status["views"][0]["version"].as_u64() >= Some(1));
    server.kill();
    let part = some_file(&world.path("data/views"), "views/requests-");
    let length = fs::metadata(&part).unwrap().len();
    fs::File::options().write(true).open(&part).unwrap().set_len(length / 2).unwrap();

    let server = world.serve(&[]);
    let before = server.get("/v1/status")["views"][1]["version"].as_u64().unwrap();
    world.post(&server, 10);
    let (status, told) = get(&format!("{}/v1/views/requests", server.url));
    assert_eq!(status, 500, "{told}");
    assert!(told.contains(part.file_name().unwrap().to_str().unwrap()), "{told}");
    // The other view answers, and is built on.
    server.wait_for("failing where it is broken, and built where it is not", |status| {
        let sites = &status["views"][1];
        assert_eq!(sites["view"], "sites");
        let failing = status["failing"].as_array().unwrap();
        let is_named = failing.iter().any(|failing| failing["part"] == "batch requests");
        is_named && sites["version"].as_u64().unwrap() > before
    });
    server.get("/v1/views/sites");
    let (status, told) = get(&format!("{}/healthz", server.url));
    assert_eq!(status, 503, "{told}");
    assert!(told.contains("batch requests") && told.contains("corrupt"), "{told}");
    server.kill();
}

fn get(url: &str) -> (u16, String) {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let mut reply = agent.get(url).call().unwrap();
    (reply.status().as_u16(), reply.body_mut().read_to_string().unwrap())
}

#[test]
fn hostile_payloads_stop_nothing() {
    let mut world = World::new(5);
    let server = world.serve(&[]);
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let long = format!(r#"{{"time":"2026-03-01","site":"{}"}}"#, "x".repeat(20 << 20));
    let bodies = [
        "not json\n{\"time\":\"2026-03-01\",\"request\":\n",
        "{\"time\":\"2026-03-01\",\"request\":1,\"request\":2}\n{\"time\":\"2026-03-01\",\"amount\":NaN}\n",
        "{\"time\":\"2026-03-01\",\"site\":\"\\ud800\"}\n{\"request\":1}\n{\"time\":\"0000-01-01\"}\n",
        deep.as_str(),
        long.as_str(),
    ];
    for body in bodies {
        assert!(post(&server.url, body), "{}", server.log());
    }
    world.post(&server, 5);
    server.wait_until_absorbed();
    let receipt = server.get("/v1/views/sites?limit=1")["receipt"].clone();
    let posted: u64 = world.expected.0.values().map(|(events, _)| events).sum();
    // The long one is an event like any other.
    assert_eq!(receipt["accepted"], posted + 1, "{receipt}");
    assert_eq!(receipt["rejected"], 8, "{receipt}");
    assert_eq!(server.get("/healthz")["status"], "ok");
    server.interrupt();
}
