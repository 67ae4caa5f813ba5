//! What files hold, as a hash: how an import knows that it has seen a file before.

use crate::data::ledger::Content;
use crate::progress;
use anyhow::Context;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Hashes the files, as they are on the disk.
pub(super) fn of_files(paths: &[PathBuf]) -> anyhow::Result<Vec<Content>> {
    let lengths = paths.iter().filter_map(|path| Some(path.metadata().ok()?.len()));
    let bar = progress::bytes(lengths.sum());
    bar.set_message("checking");
    let contents = paths.iter().map(|path| {
        let opened = File::open(path).map(|file| bar.wrap_read(file));
        opened.and_then(|file| of_file(path, file)).with_context(|| path.display().to_string())
    });
    let contents = contents.collect();
    bar.finish_and_clear();
    contents
}

fn of_file(path: &Path, mut file: impl Read) -> std::io::Result<Content> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Content { path: path.display().to_string(), bytes, sha256 })
}
