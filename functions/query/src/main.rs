//! The function query on AWS.

use anabranch_host::aws::{self, Connection, Layout};
use anabranch_host::{Environment, Log, load_project, serve, settings};
use anabranch_query::{Query, Stores};
use std::process::ExitCode;

/// Column chunks of parts that are kept in memory.
const CACHE_BYTES: usize = 128 << 20;

fn main() -> ExitCode {
    anabranch_host::main("query", start)
}

async fn start(log: Log) -> anabranch_host::Result<()> {
    let mut environment = Environment::of_process();
    let e = &mut environment;
    let folder = settings::project_folder(e);
    let buckets = settings::raw_bucket(e).zip(settings::views_bucket(e));
    let tables = settings::speed_table(e).zip(settings::control_table(e));
    let read = buckets.zip(tables).zip(settings::epoch_length(e));
    let (((raw, views), (speed, control)), length) = environment.check(read)?;
    let connection = Connection::open(aws::Options::default()).await?;
    let stores = Stores {
        master: aws::Master::new(&connection, &raw, &control, length).read_only(),
        speed: aws::Speed::open_to_read(&connection, &speed, Layout::default()).await?,
        control: aws::Control::new(&connection, &control),
        views: aws::Views::new(&connection, &views, CACHE_BYTES),
    };
    let query = &Query::new(stores, length, load_project(&folder)?);
    serve(&log, |invocation, event| async move { query.handle(&invocation, event.get()).await })
        .await
}
