//! The name of one build of a version, `7-b1`: of its folder, and of its manifest.

use anabranch_core::port::{Error, Result};

/// The name of build `build` of a version.
pub(crate) fn build_name(version: u64, build: &str) -> Result<String> {
    let legible = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if build.is_empty() || !build.chars().all(legible) {
        return Err(Error::Refused {
            object: format!("build `{build}`"),
            reason: "a build's name has letters, digits, `-` and `_` only".to_owned(),
        });
    }
    Ok(format!("{version}-{build}"))
}

/// The version in the name of a build's folder or manifest.
pub(crate) fn version_of(name: &str) -> Option<u64> {
    name.split_once('-')?.0.parse().ok()
}
