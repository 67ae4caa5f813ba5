//! The variables that several functions read, one function for each: the names and what is allowed
//! stand here and nowhere else.

use crate::environment::Environment;
use crate::log::Level;
use anabranch_core::duration;
use anabranch_core::epoch::EpochLength;
use std::path::PathBuf;
use std::time::Duration;

fn name(environment: &mut Environment, variable: &str, what: &str) -> Option<String> {
    environment.required(variable, &format!("the name of {what}"), |text| Some(text.to_owned()))
}

/// `ANABRANCH_STREAM`: the stream's name.
pub fn stream(environment: &mut Environment) -> Option<String> {
    name(environment, "ANABRANCH_STREAM", "the Kinesis stream")
}

/// `ANABRANCH_RAW_BUCKET`: the bucket of the master data set.
pub fn raw_bucket(environment: &mut Environment) -> Option<String> {
    name(environment, "ANABRANCH_RAW_BUCKET", "the master data set's bucket")
}

/// `ANABRANCH_VIEWS_BUCKET`: the bucket of the batch views.
pub fn views_bucket(environment: &mut Environment) -> Option<String> {
    name(environment, "ANABRANCH_VIEWS_BUCKET", "the batch views' bucket")
}

/// `ANABRANCH_FAILURES_BUCKET`: the bucket that batches go to that Lambda has given up.
pub fn failures_bucket(environment: &mut Environment) -> Option<String> {
    name(environment, "ANABRANCH_FAILURES_BUCKET", "the bucket of batches that were given up")
}

/// `ANABRANCH_SPEED_TABLE`: the table of speed rows.
pub fn speed_table(environment: &mut Environment) -> Option<String> {
    name(environment, "ANABRANCH_SPEED_TABLE", "the speed rows' table")
}

/// `ANABRANCH_CONTROL_TABLE`: the table of control items.
pub fn control_table(environment: &mut Environment) -> Option<String> {
    name(environment, "ANABRANCH_CONTROL_TABLE", "the control items' table")
}

/// What a duration looks like.
const DURATION: &str = "a duration such as 500ms, 10s, 5m or 1h";

fn parse_duration(text: &str) -> Option<Duration> {
    duration::parse(text).ok()
}

/// `ANABRANCH_EPOCH`: the length of epochs, the same for the life of a stream.
pub fn epoch_length(environment: &mut Environment) -> Option<EpochLength> {
    environment.required("ANABRANCH_EPOCH", DURATION, |text| {
        EpochLength::from_millis(parse_duration(text)?.as_millis().try_into().ok()?)
    })
}

/// A variable with a duration, which may be missing.
pub fn optional_duration(environment: &mut Environment, variable: &str) -> Option<Duration> {
    environment.optional(variable, DURATION, parse_duration)
}

/// A variable with a duration.
pub fn required_duration(environment: &mut Environment, variable: &str) -> Option<Duration> {
    environment.required(variable, DURATION, parse_duration)
}

/// `ANABRANCH_LOG`: the least level that is logged; `info` if it is not set.
pub fn log_level(environment: &mut Environment) -> Level {
    let level = environment.optional("ANABRANCH_LOG", Level::ALLOWED, Level::parse);
    level.unwrap_or(Level::Info)
}

/// `ANABRANCH_PROJECT`: the project's folder; `project` beside the program if it is not set.
pub fn project_folder(environment: &mut Environment) -> PathBuf {
    let folder = |text: &str| Some(PathBuf::from(text));
    let given = environment.optional("ANABRANCH_PROJECT", "a folder", folder);
    let task = environment.optional("LAMBDA_TASK_ROOT", "a folder", folder);
    given.unwrap_or_else(|| task.unwrap_or_default().join("project"))
}
