//! The function authorizer on AWS: `ANABRANCH_TOKENS_SECRET` is the ARN of the secret.

use anabranch_authorizer::{Authorizer, Request, Secret};
use aws_config::BehaviorVersion;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::json;
use std::io::Write;
use std::time::Instant;

const VARIABLE: &str = "ANABRANCH_TOKENS_SECRET";

/// A secret of Secrets Manager.
struct InSecretsManager {
    client: Client,
    arn: String,
}

impl Secret for InSecretsManager {
    async fn read(&self) -> Result<String, String> {
        let got = self.client.get_secret_value().secret_id(&self.arn).send().await;
        let got = got.map_err(|e| format!("secret {}: {}", self.arn, DisplayErrorContext(e)))?;
        got.secret_string.ok_or_else(|| format!("secret {}: it is not a text", self.arn))
    }
}

/// Nobody but the log learns why: API Gateway answers 500 and no more.
fn log(request_id: &str, reason: &str) {
    let message = "nobody can be let in";
    let line =
        json!({"level": "ERROR", "requestId": request_id, "message": message, "reason": reason});
    // If even this fails there is nobody left to be told.
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arn = std::env::var(VARIABLE).ok().filter(|arn| !arn.is_empty());
    let arn = arn.ok_or_else(|| format!("{VARIABLE} is not set: expected the ARN of a secret"))?;
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http);
    let client = Client::new(&loader.load().await);
    let authorizer = &Authorizer::new(InSecretsManager { client, arn });
    lambda_runtime::run(service_fn(|event: LambdaEvent<Request>| async move {
        let verdict = authorizer.authorize(&event.payload, Instant::now()).await;
        verdict.inspect_err(|reason| log(&event.context.request_id, reason))
    }))
    .await
}
