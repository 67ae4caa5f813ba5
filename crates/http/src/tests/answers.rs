//! `GET`: views, answers, schema, status.

use super::*;
use serde_json::json;

/// A deployment with orders of two sites on the night when clocks change in Paris.
async fn shops() -> Client {
    let client = Client::new();
    let order = |at: &str, site: &str, os: &str, amount: &str| {
        format!(r#"{{"at":"{at}","site":"{site}","device":{{"os":"{os}"}},"amount":{amount}}}"#)
    };
    let body = [
        order("2026-03-28T22:59:00Z", "a", "mac", "0.10"),
        order("2026-03-28T23:10:00Z", "a", "mac", "0.20"),
        order("2026-03-29T21:50:00Z", "a", "linux", "99999999.99"),
        order("2026-03-29T22:00:00Z", "b b", "mac", "1"),
    ];
    let reply = client.post("application/x-ndjson", body.join("\n")).await;
    assert_eq!(reply.json()["accepted"], 4);
    client
}

#[tokio::test]
async fn an_answer_is_the_same_before_and_after_a_version_takes_over() {
    let client = shops().await;
    let path = "/v1/views/sales?where=site%3Da&group_by=site&every=all";
    let rows = json!([{"site": "a", "orders": 3, "revenue": 100000000.29, "average": 33333333.43}]);
    let before = client.get(path).await;
    assert_eq!(before.status, StatusCode::OK);
    assert_eq!(before.headers[header::CONTENT_TYPE], "application/json");
    assert!(before.text.contains("\"revenue\":100000000.29,"), "{}", before.text);
    let before = before.json();
    assert_eq!(before["rows"], rows);
    assert_eq!([&before["receipt"]["version"], &before["receipt"]["accepted"]], [0, 4]);
    client.deployment.build();
    let after = client.get(path).await.json();
    assert_eq!(after["rows"], rows);
    assert_eq!([&after["receipt"]["version"], &after["receipt"]["accepted"]], [1, 4]);
    assert_eq!(after["receipt"]["complete"], true);
    assert_eq!(after["receipt"]["horizon_time"], "2026-02-02T02:41:00.000Z");
    assert_eq!(after["receipt"]["newest_arrival_time"], "2026-02-02T02:41:00.000Z");
}

#[tokio::test]
async fn days_of_a_zone_are_written_in_it() {
    let client = shops().await;
    let answer = client
        .get("/v1/views/sales?every=1d&tz=Europe%2FParis&group_by=&measures=orders&order_by=hour")
        .await
        .json();
    let columns = json!([
        {"name": "hour", "type": "TIMESTAMP(0)"}, {"name": "orders", "type": "BIGINT"}
    ]);
    assert_eq!(answer["columns"], columns);
    assert_eq!(
        answer["rows"],
        json!([
            {"hour": "2026-03-28T00:00:00+01:00", "orders": 1},
            {"hour": "2026-03-29T00:00:00+01:00", "orders": 2},
            {"hour": "2026-03-30T00:00:00+02:00", "orders": 1},
        ])
    );
}

#[tokio::test]
async fn conditions_repeat_and_are_decoded() {
    let client = shops().await;
    let orders = async |query: &str| {
        let answer = client.get(&format!("/v1/views/totals?{query}")).await.json();
        let rows = answer["rows"].as_array().unwrap().clone();
        rows.iter().map(|row| row["orders"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(orders("where=site=a&where=site=b+b").await, [3, 1]);
    assert_eq!(orders("where=site%3Db%20b").await, [1]);
    assert_eq!(orders("where=site=none").await, [0_u64; 0]);
    assert_eq!(orders("order_by=-orders&limit=1").await, [3]);
    assert_eq!(orders("order_by=orders&limit=1").await, [1]);
}

#[tokio::test]
async fn a_limit_that_leaves_rows_out_is_told() {
    let client = shops().await;
    for (limit, truncated) in [(1, true), (2, false), (3, false)] {
        let answer = client.get(&format!("/v1/views/totals?limit={limit}")).await.json();
        assert_eq!(answer["truncated"], truncated, "limit {limit}");
    }
}

#[tokio::test]
async fn views_are_listed_with_their_columns() {
    let list = Client::new().get("/v1/views").await.json();
    let names: Vec<_> = list["views"].as_array().unwrap().iter().map(|v| &v["name"]).collect();
    assert_eq!(names, ["sales", "totals", "anabranch_records"]);
    let sales = &list["views"][0];
    assert_eq!(sales["bucket"], json!({"name": "hour", "width": "1h"}));
    assert_eq!(sales["fingerprint"].as_str().unwrap().len(), 32);
    assert!(!sales["plan"].as_str().unwrap().is_empty());
    assert_eq!(
        sales["columns"][2],
        json!({"name": "hour", "type": "TIMESTAMP(0)", "role": "bucket", "exact": true})
    );
    let roles: Vec<_> = sales["columns"].as_array().unwrap().iter().map(|c| &c["role"]).collect();
    assert_eq!(roles, ["key", "key", "bucket", "measure", "measure", "measure"]);
    assert_eq!(list["views"][1]["bucket"], Value::Null);
}

#[tokio::test]
async fn the_schema_names_every_leaf() {
    let schema = Client::new().get("/v1/schema").await.json();
    let column =
        |name: &str, path: &[&str], ty: &str| json!({"name": name, "path": path, "type": ty});
    assert_eq!(
        schema,
        json!({
            "table": "orders", "event_time": "at", "timestamp_format": "iso8601",
            "columns": [
                column("at", &["at"], "TIMESTAMP(0)"),
                column("site", &["site"], "VARCHAR"),
                column("amount", &["amount"], "DECIMAL(12,2)"),
                column("device.os", &["device", "os"], "VARCHAR"),
                column("device.width", &["device", "width"], "BIGINT"),
            ],
        })
    );
}

#[tokio::test]
async fn the_status_tells_how_far_each_layer_is() {
    let client = shops().await;
    client.deployment.build();
    let status = client.get("/v1/status").await.json();
    assert_eq!(status["epoch_length_ms"], 60_000);
    assert_eq!(status["sealed"], 29_500_001);
    assert_eq!(status["sealed_time"], "2026-02-02T02:41:00.000Z");
    assert_eq!(
        status["shards"],
        json!([{
            "shard": "shard-0000", "kind": "stream", "closed": null,
            "archived": "5", "archived_epoch": 29_500_001,
            "absorbed": "5", "absorbed_epoch": 29_500_001,
            "newest_arrival_time": "2026-02-02T02:41:00.000Z",
        }])
    );
    assert_eq!(status["views"][0]["view"], "sales");
    assert_eq!(status["views"][0]["version"], 1);
    assert_eq!(status["views"][0]["horizon_time"], "2026-02-02T02:41:00.000Z");
}

#[tokio::test]
async fn the_server_says_that_it_is_there() {
    let reply = Client::new().get("/healthz").await;
    assert_eq!((reply.status, reply.json()), (StatusCode::OK, json!({"status": "ok"})));
}

#[tokio::test]
async fn the_server_says_what_does_not_work() {
    let client = Client::new();
    assert_eq!(client.get("/v1/status").await.json()["failing"], json!([]));
    let error = anabranch_core::port::Error::corrupt("object 7", "bad magic");
    client.deployment.fail(error);
    let reply = client.get("/healthz").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    let failing = json!([{
        "part": "everything", "since": "2026-01-31T12:00:00.000Z", "attempts": 3,
        "error": "object 7: corrupt: bad magic",
    }]);
    assert_eq!(reply.json(), json!({"status": "failing", "failing": failing}));
}
