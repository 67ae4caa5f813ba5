//! The function batch on AWS.

use anabranch_batch::{Batch, Settings, parse};
use anabranch_host::aws::{self, Connection, Layout};
use anabranch_host::{Environment, Log, load_project, serve, settings};
use anabranch_stores::workers::Threads;
use std::process::ExitCode;
use std::time::Duration;

/// Column chunks of parts that are kept in memory: a part is read once per build.
const CACHE_BYTES: usize = 16 << 20;
/// What is folded in one run where nothing else is set: some three minutes with one core.
const NATIVE_MAX_BYTES: u64 = 2 << 30;
/// Lambda lets no invocation go on for longer.
const LONGEST_INVOCATION: Duration = Duration::from_secs(15 * 60);

fn main() -> ExitCode {
    anabranch_host::main("batch", start)
}

async fn start(log: Log) -> anabranch_host::Result<()> {
    let mut environment = Environment::of_process();
    let e = &mut environment;
    let folder = settings::project_folder(e);
    let number = |text: &str| text.parse().ok().filter(|&bytes: &u64| bytes > 0);
    let native_max_bytes = e.optional("ANABRANCH_NATIVE_MAX_BYTES", "a number of bytes", number);
    let job = e.optional("ANABRANCH_GLUE_JOB", jobs::ALLOWED, jobs::name);
    let longest = settings::optional_duration(e, "ANABRANCH_LONGEST_INVOCATION");
    let buckets = settings::raw_bucket(e).zip(settings::views_bucket(e));
    let buckets = buckets.zip(settings::failures_bucket(e));
    let tables = settings::speed_table(e).zip(settings::control_table(e));
    let every = settings::required_duration(e, "ANABRANCH_BATCH_EVERY");
    let stream = settings::stream(e).zip(settings::epoch_length(e));
    let read = buckets.zip(tables).zip(stream).zip(every);
    let (((((raw, views), failures), (speed, control)), (stream, length)), every) =
        environment.check(read)?;
    let connection = Connection::open(aws::Options::default()).await?;
    let batch = &Batch {
        master: aws::Master::new(&connection, &raw, &control, length),
        speed: aws::Speed::open(&connection, &speed, Layout::default()).await?,
        control: aws::Control::new(&connection, &control),
        views: aws::Views::new(&connection, &views, CACHE_BYTES),
        stream: aws::Stream::new(&connection, &stream),
        given_up: aws::Failures::new(&connection, &failures),
        jobs: job.map(|job| jobs::open(&connection, &job)),
        bundled: load_project(&folder)?,
        settings: Settings {
            stream,
            length,
            every,
            native_max_bytes: native_max_bytes.unwrap_or(NATIVE_MAX_BYTES),
            longest_invocation: longest.unwrap_or(LONGEST_INVOCATION),
        },
    };
    serve(&log, |invocation, event| async move {
        let action = parse(event.get())?;
        let report = batch.handle(&invocation, &action, &Threads::available()).await;
        report.map_err(|error| error.to_string())
    })
    .await
}

#[cfg(feature = "glue")]
mod jobs {
    use anabranch_host::aws::{Connection, Jobs};

    pub(super) const ALLOWED: &str = "the name of a Glue job";

    pub(super) fn name(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    pub(super) fn open(connection: &Connection, job: &str) -> Jobs {
        Jobs::new(connection, job)
    }
}

#[cfg(not(feature = "glue"))]
mod jobs {
    use anabranch_batch::NoJobs;
    use anabranch_host::aws::Connection;

    pub(super) const ALLOWED: &str = "nothing: this program was built without the feature `glue`";

    pub(super) fn name(_: &str) -> Option<NoJobs> {
        None
    }

    pub(super) fn open(_: &Connection, job: &NoJobs) -> NoJobs {
        *job
    }
}
