//! Compression: gzip, Zstandard and xz, told by a file's first bytes and undone while reading.
//!
//! No text starts with any of their signatures, so standard input and files without an ending are
//! recognised as well. Files of several members, as `cat a.gz b.gz` makes them, are read whole.

use anyhow::Context;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

/// Compressed bytes are read from disk in pieces of this size.
const BUFFER_BYTES: usize = 256 << 10;
/// The largest window that `zstd --long=31` makes, as a power of two.
const ZSTD_WINDOW_LOG: u32 = 31;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];

/// Reads what `raw`, the file at `path`, holds once it is decompressed.
pub(super) fn decoder(
    path: &Path,
    mut raw: impl Read + Send + 'static,
) -> anyhow::Result<Box<dyn Read + Send>> {
    let mut start = Vec::new();
    raw.by_ref().take(XZ.len() as u64).read_to_end(&mut start)?;
    let reader = Cursor::new(start.clone()).chain(raw);
    let buffered = |reader| BufReader::with_capacity(BUFFER_BYTES, reader);
    if start.starts_with(GZIP) {
        return Ok(Box::new(flate2::bufread::MultiGzDecoder::new(buffered(reader))));
    }
    if start.starts_with(ZSTD) {
        let mut decoder = zstd::Decoder::with_buffer(buffered(reader))?;
        decoder.window_log_max(ZSTD_WINDOW_LOG)?;
        return Ok(Box::new(decoder));
    }
    if start.starts_with(XZ) {
        return Ok(Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(buffered(reader))));
    }
    refuse_wrong_name(path, &start)?;
    Ok(Box::new(reader))
}

/// The name of the file that `path` is the compressed form of.
pub(super) fn plain_name(path: &Path) -> &Path {
    let compressed = path.extension().is_some_and(|extension| {
        ["gz", "zst", "xz"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    });
    match path.file_stem() {
        Some(stem) if compressed => Path::new(stem),
        _ => path,
    }
}

/// A file whose name says that it is compressed must be, in a way that can be undone: its bytes
/// would otherwise pass as events.
fn refuse_wrong_name(path: &Path, start: &[u8]) -> anyhow::Result<()> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("gz" | "zst" | "xz") => Err(io::Error::from(io::ErrorKind::InvalidData))
            .with_context(|| format!("its name says compressed, but it starts with {start:02x?}")),
        Some(other @ ("bz2" | "lz4" | "br" | "zip" | "7z" | "tar" | "parquet")) => {
            anyhow::bail!("cannot read .{other} files: expected plain text, .gz, .zst or .xz")
        }
        _ => Ok(()),
    }
}
