//! The function speed on AWS.

use anabranch_host::aws::{self, Connection, Layout, Options};
use anabranch_host::{Environment, Log, serve, settings};
use anabranch_speed::Speed;
use std::process::ExitCode;

fn main() -> ExitCode {
    anabranch_host::main("speed", start)
}

async fn start(log: Log) -> anabranch_host::Result<()> {
    let mut environment = Environment::of_process();
    let e = &mut environment;
    let tables = settings::speed_table(e).zip(settings::control_table(e));
    let stores = settings::raw_bucket(e).zip(tables);
    let read = settings::stream(e).zip(stores).zip(settings::epoch_length(e));
    let ((name, (raw, (speed, control))), length) = environment.check(read)?;
    let connection = Connection::open(Options::default()).await?;
    let stores = (
        aws::Speed::open(&connection, &speed, Layout::default()).await?,
        aws::Control::new(&connection, &control),
        aws::Master::new(&connection, &raw, &control, length),
        aws::Stream::new(&connection, &name),
    );
    let speed = &Speed::new(stores, name, length);
    serve(&log, |invocation, event| async move {
        speed.handle(&invocation, event.get().as_bytes()).await
    })
    .await
}
