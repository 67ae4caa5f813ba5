//! How a command ends: what it says on standard error, and with which exit code.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | it failed: a disk, a network, a corrupt file; the message names the object |
//! | 2 | the request is wrong: an argument, a project that does not compile, input that cannot be |

use crate::project::DoesNotCompile;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

const FAILED: u8 = 1;
const INVALID: u8 = 2;

/// The request is wrong, and the same request will be wrong again.
#[derive(Debug)]
pub(crate) struct Invalid(pub(crate) String);

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

/// An [`Invalid`] as an `anyhow` error.
pub(crate) fn invalid(message: impl Into<String>) -> anyhow::Error {
    Invalid(message.into()).into()
}

/// Where `what` needs AWS and the command was built without it.
#[cfg(not(feature = "aws"))]
pub(crate) fn built_without_aws(what: &str) -> anyhow::Error {
    invalid(format!(
        "{what}: this command was built without AWS; `make build AWS=1` builds one with it (or `cargo build --release -p anabranch --features aws`)"
    ))
}

/// Says what went wrong and chooses the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let reader_left = |cause: &(dyn std::error::Error + 'static)| {
        let error = cause.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(reader_left) {
        // `| head` has seen enough.
        return ExitCode::SUCCESS;
    }
    // Nobody is left to tell when standard error is closed.
    let _ = write_report(error, &mut io::stderr().lock());
    let is_invalid = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<Invalid>() || cause.is::<DoesNotCompile>()
    };
    ExitCode::from(if error.chain().any(is_invalid) { INVALID } else { FAILED })
}

fn write_report(error: &anyhow::Error, out: &mut impl Write) -> io::Result<()> {
    if let Some(errors) = error.downcast_ref::<DoesNotCompile>() {
        write!(out, "{}", errors.render(may_colour()))?;
    }
    writeln!(out, "error: {error:#}")
}

/// Whether standard error is a terminal whose user has not asked for plain text.
fn may_colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
