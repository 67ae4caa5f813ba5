//! The server under what operators do to it: other shards, two at once, broken files, Ctrl-C.

mod support;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::events;
use support::server::{Server, post};
use support::world::World;
use support::{arg, fails, succeeds};

/// A server whose epochs and versions come fast.
fn serve(world: &World, options: &[&str]) -> Server {
    world.serve(&[&["--epoch", "200ms", "--batch-every", "300ms"], options].concat())
}

/// Posts some requests, which must be acknowledged.
fn post_some(world: &mut World, server: &Server, requests: u64) {
    for _ in 0..requests {
        let events = world.new_events(1, 50);
        assert!(post(&server.url, &events::body(&events)), "{}", server.log());
        world.expect(&events);
    }
}

#[track_caller]
fn check(world: &World, server: &Server) {
    server.wait_until_absorbed();
    world.check(server, "absorbed");
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
        let server = serve(&world, &["--shards", shards]);
        post_some(&mut world, &server, 20);
        check(&world, &server);
        let left: usize = shards.parse().unwrap();
        server.wait_for("closed, once drained", |status| open_shards(status) == left);
        check(&world, &server);
        server.kill();
    }
}

#[test]
fn every_version_on_the_way_gives_the_same_answer() {
    let mut world = World::new(2);
    let server = serve(&world, &[]);
    for round in 1..=5 {
        post_some(&mut world, &server, 5);
        check(&world, &server);
        server.wait_for("built", |status| status["views"][0]["version"].as_u64() >= Some(round));
        check(&world, &server);
    }
    assert!(server.interrupt() < Duration::from_secs(10));
}

#[test]
fn a_data_folder_has_one_owner_and_one_length_of_epochs() {
    let world = World::new(3);
    let server = serve(&world, &[]);
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
    let server = serve(&world, &[]);
    post_some(&mut world, &server, 10);
    server.wait_for("built", |status| status["views"][0]["version"].as_u64() >= Some(1));
    server.kill();
    let part = some_file(&world.path("data/views"), "views/requests-");
    let length = fs::metadata(&part).unwrap().len();
    fs::File::options().write(true).open(&part).unwrap().set_len(length / 2).unwrap();

    let server = serve(&world, &[]);
    let before = server.get("/v1/status")["views"][1]["version"].as_u64().unwrap();
    post_some(&mut world, &server, 10);
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

/// Waits until both views say that their current definitions are complete: then they must be right.
fn wait_until_complete(server: &Server) {
    server.wait_until_absorbed();
    server.wait_for("complete", |_| {
        ["requests", "sites"].iter().all(|view| {
            let answer = server.get(&format!("/v1/views/{view}?limit=1&definition=current"));
            answer["receipt"]["complete"] == true
        })
    });
}

/// Where files are gone, what was archived is not, imports included; and what is not there yet an
/// answer does not pass off as complete.
#[test]
fn the_master_data_set_is_enough_to_go_on() {
    for lost in
        [&["speed.redb"][..], &["stream.redb"], &["views"], &["speed.redb", "stream.redb", "views"]]
    {
        let mut world = World::new(6);
        let server = serve(&world, &["--shards", "3"]);
        post_some(&mut world, &server, 20);
        server.wait_for("archived", |status| {
            let shards = status["shards"].as_array().unwrap();
            shards.iter().all(|shard| shard["archived"].as_str().unwrap_or("0") == shard["taken"])
        });
        server.interrupt();
        let (file, events) = world.new_file("history.ndjson", 30);
        world.run(&["import", arg(&file), "--no-batch"]);
        world.expect(&events);
        for name in lost {
            let path = world.path("data").join(name);
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        }
        let server = serve(&world, &["--shards", "2"]);
        post_some(&mut world, &server, 20);
        wait_until_complete(&server);
        check(&world, &server);
        server.kill();
        world.run(&["batch", "--full"]);
        let server = serve(&world, &[]);
        wait_until_complete(&server);
        check(&world, &server);
        server.interrupt();
    }
}

fn get(url: &str) -> (u16, String) {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let mut reply = agent.get(url).call().unwrap();
    (reply.status().as_u16(), reply.body_mut().read_to_string().unwrap())
}

/// An idle server used to leave a changed view incomplete until the next event came: its batch
/// version had every event, but not the heartbeat behind them.
#[test]
fn a_changed_view_becomes_complete_without_another_event() {
    let mut world = World::new(7);
    let server = serve(&world, &[]);
    post_some(&mut world, &server, 20);
    server.wait_for("built", |status| {
        let horizon = |view: &Value| view["horizon"].as_u64().unwrap();
        let shards = status["shards"].as_array().unwrap().iter();
        let newest =
            shards.filter_map(|shard| shard["absorbed_epoch"].as_u64()).max().unwrap_or(u64::MAX);
        status["views"].as_array().unwrap().iter().all(|view| horizon(view) >= newest)
    });
    server.interrupt();
    let path = world.path("project/views/all.sql");
    let views = fs::read_to_string(&path).unwrap();
    let changed =
        views.replace("max(request) AS newest", "max(request) AS newest, avg(amount) AS a");
    assert_ne!(changed, views);
    fs::write(path, changed).unwrap();
    let server = serve(&world, &[]);
    wait_until_complete(&server);
    check(&world, &server);
    server.kill();
}

#[test]
fn generated_events_go_straight_to_a_server() {
    let clickstream = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/clickstream");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let server = Server::start(Path::new(clickstream), &path("data"), &path("log"), &[]);
    let words = ["generate", "clickstream", "--count", "5000", "--malformed", "10", "--to"];
    succeeds(&[&words[..], &[&server.url]].concat());
    server.wait_until_absorbed();
    let receipt = server.get("/v1/views/sales")["receipt"].clone();
    let count = |name: &str| receipt[name].as_u64().unwrap();
    assert_eq!(count("accepted") + count("rejected"), 5000, "{receipt}");
    assert!(count("rejected") > 0, "{receipt}");
    server.kill();
}

#[test]
fn hostile_payloads_stop_nothing() {
    let mut world = World::new(5);
    let server = serve(&world, &[]);
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
    post_some(&mut world, &server, 5);
    server.wait_until_absorbed();
    let receipt = server.get("/v1/views/sites?limit=1")["receipt"].clone();
    // The long one is an event like any other.
    assert_eq!(receipt["accepted"], world.expected_events() + 1, "{receipt}");
    assert_eq!(receipt["rejected"], 8, "{receipt}");
    assert_eq!(server.get("/healthz")["status"], "ok");
    server.interrupt();
}
