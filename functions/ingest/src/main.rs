//! The function ingest on AWS.

use anabranch_host::aws::{Connection, Options, Producer, Stream};
use anabranch_host::{Environment, Log, http, load_project, serve, settings};
use anabranch_http::router;
use anabranch_ingest::{Ingest, options};
use std::process::ExitCode;

fn main() -> ExitCode {
    anabranch_host::main("ingest", start)
}

async fn start(log: Log) -> anabranch_host::Result<()> {
    let mut environment = Environment::of_process();
    let folder = settings::project_folder(&mut environment);
    let stream = settings::stream(&mut environment);
    let stream = environment.check(stream)?;
    let connection = Connection::open(Options::default()).await?;
    let producer = Producer::new(Stream::new(&connection, &stream));
    let router = &router(Ingest::new(load_project(&folder)?, producer), options());
    serve(&log, |invocation, event| async move {
        http::route(&invocation, router.clone(), event.get()).await
    })
    .await
}
