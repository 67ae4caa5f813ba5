//! The `anabranch` command: a whole Lambda architecture on one machine. One module per command.

mod check;
mod explain;
mod failure;
mod generate;
mod init;
mod input;
mod output;
mod produce;
mod project;
mod server;

use clap::Parser;
use std::process::ExitCode;

/// The Lambda architecture on one machine: views in SQL, exact answers.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Exit codes: 0 done; 1 it failed, and the message names what; 2 the request is wrong.
Start with `anabranch init shop`, or with `anabranch dev examples/flights`."
)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a commented project to start from
    Init(init::Arguments),
    /// Compile a project and list its views
    Check(check::Arguments),
    /// Show plans, fingerprints, sizes, and which columns are exact
    Explain(explain::Arguments),
    /// Send events to a server
    Produce(produce::Arguments),
    /// Write synthetic events to standard output
    Generate(generate::Arguments),
}

fn main() -> ExitCode {
    let done = match Command::parse().action {
        Action::Init(arguments) => init::run(&arguments),
        Action::Check(arguments) => check::run(&arguments),
        Action::Explain(arguments) => explain::run(&arguments),
        Action::Produce(arguments) => {
            return produce::run(&arguments).unwrap_or_else(|error| failure::report(&error));
        }
        Action::Generate(arguments) => generate::run(&arguments).map_err(Into::into),
    };
    done.map_or_else(|error| failure::report(&error), |()| ExitCode::SUCCESS)
}
