//! Files go to a running server, and the same question gets the same answer from the server, from
//! its data folder once it has stopped, and in every format.

mod support;

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use support::server::Server;
use support::{anabranch, arg, command, fails, succeeds, text};

const SCHEMA: &str = "
CREATE TABLE orders (
  at TIMESTAMP(0), shop VARCHAR, amount DECIMAL(12,2), paid BOOLEAN, device STRUCT<os VARCHAR>
) WITH (format = 'json', event_time = 'at');";

const VIEWS: &str = "
CREATE MATERIALIZED VIEW sales AS
SELECT shop, device.os AS os, date_trunc('hour', at) AS hour, count(*) AS orders,
       sum(amount) AS revenue, count_if(paid) AS paid
FROM orders GROUP BY 1, 2, 3;";

const LINES: &str = r#"{"at":"2026-03-28T22:30:00Z","shop":"A & B","amount":0.10,"paid":true}
{"at":"2026-03-28T23:00:00Z","shop":"A & B","amount":9999999999.99,"device":{"os":"mac"}}

not an event
{"at":"2026-03-29T22:00:00Z","shop":"A & B","amount":0.20,"paid":false,"device":{"os":"mac"}}"#;

const TABLE: &str = "\
at,shop,amount,paid,device.os
2026-03-29 10:00:00,\"C, D\",1.5,t,linux
2026-03-29 11:00:00,\"C, D\",-2,0,
2026-03-29 12:00:00,\"C, D\",much,0,
";

/// A project's folder, its data, and a log.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("views")).unwrap();
        std::fs::write(folder.path().join("schema.sql"), SCHEMA).unwrap();
        std::fs::write(folder.path().join("views/views.sql"), VIEWS).unwrap();
        Place { folder }
    }

    fn project(&self) -> &Path {
        self.folder.path()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn serve(&self, options: &[&str]) -> Server {
        Server::start(self.project(), &self.path("data"), &self.path("log"), options)
    }
}

/// The rows of an answer as they are written, a line each.
fn rows(answer: &str) -> &str {
    let start = answer.find("\"rows\":").unwrap();
    &answer[start..answer.find("\"truncated\"").unwrap()]
}

#[test]
fn a_question_has_one_answer_wherever_it_is_asked() {
    let place = Place::new();
    let server = place.serve(&["--epoch", "300ms", "--batch-every", "400ms"]);
    let lines = place.write("orders.ndjson", LINES);
    let table = place.write("orders.csv", TABLE);
    let produced = anabranch(&["produce", arg(&lines), arg(&table), "--to", &server.url]);
    assert_eq!(produced.status.code(), Some(3), "{produced:?}");
    let summary = text(&produced.stdout);
    assert!(summary.contains("sent 7 events") && summary.contains("2 rejected"), "{summary}");
    assert!(summary.contains("invalid_json") && summary.contains("not an event"), "{summary}");
    assert!(summary.contains("wrong_type") && summary.contains("much"), "{summary}");
    server.wait_until_absorbed();

    let question = ["--tz", "Europe/Paris", "--every", "1d", "--group-by", "shop"];
    let ask = |options: &[&str]| succeeds(&[&["query"][..], options, &question].concat());
    let url = server.url.clone();
    let remote = ["sales", "--url", &url];
    let json = ask(&[&remote[..], &["--format", "json"]].concat());
    assert_eq!(
        rows(&json),
        r#""rows":[
{"shop":"A & B","hour":"2026-03-28T00:00:00+01:00","orders":1,"revenue":0.10,"paid":1},
{"shop":"A & B","hour":"2026-03-29T00:00:00+01:00","orders":1,"revenue":9999999999.99,"paid":0},
{"shop":"A & B","hour":"2026-03-30T00:00:00+02:00","orders":1,"revenue":0.20,"paid":0},
{"shop":"C, D","hour":"2026-03-29T00:00:00+01:00","orders":2,"revenue":-0.50,"paid":1}],
"#
    );
    let receipt = &serde_json::from_str::<Value>(&json).unwrap()["receipt"];
    assert_eq!([&receipt["accepted"], &receipt["rejected"]], [5, 2]);
    let csv = "\
shop,hour,orders,revenue,paid
A & B,2026-03-28T00:00:00+01:00,1,0.10,1
A & B,2026-03-29T00:00:00+01:00,1,9999999999.99,0
A & B,2026-03-30T00:00:00+02:00,1,0.20,0
\"C, D\",2026-03-29T00:00:00+01:00,2,-0.50,1
";
    assert_eq!(ask(&[&remote[..], &["--format", "csv"]].concat()), csv);
    let people = ask(&remote);
    assert!(people.contains("\nA & B  2026-03-28T00:00:00+01:00       1           0.10     1\n"));
    assert!(people.contains("4 rows of sales, complete"), "{people}");

    server.wait_for("in a batch version", |status| status["views"][0]["horizon"] != 0);
    let after = ask(&[&remote[..], &["--format", "json"]].concat());
    assert_eq!(rows(&after), rows(&json));
    server.interrupt();
    let data = place.path("data");
    let local = [arg(place.project()), "--data", arg(&data), "sales"];
    let stopped = ask(&[&local[..], &["--format", "json"]].concat());
    assert_eq!(rows(&stopped), rows(&json));
    assert_eq!(ask(&[&local[..], &["--format", "csv"]].concat()), csv);
}

#[test]
fn conditions_and_order_reach_the_server_as_they_are() {
    let place = Place::new();
    let server = place.serve(&[]);
    let mut produce = command(&["produce", "-", "--to", &server.url, "--rate", "1000"]);
    let mut child = produce.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(LINES.as_bytes()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    server.wait_until_absorbed();
    let ask = |options: &[&str]| {
        let base = ["query", "sales", "--url", &server.url, "--format", "csv"];
        succeeds(&[&base[..], options].concat())
    };
    let options = ["--where", "shop=A & B", "--where", "os is null", "--measures", "orders"];
    assert_eq!(ask(&options), "shop,os,hour,orders\nA & B,,2026-03-28T22:00:00Z,1\n");
    let options = ["--order-by", "-revenue", "--limit", "1", "--every", "all", "--group-by", ""];
    assert_eq!(ask(&options), "orders,revenue,paid\n3,10000000000.29,1\n");
    let options =
        ["--from", "2026-03-29T00:00:00+01:00", "--to", "2026-03-29", "--measures", "paid"];
    assert_eq!(ask(&options), "shop,os,hour,paid\nA & B,mac,2026-03-28T23:00:00Z,0\n");
}

#[test]
fn a_wrong_question_is_told_in_the_same_words_by_server_and_folder() {
    let place = Place::new();
    let server = place.serve(&[]);
    let data = place.path("data");
    let ask = |view: &str, options: &[&str]| {
        let remote = ["query", view, "--url", &server.url];
        let local = ["query", arg(place.project()), view, "--data", arg(&data)];
        let remote = fails(2, &[&remote[..], options].concat());
        assert_eq!(fails(2, &[&local[..], options].concat()), remote);
        remote
    };
    assert_eq!(
        ask("sails", &[]),
        "error: there is no view `sails`; there are sales, anabranch_records\n"
    );
    assert_eq!(
        ask("sales", &["--group-by", "shop,city"]),
        "error: --group-by: view sales has no key column `city`; its key columns: shop, os\n"
    );
    assert!(ask("sales", &["--order-by", "-price"]).starts_with("error: --order-by: "));
    // The folder is the server's for as long as it runs.
    let busy = fails(1, &["query", arg(place.project()), "sales", "--data", arg(&data)]);
    assert!(busy.contains("--url"), "{busy}");
}
