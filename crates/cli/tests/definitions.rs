//! Changed views through the real command: the old definition serves on, killed or not, until the
//! new one is complete, and then nothing is left of it.

mod support;

use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use support::events;
use support::server::{Server, post};
use support::world::World;
use support::{anabranch, arg, text};

/// A server that builds batch versions every `batch_every`.
fn serve(world: &World, batch_every: &str) -> Server {
    world.serve(&["--epoch", "200ms", "--batch-every", batch_every])
}

fn post_some(world: &mut World, server: &Server, requests: u64) {
    for _ in 0..requests {
        let events = world.new_events(1, 50);
        assert!(post(&server.url, &events::body(&events)), "{}", server.log());
        world.expect(&events);
    }
}

/// Answers are complete and right.
#[track_caller]
fn check(world: &World, server: &Server, when: &str) {
    server.wait_until_absorbed();
    world.check(server, when);
}

/// Replaces `from` by `to` in a file of the project.
fn edit(world: &World, file: &str, from: &str, to: &str) {
    let path = world.path("project").join(file);
    let before = fs::read_to_string(&path).unwrap();
    let after = before.replace(from, to);
    assert_ne!(before, after, "{file} has {from}");
    fs::write(path, after).unwrap();
}

const VIEWS: &str = "views/all.sql";
/// A change of the view `sites` that leaves the columns that the tests look at as they are.
const OLD: &str = "max(request) AS newest";
const NEW: &str = "max(request) AS newest, avg(amount) AS mean";

fn receipt(server: &Server, view: &str, parameters: &str) -> Value {
    server.get(&format!("/v1/views/{view}?{parameters}"))["receipt"].clone()
}

/// The folders of batch views, by the view's name.
fn folders(world: &World, view: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(world.path("data/views")).unwrap();
    let paths = all.map(|entry| entry.unwrap().path());
    paths.filter(|path| arg(path).contains(&format!("/{view}-"))).collect()
}

fn wait_until_built(server: &Server) {
    server.wait_for("built", |status| {
        let views = status["views"].as_array().unwrap();
        views.iter().all(|view| view["version"].as_u64() >= Some(1))
    });
}

/// Waits until the status lists no superseded definition and every view has been taken over.
fn wait_until_retired(server: &Server) {
    server.wait_for("retired", |status| status["views"].as_array().unwrap().len() == 3);
}

fn wait_until_removed(world: &World, server: &Server, views: &[&str]) {
    server.wait_for("removed", |_| views.iter().all(|view| folders(world, view).len() == 1));
}

#[test]
fn a_changed_view_is_answered_by_its_old_definition_until_it_is_complete() {
    let mut world = World::new(11);
    let server = serve(&world, "300ms");
    post_some(&mut world, &server, 20);
    wait_until_built(&server);
    check(&world, &server, "before");
    let old = receipt(&server, "sites", "")["fingerprint"].clone();
    server.kill();

    edit(&world, VIEWS, OLD, NEW);
    // No version comes while nothing is built: the old definition must serve, also across kills.
    for round in 0..3 {
        let server = serve(&world, "1h");
        post_some(&mut world, &server, 10);
        check(&world, &server, &format!("during, round {round}"));
        let said = receipt(&server, "sites", "");
        let new = receipt(&server, "sites", "definition=current");
        if round == 0 && said["superseded_by"].is_null() {
            // The first build of the server came late enough to cover everything.
            assert_eq!(new["complete"], true, "{new}");
        }
        server.kill();
    }
    let server = serve(&world, "300ms");
    post_some(&mut world, &server, 10);
    wait_until_retired(&server);
    check(&world, &server, "after");
    let said = receipt(&server, "sites", "");
    assert_ne!(said["fingerprint"], old);
    assert_eq!(said["superseded_by"], Value::Null);
    wait_until_removed(&world, &server, &["sites"]);
    check(&world, &server, "at last");
    server.interrupt();
}

