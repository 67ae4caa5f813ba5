//! The bill: what a month takes of each service, and why.

use super::load::{Deliveries, HOURS, Load, SECONDS};
use super::rows::{Rows, Writes};
use super::stack;

const GB: f64 = (1_u64 << 30) as f64;

/// So much of something that has a price.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// The name of its price, which begins with the service.
    pub(super) item: &'static str,
    pub(super) what: &'static str,
    pub(super) quantity: f64,
    /// What the quantity is worked out from.
    pub(super) because: String,
}

/// What the lines are worked out from.
pub(super) struct Bill<'a> {
    load: &'a Load,
    rows: &'a [Rows<'a>],
    archive: Deliveries,
    speed: Deliveries,
    writes: Writes,
    lines: Vec<Line>,
}

/// The lines of a month under `load`, in an order that is the same for every load.
pub(super) fn lines(load: &Load, rows: &[Rows<'_>]) -> Vec<Line> {
    let (archive, speed) =
        (load.deliveries(load.archive_window), load.deliveries(load.speed_window));
    let mut bill =
        Bill { load, rows, archive, speed, writes: writes(load, rows), lines: Vec::new() };
    bill.stream();
    bill.functions();
    bill.tables();
    bill.buckets();
    bill.others();
    bill.lines
}

/// The puts of speed rows of all views, per second and shard.
pub(super) fn writes(load: &Load, rows: &[Rows<'_>]) -> Writes {
    let deliveries = load.deliveries(load.speed_window);
    let views = rows.iter().map(|rows| rows.writes(load, deliveries));
    views.fold(Writes::default(), |all, view| Writes {
        puts: all.puts + view.puts,
        units: all.units + view.units,
    })
}

/// Rounds for people: two digits behind the point where there are few before it.
fn some(number: f64) -> String {
    if number >= 100.0 { format!("{number:.0}") } else { format!("{number:.2}") }
}

impl Bill<'_> {
    fn line(&mut self, item: &'static str, what: &'static str, quantity: f64, because: String) {
        self.lines.push(Line { item, what, quantity, because });
    }

    /// Deliveries of all shards in a month.
    fn monthly(&self, deliveries: Deliveries) -> f64 {
        deliveries.per_second * self.load.shards * SECONDS
    }

    fn stream(&mut self) {
        let load = self.load;
        let records = load.shard_records() * load.shards;
        if load.provisioned {
            let shards = format!("shards: {}", load.shards);
            self.line("kinesis.shard-hour", "shards", load.shards * HOURS, shards);
            let units = records * SECONDS * (load.size / 25_600.0).ceil();
            let because = "each event begins a unit of 25 KB".to_owned();
            self.line("kinesis.put-units", "records in", units, because);
            let because = format!("kept for {} hours more than a day", stack::EXTENDED_HOURS);
            self.line("kinesis.shard-retention", "retention", load.shards * HOURS, because);
            return;
        }
        self.line("kinesis.stream-hour", "stream", HOURS, "one stream".to_owned());
        let per_second = load.rate * (load.size / 1024.0).ceil() * 1024.0
            + load.heartbeats * load.shards * 1024.0;
        let month = per_second * SECONDS / GB;
        let because = format!("an event of {} bytes counts as whole KB", load.size);
        self.line("kinesis.data-in", "records in", month, because);
        let because = "the archive and the speed layer read every record".to_owned();
        self.line("kinesis.data-out", "records out", 2.0 * month, because);
        let kept = per_second * stack::EXTENDED_HOURS * 3600.0 / GB;
        let because = format!("kept for {} hours more than a day", stack::EXTENDED_HOURS);
        self.line("kinesis.retention", "retention", kept, because);
    }

    fn functions(&mut self) {
        let load = self.load;
        let each = |deliveries: Deliveries, window: f64| {
            format!(
                "shards: {}, each with deliveries of {} events, gathered for {window} s",
                load.shards,
                some(deliveries.events)
            )
        };
        let (archive, speed) = (self.archive, self.speed);
        let seconds = stack::archive_seconds(archive.events);
        let because = each(archive, load.archive_window);
        self.function("archive", self.monthly(archive), seconds, stack::ARCHIVE_GB, because);
        let puts = if speed.per_second > 0.0 { self.writes.puts / speed.per_second } else { 0.0 };
        let seconds = stack::speed_seconds(speed.events, puts);
        let because = format!("{}, {} puts", each(speed, load.speed_window), some(puts));
        self.function("speed", self.monthly(speed), seconds, stack::SPEED_GB, because);

        let ticks = SECONDS / 60.0;
        let builds = SECONDS / load.batch_every;
        let build = if self.is_on_glue() { 10.0 } else { stack::build_seconds(self.per_build()) };
        let seconds = stack::TICK_SECONDS + build * builds / ticks;
        let because = format!("a tick each minute, a build each {} s", load.batch_every);
        self.function("batch", ticks, seconds, stack::BATCH_GB, because);

        let answers = load.queries * SECONDS;
        let because = format!("{} answers a second", load.queries);
        self.function("query", answers, stack::ANSWER_SECONDS, stack::QUERY_GB, because);
        if let Some(events) = load.events_per_post {
            let posts = load.rate / events * SECONDS;
            let because = format!("{events} events a request");
            self.function("ingest", posts, stack::POST_SECONDS, stack::INGEST_GB, because);
        }
    }

    fn function(
        &mut self,
        name: &'static str,
        invocations: f64,
        seconds: f64,
        gigabytes: f64,
        because: String,
    ) {
        self.line("lambda.requests", name, invocations, because);
        let because = format!("{:.0} ms each, of {gigabytes:.2} GB", seconds * 1000.0);
        self.line("lambda.arm64", name, invocations * seconds * gigabytes, because);
    }

    /// Events that a build takes in.
    fn per_build(&self) -> f64 {
        self.load.rate * self.load.batch_every
    }

    fn is_on_glue(&self) -> bool {
        self.per_build() * self.load.size * stack::COMPRESSED > stack::NATIVE_MAX_BYTES
    }

    fn tables(&mut self) {
        let load = self.load;
        let units = self.writes.units * load.shards * SECONDS;
        let because = match self.writes.puts {
            0.0 => "no rows".to_owned(),
            puts => format!(
                "{} puts a second, {:.2} units each on average",
                some(puts * load.shards),
                self.writes.units / puts
            ),
        };
        self.line("dynamodb.writes", "speed rows", units, because);
        let deliveries = self.monthly(self.archive) + self.monthly(self.speed);
        let because = "a tail or a checkpoint per delivery".to_owned();
        self.line("dynamodb.writes", "control", deliveries, because);
        // A tick reads the shards, and a checkpoint and a tail of each.
        let reads = deliveries + SECONDS / 60.0 * (2.0 + 2.0 * load.shards);
        let because = "the same is read, and by each tick".to_owned();
        self.line("dynamodb.reads", "control", reads, because);
        let reads = load.queries * SECONDS * stack::ANSWER_READS;
        let because = format!("{} of each answer", stack::ANSWER_READS);
        self.line("dynamodb.reads", "answers", reads, because);
        let bytes: f64 = self.rows.iter().map(|rows| rows.speed_bytes(load)).sum();
        let because = "rows of 14 days, until their TTL takes them".to_owned();
        self.line("dynamodb.storage", "speed rows", bytes / GB, because);
        let because = "point-in-time recovery of the same".to_owned();
        self.line("dynamodb.backup", "speed rows", bytes / GB, because);
    }

    fn buckets(&mut self) {
        let load = self.load;
        let objects = self.monthly(self.archive);
        let parts = SECONDS / load.batch_every * (self.rows.len() as f64) * stack::PARTS;
        let because = "an object per delivery to the archive".to_owned();
        self.line("s3.puts", "master data set", objects, because);
        let because =
            format!("{} parts and files per view and build, and a list a tick", stack::PARTS);
        self.line("s3.puts", "batch views", parts + SECONDS / 60.0, because);
        let because = "a build reads new objects, their footers, and its last version".to_owned();
        self.line("s3.gets", "builds", 2.0 * objects + parts, because);
        let answers = load.queries * SECONDS * stack::ANSWER_GETS;
        self.line("s3.gets", "answers", answers, "the pointer, and a part now and then".to_owned());

        let per_day = load.rate * load.size * stack::COMPRESSED * 86_400.0
            + objects / SECONDS * stack::OBJECT_BYTES * 86_400.0;
        let standard = load.retention_days.min(stack::STANDARD_DAYS);
        let infrequent = (load.retention_days - standard).min(stack::INFREQUENT_DAYS);
        let archive = load.retention_days - standard - infrequent;
        let size = format!("{} of an event's bytes", stack::COMPRESSED);
        for (item, days) in
            [("s3.standard", standard), ("s3.infrequent", infrequent), ("s3.archive", archive)]
        {
            let because = format!("{days} days of it, {size}");
            self.line(item, "master data set", days * per_day / GB, because);
        }
        let moved = |days: f64| if days > 0.0 { objects } else { 0.0 };
        let because = "every object, once".to_owned();
        self.line("s3.to-infrequent", "master data set", moved(infrequent), because.clone());
        self.line("s3.to-archive", "master data set", moved(archive), because);
        let bytes: f64 = self.rows.iter().map(|rows| rows.view_bytes(load)).sum();
        let because = format!("two versions of rows of {} days", load.retention_days);
        self.line("s3.standard", "batch views", bytes / GB, because);
    }

    fn others(&mut self) {
        let load = self.load;
        let posts = load.events_per_post.map_or(0.0, |events| load.rate / events);
        let requests = (load.queries + posts) * SECONDS;
        self.line("api.requests", "answers and events", requests, "requests over HTTP".to_owned());
        let builds = if self.is_on_glue() { SECONDS / load.batch_every } else { 0.0 };
        let seconds = stack::glue_seconds(self.per_build());
        let because =
            format!("builds of {} events, {} s each", some(self.per_build()), some(seconds));
        self.line("glue.dpu-hours", "builds", builds * stack::GLUE_DPU * seconds / 3600.0, because);

        let invocations: f64 =
            self.lines.iter().filter(|l| l.item == "lambda.requests").map(|l| l.quantity).sum();
        let logs = invocations * stack::LOG_BYTES + requests * stack::ACCESS_LOG_BYTES;
        let because = format!("{} bytes per invocation, metrics included", stack::LOG_BYTES);
        self.line("cloudwatch.logs", "functions and API", logs / GB, because);
        self.line(
            "cloudwatch.metrics",
            "functions",
            stack::METRICS,
            "their own metrics".to_owned(),
        );
        self.line("cloudwatch.alarms", "alarms", stack::ALARMS, "one metric each".to_owned());
        self.line("cloudwatch.dashboards", "dashboard", 1.0, "one".to_owned());
        self.line("kms.keys", "encryption", 1.0, "the stack's own key".to_owned());
        let objects: f64 = self
            .lines
            .iter()
            .filter(|l| ["s3.puts", "s3.gets"].contains(&l.item))
            .map(|l| l.quantity)
            .sum();
        // A shard's key is asked for every five minutes by producer and consumers; a bucket's key
        // stands for about a hundred objects'.
        let kms = load.shards * HOURS * 12.0 * 3.0 + objects / 100.0;
        let because = "a key of a shard each five minutes, one of a hundred objects".to_owned();
        self.line("kms.requests", "encryption", kms, because);
        self.line("scheduler.invocations", "ticks", SECONDS / 60.0, "one a minute".to_owned());
    }
}
