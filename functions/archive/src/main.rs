//! The function archive on AWS.

use anabranch_archive::Archive;
use anabranch_host::aws::{Connection, Control, Master, Options, Stream};
use anabranch_host::{Environment, Log, serve, settings};
use std::process::ExitCode;

fn main() -> ExitCode {
    anabranch_host::main("archive", start)
}

async fn start(log: Log) -> anabranch_host::Result<()> {
    let mut environment = Environment::of_process();
    let e = &mut environment;
    let stores = settings::raw_bucket(e).zip(settings::control_table(e));
    let read = settings::stream(e).zip(stores).zip(settings::epoch_length(e));
    let ((name, (raw, control)), length) = environment.check(read)?;
    let connection = Connection::open(Options::default()).await?;
    let archive = Archive {
        master: Master::new(&connection, &raw, &control, length),
        control: Control::new(&connection, &control),
        stream: Stream::new(&connection, &name),
        name,
        length,
    };
    let archive = &archive;
    serve(&log, |invocation, event| async move {
        archive.handle(&invocation, event.get().as_bytes()).await
    })
    .await
}
