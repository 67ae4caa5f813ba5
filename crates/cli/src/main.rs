//! The `anabranch` command: a whole Lambda architecture on one machine. One module per command.

mod audit;
#[cfg(feature = "aws")]
mod aws;
mod batch;
mod check;
mod clock;
mod cost;
mod data;
mod demo;
mod dev;
mod explain;
mod failure;
mod fold;
mod generate;
mod import;
mod init;
mod input;
mod log;
mod output;
mod produce;
mod progress;
mod project;
mod query;
mod rejected;
mod server;
mod stack;

use clap::Parser;
use std::process::ExitCode;

/// The Lambda architecture on one machine: views in SQL, exact answers.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Exit codes: 0 done; 1 it failed, and the message names what; 2 the request is wrong; more where a
command's help says so.
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
    /// Estimate what the stack on AWS costs in a month
    Cost(cost::Arguments),
    /// Replay real events, and watch a batch version take over
    Demo(demo::Arguments),
    /// Run the whole architecture in one process, over HTTP
    Dev(dev::Arguments),
    /// Bring files of history straight into the master data set
    Import(import::Arguments),
    /// Build a batch version of every view, now
    Batch(batch::Arguments),
    /// Compare everything that is stored with everything else
    Audit(audit::Arguments),
    /// List the records that the schema does not accept, and why
    Rejected(rejected::Arguments),
    /// Fold events in memory and say how fast that was
    #[command(hide = true)]
    Fold(fold::Arguments),
    /// Send events to a server, or to a stream of Kinesis
    Produce(produce::Arguments),
    /// Ask a view
    Query(query::Arguments),
    /// Write synthetic events, to standard output or to a server
    Generate(generate::Arguments),
}

fn main() -> ExitCode {
    let done = match Command::parse().action {
        Action::Init(arguments) => init::run(&arguments),
        Action::Check(arguments) => check::run(&arguments),
        Action::Explain(arguments) => explain::run(&arguments),
        Action::Cost(arguments) => cost::run(&arguments),
        Action::Demo(arguments) => demo::run(&arguments),
        Action::Dev(arguments) => dev::run(&arguments),
        Action::Import(arguments) => import::run(&arguments),
        Action::Batch(arguments) => batch::run(&arguments),
        Action::Audit(arguments) => {
            return audit::run(&arguments).unwrap_or_else(|error| failure::report(&error));
        }
        Action::Rejected(arguments) => rejected::run(&arguments),
        Action::Fold(arguments) => fold::run(&arguments),
        Action::Produce(arguments) => {
            return produce::run(&arguments).unwrap_or_else(|error| failure::report(&error));
        }
        Action::Query(arguments) => query::run(&arguments),
        Action::Generate(arguments) => generate::run(&arguments),
    };
    done.map_or_else(|error| failure::report(&error), |()| ExitCode::SUCCESS)
}
