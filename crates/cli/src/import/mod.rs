//! `anabranch import`: files of history straight into the master data set.
//!
//! ```text
//! files ─> objects of a shard of their own ─> the shard is registered ─> batch build
//!          (nobody sees them yet)             (the one act that counts)
//! ```
//!
//! The speed layer never sees an import, so its records are given an epoch that no batch version
//! covers yet: the next version takes them up, and until then answers say that they are incomplete.

mod content;
mod objects;

use crate::data::ledger::{Content, Entry, Ledger, State};
use crate::data::{Data, Folder};
use crate::failure::invalid;
use crate::input::{Columns, Format, Input};
use crate::{batch, output, progress, project};
use anabranch_core::pipeline::build::Mode;
use anabranch_core::port::{Control as _, ShardInfo, ShardKind};
use futures::executor::block_on;
use objects::Place;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Arguments of `anabranch import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anabranch import examples/flights examples/flights/events/*.gz
  anabranch import . --data /srv/shop orders-2024.csv.xz orders-2025.csv.xz
  anabranch import . a.ndjson --no-batch && anabranch import . b.ndjson

All files come in together or not at all. Nothing is parsed but lines (and the cells of tables): what
the schema does not accept is archived and counted, and can be listed with `anabranch rejected`. The
data folder must not be in use; to a running server, send events with `anabranch produce`.")]
pub(crate) struct Arguments {
    /// The project's folder
    project: PathBuf,
    #[command(flatten)]
    data: Folder,
    /// Files of events, plain or compressed with gzip, Zstandard or xz
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How events stand in the files [default: by the file's name]
    #[arg(long)]
    format: Option<Format>,
    /// Import files although their content was imported before
    #[arg(long)]
    again: bool,
    /// Make each object of the master data set of about so many bytes of lines
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20, hide = true, value_parser = clap::value_parser!(u32).range(1..))]
    object_bytes: u32,
    /// Do not build a batch version afterwards
    #[arg(long)]
    no_batch: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let project = project::load(&arguments.project)?;
    let folder = arguments.data.of(&arguments.project);
    arguments.files.iter().try_for_each(|file| refuse_pipe(file))?;
    let input = Input::new(&arguments.files, arguments.format)?;
    let data = block_on(Data::create(project, &folder, None, 1))?;
    let mut ledger = Ledger::open(&folder)?;
    sweep(&data, &mut ledger)?;
    let contents = content::of_files(&arguments.files)?;
    if !arguments.again {
        refuse_known(&data, &ledger, &contents)?;
    }
    import(&data, &mut ledger, &input, contents, arguments.object_bytes as usize)?;
    if arguments.no_batch {
        return Ok(());
    }
    block_on(batch::build(&data, Mode::Incremental, output::Format::Table))
}

/// A pipe would be empty the second time, and the import would be, too.
fn refuse_pipe(file: &Path) -> anyhow::Result<()> {
    let is_pipe = file.metadata().is_ok_and(|metadata| !metadata.is_file());
    if is_pipe || file == Path::new("-") {
        let name = file.display();
        return Err(invalid(format!(
            "{name}: not a file; import reads its files twice. Save it to a file, or send it to a \
             server with `anabranch produce`"
        )));
    }
    Ok(())
}

/// Removes what imports have left that died before their shard was registered.
fn sweep(data: &Data, ledger: &mut Ledger) -> anyhow::Result<()> {
    let registered = block_on(data.local.control.shards())?;
    for shard in ledger.died(&registered) {
        let objects = data.local.master.remove_shard(&shard)?;
        ledger.remove(&shard)?;
        writeln!(io::stderr(), "removed {objects} objects of {shard}, which was not finished")?;
    }
    Ok(())
}

fn refuse_known(data: &Data, ledger: &Ledger, contents: &[Content]) -> anyhow::Result<()> {
    let registered = block_on(data.local.control.shards())?;
    for (at, content) in contents.iter().enumerate() {
        let hint = "--again imports it once more";
        if let Some(entry) = ledger.holds(content, &registered) {
            let shard = &entry.shard;
            return Err(invalid(format!("{}: imported before, as {shard}; {hint}", content.path)));
        }
        if let Some(twin) = contents[..at].iter().find(|twin| twin.sha256 == content.sha256) {
            let message = format!("{}: the same content as {}; {hint}", content.path, twin.path);
            return Err(invalid(message));
        }
    }
    Ok(())
}

fn import(
    data: &Data,
    ledger: &mut Ledger,
    input: &Input,
    files: Vec<Content>,
    object_bytes: usize,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let begun_ms = data.clock.now_ms();
    let registered = block_on(data.local.control.shards())?;
    let shard = ledger.new_shard(begun_ms, &registered);
    let epoch = data.length.epoch_of(begun_ms, block_on(data.newest_epoch())?);
    let arrival_ms = begun_ms.max(data.length.start_ms(epoch));
    let place = Place { shard: shard.clone(), epoch, arrival_ms };
    let mut entry = Entry { shard: shard.clone(), state: State::Running, begun_ms, files };
    ledger.write(entry.clone())?;

    let columns = Columns::of_schema(&data.project.schema);
    let bar = progress::bytes(input.total_bytes().unwrap_or(0));
    bar.set_message("importing");
    let writers = std::thread::available_parallelism().map_or(1, usize::from);
    let records = objects::write(&data.local.master, &place, writers, |take| {
        input.read(&columns, object_bytes, &bar, take)
    });
    bar.finish_and_clear();
    let records = records?;
    if records > 0 {
        let (kind, closed) = (ShardKind::Import, Some(records.into()));
        let info = ShardInfo { shard: shard.clone(), kind, base_epoch: epoch, closed };
        // From here on every record counts.
        let registered = block_on(data.local.control.put_shard(None, &info))?;
        anyhow::ensure!(registered, "{shard} is registered already");
    }
    entry.state = State::Done;
    ledger.write(entry)?;
    let seconds = begun.elapsed().as_secs_f64();
    let rate = records as f64 / seconds.max(1e-3);
    writeln!(
        io::stdout(),
        "imported {records} records as {shard} in {seconds:.1} s, {rate:.0}/s\n"
    )?;
    Ok(())
}
