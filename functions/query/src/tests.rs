//! The handler over stores in memory.

use super::*;
use anabranch_core::pipeline::deploy::deploy;
use anabranch_core::sql::Source;
use anabranch_host::{Deadline, Level, Log};
use anabranch_stores::memory;
use serde_json::{Value, json};
use std::time::Duration;

type Tested = Query<memory::Master, memory::Speed, memory::Control, memory::Views>;

fn project(view: &str) -> Arc<Project> {
    let source = |name: &str, text: String| Source { name: name.to_owned(), text };
    let schema = "CREATE TABLE e (t TIMESTAMP(3)) WITH (format = 'json', event_time = 't')";
    let text = format!("CREATE MATERIALIZED VIEW {view} AS SELECT count(*) AS n FROM e");
    let views = [source("v.sql", text)];
    Arc::new(Project::compile(&source("schema.sql", schema.to_owned()), &views).unwrap())
}

fn function() -> Tested {
    let stores = Stores {
        master: memory::Master::default(),
        speed: memory::Speed::default(),
        control: memory::Control::default(),
        views: memory::Views::default(),
    };
    Query::new(stores, EpochLength::from_millis(10_000).unwrap(), project("bundled"))
}

async fn get(query: &Tested, method: &str, path: &str) -> (u64, Value) {
    let log = Log::to("query", Level::Error, |_| {});
    let invocation = Invocation { log, deadline: Deadline::within(Duration::from_secs(60)) };
    let event = json!({"rawPath": path, "requestContext": {"http": {"method": method}}});
    let reply = query.handle(&invocation, &event.to_string()).await.unwrap();
    let reply = serde_json::to_value(&reply).unwrap();
    let body = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
    (reply["statusCode"].as_u64().unwrap(), body)
}

#[tokio::test]
async fn what_is_deployed_is_what_is_answered() {
    let query = function();
    assert_eq!(get(&query, "GET", "/v1/views/bundled").await.0, 200);
    let Stores { speed, control, views, .. } = &*query.stores;
    for name in ["one", "two"] {
        deploy(&project(name), views, speed, control).await.unwrap();
        assert_eq!(get(&query, "GET", &format!("/v1/views/{name}")).await.0, 200, "{name}");
        assert_eq!(get(&query, "GET", "/v1/views/bundled").await.0, 404);
    }
}

#[tokio::test]
async fn events_are_not_taken_and_audits_not_run() {
    let query = function();
    assert_eq!(get(&query, "POST", "/v1/events").await.0, 404);
    let (status, problem) = get(&query, "GET", "/v1/audit").await;
    assert_eq!(status, 404);
    assert!(problem["detail"].as_str().unwrap().contains("anabranch audit"), "{problem}");
    assert_eq!(get(&query, "GET", "/v1/status").await.0, 200);
    assert_eq!(get(&query, "GET", "/healthz").await.0, 200);
}
