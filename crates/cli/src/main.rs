//! The `anabranch` command.

mod generate;

use clap::Parser;

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
}

fn main() -> anyhow::Result<()> {
    match Command::parse().action {
        Action::Generate(arguments) => generate::run(&arguments)?,
    }
    Ok(())
}
