//! Plain files in chunks, taken by whichever core is free.
//!
//! A chunk is a stretch of a file, and its lines are those that begin in it: nobody has to cut the
//! file first, and every byte is copied once, from the system's cache into a buffer that stays in
//! the processor's.

use anyhow::Context;
use memchr::memchr;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// So little that a chunk and what is made of it stay in a core's own cache.
const CHUNK_BYTES: u64 = 384 << 10;
/// By so much a buffer grows to find the end of a chunk's last line.
const MORE_BYTES: usize = 4 << 10;

/// The chunks of some files.
pub(super) struct Chunks {
    files: Vec<Plain>,
    /// A file and where the chunk starts in it.
    chunks: Vec<(usize, u64)>,
    next: AtomicUsize,
}

struct Plain {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Chunks {
    pub(super) fn new(paths: &[impl AsRef<Path>]) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        let mut chunks = Vec::new();
        for (index, path) in paths.iter().enumerate() {
            let path = path.as_ref().to_owned();
            let context = || path.display().to_string();
            let file = File::open(&path).with_context(context)?;
            let length = file.metadata().with_context(context)?.len();
            chunks.extend((0..length).step_by(CHUNK_BYTES as usize).map(|start| (index, start)));
            files.push(Plain { path, file, length });
        }
        Ok(Chunks { files, chunks, next: AtomicUsize::new(0) })
    }

    /// Hands whole lines to `take` until there are none; each line goes to one caller.
    pub(super) fn for_each(&self, mut take: impl FnMut(&[u8])) -> anyhow::Result<()> {
        let mut buffer = Vec::new();
        while let Some(&(index, start)) = self.chunks.get(self.next.fetch_add(1, Ordering::Relaxed))
        {
            let file = &self.files[index];
            let lines = file.lines(start, &mut buffer);
            take(lines.with_context(|| file.path.display().to_string())?);
        }
        Ok(())
    }
}

impl Plain {
    /// The lines that begin in the chunk at `start`.
    fn lines<'b>(&self, start: u64, buffer: &'b mut Vec<u8>) -> std::io::Result<&'b [u8]> {
        let end = (start + CHUNK_BYTES).min(self.length);
        // The byte before tells whether a line begins at the chunk's first byte.
        let from = start.saturating_sub(1);
        let within = (end - from) as usize;
        buffer.resize(within, 0);
        self.file.read_exact_at(buffer, from)?;
        let first = if start == 0 { Some(0) } else { memchr(b'\n', buffer).map(|at| at + 1) };
        let first = match first {
            Some(first) if first < within => first,
            // A single line reaches over the whole chunk, or ends with it.
            _ => return Ok(&[]),
        };
        let mut searched = within - 1;
        loop {
            if let Some(at) = memchr(b'\n', &buffer[searched..]) {
                return Ok(&buffer[first..searched + at]);
            }
            searched = buffer.len();
            let more = (self.length - from - searched as u64).min(MORE_BYTES as u64) as usize;
            if more == 0 {
                return Ok(&buffer[first..]);
            }
            buffer.resize(searched + more, 0);
            self.file.read_exact_at(&mut buffer[searched..], from + searched as u64)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of lengths around the chunk's, with and without a newline at the very end.
    #[test]
    fn every_line_comes_once_wherever_chunks_are_cut() {
        let chunk = CHUNK_BYTES as usize;
        for lengths in [
            vec![chunk - 1, 0, 5, chunk - 7, 1, chunk, chunk + 1, 3 * chunk, 2],
            vec![chunk - 2, chunk - 1, chunk - 1, 4],
            vec![1; 3],
        ] {
            for end in ["", "\n"] {
                let lines: Vec<String> = lengths
                    .iter()
                    .enumerate()
                    .map(|(number, &length)| {
                        let letter = char::from(b'a' + number as u8);
                        letter.to_string().repeat(length)
                    })
                    .collect();
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("events");
                std::fs::write(&path, lines.join("\n") + end).unwrap();
                let mut found = Vec::new();
                let chunks = Chunks::new(&[&path]).unwrap();
                chunks
                    .for_each(|text| {
                        let text = std::str::from_utf8(text).unwrap();
                        found.extend(text.split('\n').map(str::to_owned));
                    })
                    .unwrap();
                found.retain(|line| !line.is_empty());
                let expected: Vec<&String> = lines.iter().filter(|line| !line.is_empty()).collect();
                assert_eq!(found.iter().collect::<Vec<_>>(), expected);
            }
        }
    }
}
