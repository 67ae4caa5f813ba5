//! The command on AWS: against a stream that fails as it is told to, and against an emulator.
//!
//! `make aws-stores` starts the emulator and runs this.

mod audit;
mod double;
mod emulator;
mod produce;
#[path = "../support/mod.rs"]
mod support;

use std::process::{Command, Output};
use support::command;

/// The command, on what stands in for AWS at `url`.
fn aws_command(url: &str, arguments: &[&str]) -> Command {
    let mut command = command(arguments);
    command
        .env_clear()
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    command
}

/// Runs the command on what stands in for AWS at `url`: its exit code, and what it says.
fn run(url: &str, arguments: &[&str]) -> (i32, String) {
    told(&aws_command(url, arguments).output().expect("the command can be started"))
}

fn told(output: &Output) -> (i32, String) {
    let text = [&output.stdout, &output.stderr].map(|bytes| support::text(bytes)).concat();
    (output.status.code().expect("it was not killed"), text)
}