#[test]
fn another_schema_supersedes_every_view_with_its_count_of_records() {
    let mut world = World::new(12);
    let server = serve(&world, "300ms");
    post_some(&mut world, &server, 20);
    wait_until_built(&server);
    server.kill();

    edit(&world, "schema.sql", "amount BIGINT", "amount BIGINT, note VARCHAR");
    for round in 0..3 {
        let server = serve(&world, if round < 2 { "1h" } else { "300ms" });
        post_some(&mut world, &server, 10);
        check(&world, &server, &format!("round {round}"));
        let said = receipt(&server, "requests", "");
        assert_eq!(said["accepted"], world.expected_events(), "{said}");
        if round < 2 {
            server.kill();
            continue;
        }
        wait_until_retired(&server);
        wait_until_removed(&world, &server, &["sites", "requests", "anabranch_records"]);
        check(&world, &server, "after");
        let said = receipt(&server, "requests", "");
        assert_eq!(said["accepted"], world.expected_events(), "{said}");
        server.interrupt();
    }
}

/// By the command that prints it: the answer, and what it says on standard error.
fn query(world: &World, options: &[&str]) -> (Value, String) {
    let words = [&["query", "sites", "--format", "json"], options].concat();
    let words = world.words(&words);
    let output = anabranch(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(output.status.success(), "{words:?}: {output:?}");
    (serde_json::from_str(&text(&output.stdout)).unwrap(), text(&output.stderr))
}

/// Without a server: what is deployed, asked and built by the commands alone.
#[test]
fn commands_over_a_data_folder_deploy_answer_and_retire() {
    let mut world = World::new(13);
    let server = serve(&world, "300ms");
    post_some(&mut world, &server, 10);
    wait_until_built(&server);
    // Then something that is in no version yet.
    post_some(&mut world, &server, 3);
    server.wait_until_absorbed();
    server.kill();
    let events = |answer: &Value| {
        let rows = answer["rows"].as_array().unwrap().iter();
        rows.map(|row| row["events"].as_u64().unwrap()).sum::<u64>()
    };

    edit(&world, VIEWS, OLD, NEW);
    let (answer, log) = query(&world, &[]);
    let said = &answer["receipt"];
    assert_eq!(said["complete"], true, "{said}");
    assert!(said["superseded_by"].is_string(), "{said}");
    assert_eq!(events(&answer), world.expected_events());
    assert!(log.contains("superseded; serves on until the new one is complete"), "{log}");
    let (answer, log) = query(&world, &["--definition", "current"]);
    assert_eq!(answer["receipt"]["complete"], false, "{answer}");
    assert!(log.contains("warning: the answer is incomplete"), "{log}");
    // What only the new definition can be asked comes from it.
    let (answer, _) = query(&world, &["--measures", "mean"]);
    assert_eq!(answer["receipt"]["complete"], false, "{answer}");

    // Reading the records deploys nothing, and changing back before a build costs nothing.
    edit(&world, VIEWS, NEW, OLD);
    world.run(&["rejected"]);
    let (answer, _) = query(&world, &[]);
    assert_eq!(answer["receipt"]["complete"], true, "{answer}");
    assert_eq!(answer["receipt"]["superseded_by"], Value::Null);
    assert_eq!(events(&answer), world.expected_events());

    edit(&world, VIEWS, OLD, NEW);
    world.run(&["batch"]);
    let (answer, _) = query(&world, &["--measures", "mean,events"]);
    assert_eq!(answer["receipt"]["complete"], true, "{answer}");
    assert_eq!(answer["receipt"]["superseded_by"], Value::Null);
    assert_eq!(events(&answer), world.expected_events());
    assert_eq!(folders(&world, "sites").len(), 1);
}

/// A part of the old definition is broken: it is given up, and nothing else is.
#[test]
fn a_broken_old_definition_no_longer_serves_and_stops_nothing() {
    let mut world = World::new(14);
    let server = serve(&world, "300ms");
    post_some(&mut world, &server, 20);
    wait_until_built(&server);
    server.kill();
    let [folder] = &folders(&world, "sites")[..] else { panic!("one folder") };
    fs::write(folder.join("pointer.json"), "{").unwrap();

    edit(&world, VIEWS, OLD, NEW);
    let server = serve(&world, "300ms");
    post_some(&mut world, &server, 10);
    server.wait_for("complete", |_| receipt(&server, "sites", "limit=1")["complete"] == true);
    check(&world, &server, "without the old definition");
    assert!(server.log().contains("no longer serves"), "{}", server.log());
    assert_eq!(server.get("/healthz")["status"], "ok");
    server.interrupt();
}
