//! What the function is invoked with.
//!
//! ```text
//! {"action":"tick"}                                    by the schedule, every minute
//! {"action":"build","mode":"incremental" or "full"}    by hand
//! {"source":"aws.glue","detail":{"state":…,…}}         by EventBridge, when a run of the job has ended
//! ```

use anabranch_core::pipeline::build::Mode;
use serde::Deserialize;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Whatever is due.
    Tick,
    /// A build, due or not.
    Build(Mode),
    /// A run of the job has come to its end; whatever is due, as in a tick.
    JobEnded {
        /// The run.
        run: String,
        /// How it ended, in Glue's word.
        state: String,
        /// Why, if it failed.
        message: String,
    },
}

#[derive(Deserialize)]
struct Event {
    action: Option<String>,
    mode: Option<String>,
    source: Option<String>,
    detail: Option<Detail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    job_run_id: String,
    state: String,
    #[serde(default)]
    message: String,
}

const EXPECTED: &str = r#"expected {"action":"tick"}, {"action":"build","mode":"incremental" or "full"}, or a state change of a Glue job"#;

/// Reads an event.
///
/// # Errors
/// In words, with what is expected.
pub fn parse(event: &str) -> Result<Action, String> {
    let wrong = |what: String| format!("{what}: {EXPECTED}");
    let event: Event = serde_json::from_str(event).map_err(|error| wrong(error.to_string()))?;
    match (event.action.as_deref(), event.mode.as_deref()) {
        (Some("tick"), None) => Ok(Action::Tick),
        (Some("build"), Some("full")) => Ok(Action::Build(Mode::Full)),
        (Some("build"), None | Some("incremental")) => Ok(Action::Build(Mode::Incremental)),
        (None, None) => match (event.source.as_deref(), event.detail) {
            (Some("aws.glue"), Some(Detail { job_run_id: run, state, message })) => {
                Ok(Action::JobEnded { run, state, message })
            }
            _ => Err(wrong("the event names no action".to_owned())),
        },
        (action, mode) => {
            let (action, mode) = (action.unwrap_or("none"), mode.unwrap_or("none"));
            Err(wrong(format!("action `{action}`, mode `{mode}`")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_of_three_and_anything_else_is_refused() {
        assert_eq!(parse(r#"{"action":"tick"}"#), Ok(Action::Tick));
        assert_eq!(parse(r#"{"action":"build"}"#), Ok(Action::Build(Mode::Incremental)));
        assert_eq!(parse(r#"{"action":"build","mode":"full"}"#), Ok(Action::Build(Mode::Full)));
        let ended = r#"{"version":"0","source":"aws.glue","detail-type":"Glue Job State Change",
            "detail":{"jobName":"build","severity":"ERROR","state":"FAILED","jobRunId":"jr_1","message":"out of memory"}}"#;
        let (run, state, message) = ("jr_1".into(), "FAILED".into(), "out of memory".into());
        assert_eq!(parse(ended), Ok(Action::JobEnded { run, state, message }));
        for wrong in [
            "",
            "{}",
            r#"{"action":"fly"}"#,
            r#"{"action":"tick","mode":"full"}"#,
            r#"{"action":"build","mode":"half"}"#,
            r#"{"source":"aws.s3"}"#,
        ] {
            assert!(parse(wrong).unwrap_err().contains("expected"), "{wrong}");
        }
    }
}
