//! A project and its data in a folder of their own, and what should be in them.

use super::events::{self, Event, Requests, Sites};
use super::server::Server;
use super::{Random, arg, succeeds};
use std::fs;
use std::path::PathBuf;

pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) random: Random,
    next: u64,
    pub(crate) expected: (Requests, Sites),
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        let folder = tempfile::tempdir().unwrap();
        events::write_project(&folder.path().join("project"));
        let expected = (Requests::new(), Sites::new());
        World { folder, random: Random(seed), next: 1, expected }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `COMMAND project OTHER WORDS --data data`
    pub(crate) fn words(&self, words: &[&str]) -> Vec<String> {
        let (project, data) = (self.path("project"), self.path("data"));
        let all = [&words[..1], &[arg(&project)], &words[1..], &["--data", arg(&data)]].concat();
        all.into_iter().map(str::to_owned).collect()
    }

    /// Runs a command over the project and its data.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> String {
        let words = self.words(words);
        succeeds(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// A server over the project and its data.
    pub(crate) fn serve(&self, options: &[&str]) -> Server {
        Server::start(&self.path("project"), &self.path("data"), &self.path("log"), options)
    }

    /// Events of new requests, up to `most` each.
    pub(crate) fn new_events(&mut self, requests: u64, most: u64) -> Vec<Event> {
        let mut all = Vec::new();
        for _ in 0..requests {
            all.extend(events::request(&mut self.random, self.next, most));
            self.next += 1;
        }
        all
    }

    /// A file of new events. They count once it has been imported.
    pub(crate) fn new_file(&mut self, name: &str, requests: u64) -> (PathBuf, Vec<Event>) {
        let events = self.new_events(requests, 400);
        let path = self.path(name);
        fs::write(&path, events::body(&events)).unwrap();
        (path, events)
    }

    /// From here on these events count.
    pub(crate) fn expect(&mut self, events: &[Event]) {
        for event in events {
            events::add(&mut self.expected.0, &mut self.expected.1, event);
        }
    }

    /// How many events count.
    pub(crate) fn expected_events(&self) -> u64 {
        self.expected.0.values().map(|(events, _)| events).sum()
    }

    /// Checks every row of a server's answers.
    #[track_caller]
    pub(crate) fn check(&self, server: &Server, when: &str) {
        let (requests, sites, receipt) = server.answers();
        assert!(requests == self.expected.0, "{when}: {receipt}");
        assert!(sites == self.expected.1, "{when}: {receipt}");
        assert_eq!(receipt["complete"], true, "{when}: {receipt}");
    }
}
