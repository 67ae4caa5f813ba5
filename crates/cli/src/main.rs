//! The `anabranch` command.

mod generate;
mod input;
mod produce;
mod server;

use clap::Parser;
use std::process::ExitCode;

/// The Lambda architecture on one machine: views in SQL, exact answers.
#[derive(Debug, Parser)]
#[command(version)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Write synthetic events to standard output
    Generate(generate::Arguments),
    /// Send events to a server
    Produce(produce::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    match Command::parse().action {
        Action::Generate(arguments) => generate::run(&arguments)?,
        Action::Produce(arguments) => return produce::run(&arguments),
    }
    Ok(ExitCode::SUCCESS)
}
