//! What the SDKs say, as the ports' errors: by what the caller can do about it.
//!
//! An adapter first takes out the replies that are answers: a condition that does not hold, an
//! object that is not there. What comes here has been tried several times by the SDK already.

use anabranch_core::port::Error;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// Codes that say "later" with a status that does not.
const LATER: [&str; 9] = [
    "ConditionalRequestConflict",
    "LimitExceededException",
    "KMSThrottlingException",
    "OperationAborted",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "Throttling",
    "ThrottlingException",
];

/// A failed call about `object`.
pub(super) fn failed<E>(object: impl ToString, error: &SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let later = match error {
        SdkError::ServiceError(reply) => {
            let status = reply.raw().status().as_u16();
            status >= 500 || status == 429 || reply.err().code().is_some_and(|c| LATER.contains(&c))
        }
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
        SdkError::DispatchFailure(failure) => !failure.is_user(),
        _ => false,
    };
    let object = object.to_string();
    let reason = match error {
        SdkError::ServiceError(reply) => {
            let error = reply.err();
            let code = error.code().unwrap_or("an error without a code");
            match error.message() {
                Some(message) => format!("{code}: {message}"),
                None => format!("{code}, status {}", reply.raw().status().as_u16()),
            }
        }
        error => DisplayErrorContext(error).to_string(),
    };
    if later { Error::Unavailable { object, reason } } else { Error::Refused { object, reason } }
}
