//! A running `anabranch dev`, to be asked, fed and killed.

use super::events::{Requests, Sites};
use super::{arg, command};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use ureq::Agent;

/// How long anything may take that happens by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    agent: Agent,
    log: PathBuf,
}

/// A test that fails leaves no server behind either.
impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Server {
    /// Starts one; its log goes to `log`.
    pub(crate) fn start(project: &Path, data: &Path, log: &Path, options: &[&str]) -> Server {
        let open = || File::options().create(true).append(true).open(log).unwrap();
        let mut arguments =
            vec!["dev", arg(project), "--data", arg(data), "--listen", "127.0.0.1:0"];
        arguments.extend(options);
        let mut child = command(&arguments).stdout(Stdio::piped()).stderr(open()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(url) = line.split_whitespace().find(|word| word.starts_with("http://")) else {
            panic!("the server does not serve: {line:?}; {}", std::fs::read_to_string(log).unwrap())
        };
        let config = Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(PATIENCE)).build().new_agent();
        Server { url: url.to_owned(), child, agent, log: log.to_owned() }
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(self) {}

    /// Ends it as Ctrl-C does, and returns how long that took.
    pub(crate) fn interrupt(mut self) -> Duration {
        let begun = Instant::now();
        let pid = self.child.id().to_string();
        assert!(
            std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success()
        );
        assert!(self.child.wait().unwrap().success());
        begun.elapsed()
    }

    /// The body of `GET path`.
    pub(crate) fn get(&self, path: &str) -> Value {
        let mut reply = self.agent.get(format!("{}{path}", self.url)).call().unwrap();
        let text = reply.body_mut().with_config().limit(u64::MAX).read_to_string().unwrap();
        assert_eq!(reply.status(), 200, "{path}: {text}\n{}", self.log());
        serde_json::from_str(&text).unwrap()
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Every row of the views `requests` and `sites`, and the receipt of the former.
    pub(crate) fn answers(&self) -> (Requests, Sites, Value) {
        let number = |value: &Value| value.as_i64().unwrap();
        let count = |value: &Value| value.as_u64().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let requests = self.get("/v1/views/requests?limit=1000000");
        let rows = requests["rows"].as_array().unwrap().iter();
        let by_request = rows
            .map(|row| (count(&row["request"]), (count(&row["events"]), number(&row["amount"]))))
            .collect();
        let sites = self.get("/v1/views/sites?limit=1000000");
        let rows = sites["rows"].as_array().unwrap().iter();
        let by_site = rows
            .map(|row| {
                let least = number(&row["least"]);
                let state =
                    (count(&row["events"]), number(&row["amount"]), least, count(&row["newest"]));
                ((text(&row["site"]), text(&row["minute"])), state)
            })
            .collect();
        (by_request, by_site, requests["receipt"].clone())
    }

    /// Waits until `holds` says so of the status.
    pub(crate) fn wait_for(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            let status = self.get("/v1/status");
            if holds(&status) {
                return;
            }
            assert!(Instant::now() < until, "not {what}: {status:#}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the speed layer has everything that the stream has.
    pub(crate) fn wait_until_absorbed(&self) {
        self.wait_for("absorbed", |status| {
            let shards = status["shards"].as_array().unwrap();
            shards.iter().filter(|shard| shard["kind"] == "stream").all(|shard| {
                let absorbed = shard["absorbed"].as_str().unwrap_or("0");
                shard["taken"].as_str().is_none_or(|taken| taken == absorbed)
            })
        });
    }
}

/// Posts events; whether the server has acknowledged them.
pub(crate) fn post(url: &str, body: &str) -> bool {
    let config = Agent::config_builder().http_status_as_error(false);
    let agent = config.timeout_global(Some(PATIENCE)).build().new_agent();
    let request = agent.post(format!("{url}/v1/events"));
    match request.content_type("application/x-ndjson").send(body.as_bytes()) {
        Ok(mut reply) => {
            // A reply that breaks off half-way says nothing.
            reply.status() == 200 && reply.body_mut().read_to_string().is_ok()
        }
        Err(_) => false,
    }
}
