//! An emulator of AWS, and what a test makes there: as much of the services' own protocol as that
//! takes.

use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

/// Tells what one fixture made from what another did.
static FIXTURES: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Emulator {
    pub(crate) url: String,
}

impl Emulator {
    /// The one that the environment names.
    pub(crate) fn of_environment() -> Self {
        let url = std::env::var("ANABRANCH_MINISTACK").unwrap_or_else(|_| {
            panic!("ANABRANCH_MINISTACK is not set: `make aws-stores` starts an emulator and runs these tests")
        });
        Emulator { url }
    }

    /// A name that nothing else of any run has.
    pub(crate) fn fresh_name(kind: &str) -> String {
        let number = FIXTURES.fetch_add(1, Ordering::Relaxed);
        format!("{kind}-{}-{number}", std::process::id())
    }

    /// Calls an action of a service that speaks JSON.
    pub(crate) fn call(&self, service: &str, target: &str, body: &Value) -> Value {
        let reply = ureq::post(&self.url)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .header("authorization", authorization(service))
            .send(body.to_string());
        let mut reply = reply.unwrap_or_else(|error| panic!("{target}: {error}"));
        let text = reply.body_mut().read_to_string().unwrap();
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
    }

    /// A new table, keyed as the stack's are.
    pub(crate) fn create_table(&self, kind: &str, sort_key: &str) -> String {
        let name = Self::fresh_name(kind);
        let body = json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": sort_key},
            ],
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        });
        self.call("dynamodb", "DynamoDB_20120810.CreateTable", &body);
        name
    }

    /// A new bucket.
    pub(crate) fn create_bucket(&self, kind: &str) -> String {
        let name = Self::fresh_name(kind);
        let put =
            ureq::put(format!("{}/{name}", self.url)).header("authorization", authorization("s3"));
        put.send_empty().unwrap_or_else(|error| panic!("bucket {name}: {error}"));
        name
    }

    /// Removes the one object of a bucket whose key has `part` in it.
    pub(crate) fn delete_object(&self, bucket: &str, part: &str) {
        let url = format!("{}/{bucket}", self.url);
        let list =
            ureq::get(format!("{url}?list-type=2")).header("authorization", authorization("s3"));
        let list = list.call().unwrap().body_mut().read_to_string().unwrap();
        let keys = list.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        let keys: Vec<&str> = keys.filter(|key| key.contains(part)).collect();
        assert_eq!(keys.len(), 1, "{list}");
        let delete =
            ureq::delete(format!("{url}/{}", keys[0])).header("authorization", authorization("s3"));
        delete.call().unwrap();
    }

    fn kinesis(&self, action: &str, body: &Value) -> Value {
        self.call("kinesis", &format!("Kinesis_20131202.{action}"), body)
    }

    /// A new stream, once it is active.
    pub(crate) fn create_stream(&self, shards: usize) -> String {
        let name = Self::fresh_name("events");
        self.kinesis("CreateStream", &json!({"StreamName": name, "ShardCount": shards}));
        while self.shards(&name).len() < shards {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        name
    }

    fn shards(&self, stream: &str) -> Vec<String> {
        let reply = self.kinesis("ListShards", &json!({"StreamName": stream}));
        let shards = reply["Shards"].as_array().cloned().unwrap_or_default();
        shards.iter().map(|shard| shard["ShardId"].as_str().unwrap().to_owned()).collect()
    }

    /// The payloads of every record of every shard.
    pub(crate) fn payloads(&self, stream: &str) -> Vec<Vec<String>> {
        let read = |shard: &String| {
            let start = json!({"StreamName": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
            let mut iterator = self.kinesis("GetShardIterator", &start)["ShardIterator"].clone();
            let mut payloads = Vec::new();
            loop {
                let page = self.kinesis("GetRecords", &json!({"ShardIterator": iterator}));
                for record in page["Records"].as_array().unwrap() {
                    let data = record["Data"].as_str().unwrap();
                    let data = base64_simd::STANDARD.decode_to_vec(data).unwrap();
                    payloads.push(String::from_utf8(data).unwrap());
                }
                iterator = page["NextShardIterator"].clone();
                if page["MillisBehindLatest"] == 0 || iterator.is_null() {
                    return payloads;
                }
            }
        };
        self.shards(stream).iter().map(read).collect()
    }
}

/// Which service is meant; nobody checks the signature.
fn authorization(service: &str) -> String {
    let scope = format!("test/20260101/us-east-1/{service}/aws4_request");
    format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")
}
