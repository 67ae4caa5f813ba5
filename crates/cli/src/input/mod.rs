//! Input: files of events, compressed or not, lines or tables, as batches of JSON lines.
//!
//! ```text
//! file ─> compression (by its first bytes) ─┬─> lines ──────────────┬─> Batch, Batch, …
//!                                           └─> table (CSV, TSV) ───┘
//! ```
//!
//! `produce` posts the batches and `import` archives them, so both take the same files and send the
//! same payloads. Lines pass through as they are, whatever is in them: whether they are events is
//! for the schema to say, and what it rejects must stay as the producer wrote it.

mod columns;
mod compression;
mod line_blocks;
mod table;

pub(crate) use columns::Columns;

use anyhow::Context;
use indicatif::ProgressBar;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How events stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line
    Ndjson,
    /// Comma-separated, names in the first line, quoted as in RFC 4180
    Csv,
    /// Tab-separated, names in the first line, no quoting
    Tsv,
}

/// Whole lines, each one event's payload, the last one's end included; some may be blank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The lines.
    pub(crate) block: Vec<u8>,
    /// How many of them hold an event.
    pub(crate) events: usize,
}

impl Batch {
    /// A batch of the lines in `block`, the last of which ends.
    fn new(block: Vec<u8>) -> Self {
        let events = anabranch_http::lines(&block).count();
        Batch { block, events }
    }

    /// The payloads, in order.
    pub(crate) fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        anabranch_http::lines(&self.block).map(|(_, span)| &self.block[span])
    }

    /// Adds the lines of `other` behind these.
    pub(crate) fn append(&mut self, mut other: Batch) {
        self.block.append(&mut other.block);
        self.events += other.events;
    }

    /// Takes the first lines off, up to and including event `events`.
    pub(crate) fn split_front(&mut self, events: usize) -> Batch {
        let Some((_, last)) = anabranch_http::lines(&self.block).nth(events.saturating_sub(1))
        else {
            return std::mem::take(self);
        };
        let end = last.end + memchr::memchr(b'\n', &self.block[last.end..]).map_or(0, |at| at + 1);
        let rest = self.block.split_off(end);
        let front = Batch { block: std::mem::replace(&mut self.block, rest), events };
        self.events -= events;
        front
    }
}

/// Takes the next batch; an error ends the reading.
type Take<'t> = &'t mut dyn FnMut(Batch) -> anyhow::Result<()>;

/// Files to read, in order.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    sources: Vec<Source>,
}

#[derive(Debug, Clone)]
struct Source {
    path: PathBuf,
    format: Format,
    /// Its size on disk; `None` for standard input and other pipes.
    bytes: Option<u64>,
}

impl Source {
    fn new(path: &Path, format: Option<Format>) -> anyhow::Result<Self> {
        let is_stdin = path == Path::new("-");
        let format = format.unwrap_or_else(|| format_of(path));
        let mut source = Source { path: path.to_owned(), format, bytes: None };
        if !is_stdin {
            let metadata = path.metadata().with_context(|| source.name())?;
            anyhow::ensure!(!metadata.is_dir(), "{}: is a folder; name files", source.name());
            source.bytes = metadata.is_file().then_some(metadata.len());
        }
        Ok(source)
    }

    fn name(&self) -> String {
        match self.path.to_str() {
            Some("-") => "standard input".to_owned(),
            _ => self.path.display().to_string(),
        }
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        match self.path.to_str() {
            Some("-") => Ok(Box::new(io::stdin())),
            _ => Ok(Box::new(File::open(&self.path)?)),
        }
    }
}

/// The format that a file's name tells; a compressed file is named `name.format.gz`.
fn format_of(path: &Path) -> Format {
    let plain = compression::plain_name(path);
    match plain.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => Format::Csv,
        Some("tsv" | "tab") => Format::Tsv,
        _ => Format::Ndjson,
    }
}

/// Whether a file's name says that it is compressed.
pub(crate) fn is_compressed(path: &Path) -> bool {
    compression::plain_name(path) != path
}

impl Input {
    /// Looks at every file; `-` is standard input. The format is told by a file's name unless it is
    /// given, and is NDJSON where the name says nothing.
    pub(crate) fn new(files: &[PathBuf], format: Option<Format>) -> anyhow::Result<Self> {
        let sources = files.iter().map(|path| Source::new(path, format));
        Ok(Input { sources: sources.collect::<anyhow::Result<_>>()? })
    }

    /// Whether some file is a table, whose cells need the columns' types.
    pub(crate) fn has_table(&self) -> bool {
        self.sources.iter().any(|source| source.format != Format::Ndjson)
    }

    /// The size of all files on disk, if they have one.
    pub(crate) fn total_bytes(&self) -> Option<u64> {
        self.sources.iter().map(|source| source.bytes).sum()
    }

    /// Reads every file and hands over batches of about `batch_bytes`, or of less where waiting for
    /// more would hold events up. `progress` moves with the bytes read from disk.
    pub(crate) fn read(
        &self,
        columns: &Columns,
        batch_bytes: usize,
        progress: &ProgressBar,
        take: Take<'_>,
    ) -> anyhow::Result<()> {
        for source in &self.sources {
            let raw = source.open().with_context(|| source.name())?;
            let raw = progress.wrap_read(raw);
            let reader = compression::decoder(&source.path, raw).with_context(|| source.name())?;
            let live = source.bytes.is_none();
            match source.format {
                Format::Ndjson => line_blocks::read(reader, batch_bytes, live, take),
                Format::Csv => table::read(reader, table::CSV, columns, batch_bytes, live, take),
                Format::Tsv => table::read(reader, table::TSV, columns, batch_bytes, live, take),
            }
            .with_context(|| source.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
