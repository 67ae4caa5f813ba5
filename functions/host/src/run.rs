//! Running under Lambda: the settings once, and then an invocation after the other.

use crate::deadline::Deadline;
use crate::environment::Environment;
use crate::log::Log;
use crate::settings;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An error of any kind, for Lambda to show.
pub type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// What an invocation comes with, beside its event.
pub struct Invocation {
    /// Where it logs.
    pub log: Log,
    /// When it has to stop.
    pub deadline: Deadline,
}

impl Invocation {
    /// That of an invocation which Lambda has described.
    pub fn new(log: &Log, context: &lambda_runtime::Context) -> Self {
        let left = context.deadline.saturating_sub(u64::try_from(now_ms()).unwrap_or(0));
        let deadline = Deadline::within(Duration::from_millis(left));
        Invocation { log: log.of_request(&context.request_id), deadline }
    }
}

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A function's main: reads the least level of its log, and runs `start` to its end, which comes
/// when something fails that no invocation can mend.
pub fn main<F, E>(name: &'static str, start: impl FnOnce(Log) -> F) -> ExitCode
where
    F: Future<Output = Result<(), E>>,
    E: Into<AnyError>,
{
    let mut environment = Environment::of_process();
    let level = settings::log_level(&mut environment);
    let log = Log::new(name, level);
    let run = || -> Result<(), AnyError> {
        environment.check(Some(()))?;
        // The stores need a runtime with threads of its own.
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(start(log.clone())).map_err(Into::into)
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.error("the function cannot run", json!({"reason": error.to_string()}));
            ExitCode::FAILURE
        }
    }
}

/// Takes invocations from Lambda and hands them to `handle` with the event as it came.
///
/// # Errors
/// If Lambda cannot be reached any more.
pub async fn serve<R, F, E>(
    log: &Log,
    handle: impl Fn(Invocation, Box<RawValue>) -> F,
) -> Result<(), AnyError>
where
    R: Serialize,
    F: Future<Output = Result<R, E>>,
    E: std::fmt::Display,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| {
        let invocation = Invocation::new(log, &event.context);
        let log = invocation.log.clone();
        // Boxed: the runtime wraps it many times over, and it is large.
        let handled = Box::pin(handle(invocation, event.payload));
        async move {
            handled.await.map_err(|error| {
                let text = error.to_string();
                log.error("the invocation failed", json!({"reason": text}));
                Diagnostic { error_type: "Failed".to_owned(), error_message: text }
            })
        }
    }))
    .await
}
