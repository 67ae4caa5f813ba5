//! A stream double: speaks as much of Kinesis as `PutRecords` takes, and fails as it is told to.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, mpsc};

/// What becomes of one request.
pub(crate) enum Outcome {
    /// Every second record is not taken.
    Half,
    /// Nothing is taken.
    Throttled,
    /// Everything is taken, and nobody is told.
    Lost,
    /// Refused for good.
    Refused,
}

#[derive(Default)]
pub(crate) struct Double {
    /// What the next requests come to, the last first; then everything is taken.
    outcomes: Mutex<Vec<Outcome>>,
    taken: Mutex<Vec<(String, String)>>,
    requests: Mutex<Vec<usize>>,
}

async fn put_records(State(double): State<Arc<Double>>, body: String) -> Response {
    let body: Value = serde_json::from_str(&body).unwrap();
    let records = body["Records"].as_array().unwrap();
    double.requests.lock().unwrap().push(records.len());
    let outcome = double.outcomes.lock().unwrap().pop();
    let takes = |at: usize| match outcome {
        None | Some(Outcome::Lost) => true,
        Some(Outcome::Half) => at.is_multiple_of(2),
        Some(Outcome::Throttled | Outcome::Refused) => false,
    };
    let mut results = Vec::new();
    for (at, record) in records.iter().enumerate() {
        if takes(at) {
            let text = |name: &str| record[name].as_str().unwrap().to_owned();
            let payload = base64_simd::STANDARD.decode_to_vec(text("Data")).unwrap();
            let payload = String::from_utf8(payload).unwrap();
            double.taken.lock().unwrap().push((text("PartitionKey"), payload));
            results.push(json!({"SequenceNumber": "1", "ShardId": "shardId-000000000000"}));
        } else {
            results.push(json!({"ErrorCode": "ProvisionedThroughputExceededException",
                                "ErrorMessage": "Rate exceeded for shard"}));
        }
    }
    match outcome {
        Some(Outcome::Lost) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Outcome::Refused) => {
            let body = json!({"__type": "ResourceNotFoundException", "message": "no such stream"});
            (StatusCode::BAD_REQUEST, body.to_string()).into_response()
        }
        _ => json!({"Records": results}).to_string().into_response(),
    }
}

impl Double {
    /// Serves on a port of its own for as long as the test process lives.
    pub(crate) fn serve(outcomes: Vec<Outcome>) -> (Arc<Double>, String) {
        let double = Arc::new(Double { outcomes: Mutex::new(outcomes), ..Double::default() });
        let router = Router::new().route("/", post(put_records)).with_state(Arc::clone(&double));
        let (ready, address) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        let url = format!("http://{}", address.recv().unwrap());
        (double, url)
    }

    /// The partition keys and payloads of what was taken.
    pub(crate) fn taken(&self) -> Vec<(String, String)> {
        self.taken.lock().unwrap().clone()
    }

    /// How many records each request had.
    pub(crate) fn requests(&self) -> Vec<usize> {
        self.requests.lock().unwrap().clone()
    }
}
