//! Lines as they are, cut into blocks at line ends.

use super::{Batch, Take};
use std::io::{self, Read};

/// A pipe hands over at most this much at once.
const LIVE_READ_BYTES: usize = 64 << 10;

/// Reads lines and hands them over in blocks of about `block_bytes`, never cutting one; a longer
/// line makes a longer block. From a `live` source every whole line goes on as soon as it is there.
pub(super) fn read(
    mut reader: impl Read,
    block_bytes: usize,
    live: bool,
    take: Take<'_>,
) -> anyhow::Result<()> {
    let mut block = Vec::new();
    loop {
        let whole = block.len();
        if fill(&mut reader, &mut block, block_bytes, live)? == 0 {
            break;
        }
        // What was there before is the start of a line without its end.
        if let Some(end) = memchr::memrchr(b'\n', &block[whole..]) {
            let rest = block[whole + end + 1..].to_vec();
            block.truncate(whole + end + 1);
            take(Batch::new(std::mem::replace(&mut block, rest)))?;
        }
    }
    if !block.is_empty() {
        block.push(b'\n');
        take(Batch::new(block))?;
    }
    Ok(())
}

/// Reads more behind what `block` holds; returns how much, which is 0 at the end only. A line that
/// does not end makes the block grow by its own size each time.
fn fill(
    reader: &mut impl Read,
    block: &mut Vec<u8>,
    block_bytes: usize,
    live: bool,
) -> io::Result<usize> {
    let before = block.len();
    if live {
        block.resize(before + LIVE_READ_BYTES, 0);
        let read = loop {
            match reader.read(&mut block[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        block.truncate(before + *read.as_ref().unwrap_or(&0));
        return read;
    }
    let more = block_bytes.saturating_sub(before).max(before).max(1);
    block.reserve_exact(more);
    reader.by_ref().take(more as u64).read_to_end(block)
}
