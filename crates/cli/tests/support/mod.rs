//! What the tests of the command share: running it, a server to be killed, and a small project
//! whose answers a plain loop can work out.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod events;
pub(crate) mod server;
pub(crate) mod world;

use std::path::Path;
use std::process::{Command, Output};

/// The command under test.
pub(crate) fn anabranch(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the command can be started")
}

/// The command under test, not started yet.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anabranch"));
    command.args(arguments);
    command
}

/// A run's standard output, once it has succeeded.
#[track_caller]
pub(crate) fn succeeds(arguments: &[&str]) -> String {
    let output = anabranch(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    text(&output.stdout)
}

/// A run's standard error, once it has ended with the given exit code.
#[track_caller]
pub(crate) fn fails(code: i32, arguments: &[&str]) -> String {
    let output = anabranch(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    text(&output.stderr)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the command writes UTF-8")
}

/// A path as an argument.
pub(crate) fn arg(path: &Path) -> &str {
    path.to_str().expect("the tests' paths are UTF-8")
}

/// A small generator of random numbers (SplitMix64): the same seed, the same run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
