//! `anabranch init`: a commented project to start from.

use crate::failure::invalid;
use anyhow::Context;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Arguments of `anabranch init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  anabranch init shop && anabranch check shop && anabranch dev shop

Writes a schema, two views, sample events and a README that says how to go on. A folder that holds
anything is left alone.")]
pub(crate) struct Arguments {
    /// The folder to make
    folder: PathBuf,
}

/// The starter project: path in the folder, content.
const FILES: [(&str, &str); 6] = [
    ("schema.sql", include_str!("../template/schema.sql")),
    ("views/service_health.sql", include_str!("../template/views/service_health.sql")),
    ("views/customers.sql", include_str!("../template/views/customers.sql")),
    ("events/sample.ndjson", include_str!("../template/events/sample.ndjson")),
    ("README.md", include_str!("../template/README.md")),
    (".gitignore", "# The data of `anabranch dev`.\n.anabranch/\n"),
];

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = &arguments.folder;
    write(folder)?;
    let name = folder.display();
    writeln!(
        io::stdout(),
        "{name}: a schema, two views and 60 sample events.\n\n\
         Next:\n  anabranch check {name}\n  anabranch dev {name}\n\
         and in another terminal:\n  \
         anabranch produce {name}/events/sample.ndjson --to http://127.0.0.1:4000\n  \
         anabranch query {name} --url http://127.0.0.1:4000 service_health --every 1h"
    )?;
    Ok(())
}

fn write(folder: &Path) -> anyhow::Result<()> {
    let context = || folder.display().to_string();
    fs::create_dir_all(folder).with_context(context)?;
    if fs::read_dir(folder).with_context(context)?.next().is_some() {
        return Err(invalid(format!(
            "{}: not empty; give a folder that does not exist yet",
            folder.display()
        )));
    }
    for (name, text) in FILES {
        let path = folder.join(name);
        let parent = path.parent().expect("a file in the folder");
        fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
