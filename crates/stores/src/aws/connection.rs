//! What every adapter needs of AWS: credentials, a region, a client for HTTP, and a runtime.
//!
//! Region and credentials are found as every tool of AWS's finds them: the environment, profiles,
//! the role of a function or machine. Nothing is read from the environment anywhere else.

use super::runtime::Runtime;
use anabranch_core::port::{Error, Result};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use std::time::Duration;

/// How often a call is tried before it fails: with the SDK's backoff some seconds in all.
const ATTEMPTS: u32 = 6;
/// After this long without a byte a reply is given up, and asked for again.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// What a connection is opened with. What is `None` is found in the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The region.
    pub region: Option<String>,
    /// The URL of a server that stands in for AWS, such as an emulator.
    pub endpoint: Option<String>,
}

/// A way to AWS, shared by the adapters that are made of it.
#[derive(Debug, Clone)]
pub struct Connection {
    sdk: SdkConfig,
    runtime: Runtime,
}

impl Connection {
    /// Opens a connection on the tokio runtime that the caller is in, which drives it from then on.
    ///
    /// # Errors
    /// [`Error::Refused`] if there is no such runtime, or it has only the caller's thread, or no
    /// region can be found.
    pub async fn open(options: Options) -> Result<Self> {
        let runtime = Runtime::current()?;
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(TimeoutConfig::builder().read_timeout(READ_TIMEOUT).build());
        if let Some(region) = options.region {
            loader = loader.region(Region::new(region));
        }
        if let Some(endpoint) = options.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let sdk = loader.load().await;
        if sdk.region().is_none() {
            return Err(Error::Refused {
                object: "AWS".to_owned(),
                reason: "no region: set AWS_REGION".to_owned(),
            });
        }
        Ok(Connection { sdk, runtime })
    }

    pub(super) fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    pub(super) fn runtime(&self) -> Runtime {
        self.runtime.clone()
    }

    /// A client of DynamoDB that, when throttled, slows down by as much as the table asks for. A
    /// table's own clients alone share the pace, so that one that is throttled slows no other.
    pub(super) fn dynamo_db(&self) -> aws_sdk_dynamodb::Client {
        let retry = RetryConfig::adaptive().with_max_attempts(ATTEMPTS);
        let config = aws_sdk_dynamodb::config::Builder::from(&self.sdk).retry_config(retry);
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// A client of S3. What stands in for AWS has no names of its own for buckets.
    pub(super) fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.sdk)
            .force_path_style(self.sdk.endpoint_url().is_some());
        aws_sdk_s3::Client::from_conf(config.build())
    }
}
