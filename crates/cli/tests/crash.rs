//! The server is killed at random points, again and again, and must neither lose nor double an
//! event.
//!
//! Several producers post numbered requests all the time, a reader watches, and `kill -9` comes when
//! it comes: in the middle of a commit, an archive, an absorption, a batch version. After each
//! restart the answers are compared with a plain loop over what was acknowledged. A request that was
//! under way when the server died may be in or not, but only as a whole.

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::events::{self, Event, Requests, Sites};
use support::server::{PATIENCE, Server, post};
use support::{Random, arg, succeeds};

const OPTIONS: [&str; 6] = ["--epoch", "300ms", "--batch-every", "400ms", "--shards", "2"];
const KILLS: u64 = 8;
const PRODUCERS: u64 = 6;

/// Every request ever posted, with what became of it.
#[derive(Default)]
struct Posted {
    requests: Mutex<BTreeMap<u64, (Vec<Event>, bool)>>,
    next: AtomicU64,
}

impl Posted {
    /// Posts requests until the server is gone.
    fn produce(&self, url: &str, seed: u64) {
        let mut random = Random(seed);
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let events = events::request(&mut random, number, 200);
            // Noted before it is posted: the server may have it without us hearing so.
            self.requests.lock().unwrap().insert(number, (events.clone(), false));
            if !post(url, &events::body(&events)) {
                return;
            }
            self.requests.lock().unwrap().get_mut(&number).unwrap().1 = true;
            if random.below(16) == 0 {
                std::thread::sleep(Duration::from_millis(random.below(40)));
            }
        }
    }

    /// What the views must say, given which of the requests without an answer are in.
    fn expected(&self, found: &Requests) -> (Requests, Sites) {
        let (mut requests, mut sites) = (Requests::new(), Sites::new());
        for (number, (events, acknowledged)) in &*self.requests.lock().unwrap() {
            if *acknowledged || found.contains_key(number) {
                events.iter().for_each(|event| events::add(&mut requests, &mut sites, event));
            }
        }
        (requests, sites)
    }

    #[track_caller]
    fn check(&self, (requests, sites, receipt): (Requests, Sites, Value), when: &str) {
        let (expected_requests, expected_sites) = self.expected(&requests);
        for (number, expected) in &expected_requests {
            assert_eq!(requests.get(number), Some(expected), "request {number}, {when}: {receipt}");
        }
        assert_eq!(requests.len(), expected_requests.len(), "{when}: {receipt}");
        assert!(sites == expected_sites, "sites differ, {when}: {receipt}");
        assert_eq!(receipt["complete"], true, "{when}: {receipt}");
        let events: u64 = requests.values().map(|(events, _)| events).sum();
        assert_eq!(receipt["accepted"], events, "{when}: {receipt}");
        assert_eq!(receipt["rejected"], 0, "{when}: {receipt}");
    }
}

/// Asks for the total all the time: it must never fall, whatever takes over from whatever.
fn watch(url: &str, least: &AtomicU64, stop: &AtomicBool) {
    let agent = ureq::Agent::new_with_defaults();
    let total = || -> Option<u64> {
        let url = format!("{url}/v1/views/sites?every=all&group_by=&measures=events");
        let text = agent.get(&url).call().ok()?.body_mut().read_to_string().ok()?;
        let answer: Value = serde_json::from_str(&text).ok()?;
        assert_eq!(answer["receipt"]["complete"], true, "{answer}");
        Some(answer["rows"][0]["events"].as_u64().unwrap_or(0))
    };
    while !stop.load(Ordering::Relaxed) {
        let before = least.load(Ordering::Relaxed);
        let Some(now) = total() else { return };
        assert!(now >= before, "an answer fell from {before} to {now} events");
        least.fetch_max(now, Ordering::Relaxed);
    }
}

/// Runs a server under load for a while, and kills it.
fn run_and_kill(server: Server, posted: &Posted, random: &mut Random) {
    let lifetime = Duration::from_millis(100 + random.below(1_000));
    let (least, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let url = server.url.clone();
    std::thread::scope(|scope| {
        for _ in 0..PRODUCERS {
            let (url, seed) = (&url, random.next());
            scope.spawn(move || posted.produce(url, seed));
        }
        scope.spawn(|| watch(&url, &least, &stop));
        std::thread::sleep(lifetime);
        server.kill();
        stop.store(true, Ordering::Relaxed);
    });
}

fn survives(seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (project, data, log) = (path("project"), path("data"), path("log"));
    events::write_project(&project);
    let start = || Server::start(&project, &data, &log, &OPTIONS);
    let posted = Arc::new(Posted::default());
    let mut random = Random(seed);
    for kill in 1..=KILLS {
        run_and_kill(start(), &posted, &mut random);
        let server = start();
        server.wait_until_absorbed();
        posted.check(server.answers(), &format!("seed {seed}, after kill {kill}"));
        // Half of the time the next kill finds the new server still busy with the past.
        if random.below(2) == 0 {
            server.kill();
        } else {
            assert!(server.interrupt() < PATIENCE);
        }
    }

    let server = start();
    server.wait_until_absorbed();
    wait_until_idle(&server, &data);
    posted.check(server.answers(), &format!("seed {seed}, at rest"));
    server.interrupt();
    check_versions(&posted, &project, &data);

    let server = start();
    posted.check(server.answers(), &format!("seed {seed}, after a full build"));
    server.kill();
}

/// At rest the versions cover every event, so that a batch run finds nothing to do; and a full one
/// comes to the same.
fn check_versions(posted: &Posted, project: &Path, data: &Path) {
    let requests = posted.requests.lock().unwrap();
    let acknowledged: usize =
        requests.values().filter(|(_, done)| *done).map(|(events, _)| events.len()).sum();
    let batch = |options: &[&str]| {
        let arguments = ["batch", arg(project), "--data", arg(data), "--format", "json"];
        let printed = succeeds(&[&arguments[..], options].concat());
        let versions: Vec<Value> = serde_json::from_str(&printed).unwrap();
        assert_eq!(versions.len(), 3);
        versions
    };
    let at_rest = batch(&[]);
    for version in &at_rest {
        assert_eq!(version["build"], "up to date", "{version}");
        assert!(version["records"].as_u64().unwrap() >= acknowledged as u64, "{version}");
    }
    for (before, full) in at_rest.iter().zip(batch(&["--full"])) {
        assert_eq!(full["build"], "new", "{full}");
        assert_eq!(full["records"], before["records"], "{full}");
        assert_eq!(full["rows"], before["rows"], "{full}");
    }
}

/// Waits until the server writes nothing any more, which it must come to when nothing happens.
fn wait_until_idle(server: &Server, data: &Path) {
    let objects = || {
        let mut count = 0;
        let mut folders = vec![data.join("raw")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { count += 1 }
            }
        }
        count
    };
    let state = || (objects(), server.get("/v1/status")["views"].clone());
    // What the restart has caused comes to rest.
    let until = Instant::now() + PATIENCE;
    let mut before = state();
    loop {
        std::thread::sleep(Duration::from_millis(1_500));
        let now = state();
        if now == before {
            return;
        }
        assert!(Instant::now() < until, "an idle server goes on writing: {before:?} {now:?}");
        before = now;
    }
}

#[test]
fn killed_at_random_nothing_is_lost_or_doubled_seed_1() {
    survives(1);
}

#[test]
fn killed_at_random_nothing_is_lost_or_doubled_seed_2() {
    survives(2);
}

#[test]
fn killed_at_random_nothing_is_lost_or_doubled_seed_3() {
    survives(3);
}
